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
}
