import Glibc

/// How a child process ended.
struct ChildEnd {
    let process: pid_t
    /// What `waitpid` says about it.
    fileprivate let status: Int32
}

extension ChildEnd: CustomStringConvertible {
    var description: String {
        let signal = status & 0x7F
        return signal == 0 ? "with status \(status >> 8 & 0xFF)" : "by signal \(signal)"
    }
}

/// Starts programs.
enum Spawn {
    /// Starts a program with this process's environment, folder and standard descriptors. Call ``awaitEnd(of:)`` then.
    static func run(_ program: String, _ arguments: [String]) throws(SystemFile.Fault) -> pid_t {
        // SAFETY: strdup's copies live until they are freed below; the array ends with nil as the call requires.
        var vector: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe vector.append(nil)
        defer { unsafe vector.forEach { unsafe free($0) } }
        // Without the signals that are blocked on this thread.
        // SAFETY: the calls fill and read locals, which are destroyed once.
        var (attributes, none) = (posix_spawnattr_t(), sigset_t())
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, program, nil, &attributes, vector, environ)
        guard result == 0 else { throw SystemFile.Fault(code: result) }
        return process
    }

    /// Waits until a child has ended, and leaves no dead process around.
    static func awaitEnd(of process: pid_t) -> ChildEnd {
        var status: Int32 = 0
        // SAFETY: the call writes a local.
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return ChildEnd(process: process, status: status)
    }
}
