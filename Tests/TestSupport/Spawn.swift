package import Glibc
import Transport

/// Starts programs.
package enum Spawn {
    /// Starts a program, which inherits only its standard descriptors.
    ///
    /// - Parameters:
    ///   - input: standard input; `nil` for nothing to read.
    ///   - output: the file to which standard output and standard error are appended; `nil` to discard them.
    ///   - errors: a separate file for standard error.
    package static func run(
        _ program: String,
        _ arguments: [String],
        input: Int32? = nil,
        output: String?,
        errors: String? = nil
    ) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: the actions live until they are destroyed below; the strings are copied into them.
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        if let input {
            _ = unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            _ = unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        _ = unsafe posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", flags, 0o600)
        if let errors {
            _ = unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o600)
        } else {
            _ = unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        // SAFETY: strdup's copies live until they are freed below; the array ends with nil as the call requires.
        var vector: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe vector.append(nil)
        defer { unsafe vector.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(&pid, program, &actions, nil, vector, environ)
        guard result == 0 else { throw SystemFault("posix_spawn", result) }
        return pid
    }

    /// Runs a program to its end, and returns its status: less than zero if a signal has ended it.
    ///
    /// Foundation's `Process` reads past the end of its memory, now and then, while a process has very many descriptors.
    package static func finish(_ program: String, _ arguments: [String]) throws -> Int32 {
        let pid = try run(program, arguments, output: nil)
        var status: Int32 = 0
        // SAFETY: the call writes to a local.
        while unsafe waitpid(pid, &status, 0) < 0 { guard errno == EINTR else { throw SystemFault("waitpid", errno) } }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
    }
}
