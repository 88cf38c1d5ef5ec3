import Glibc

/// Limits and signal settings that the process sets before it serves.
enum ProcessLimits {
    private static let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    private static let coreLimit = __rlimit_resource_t(RLIMIT_CORE.rawValue)

    /// Raises the limit on open descriptors as far as the system allows, and returns it.
    static func raiseDescriptors() -> Int {
        var limit = rlimit()
        // SAFETY: both calls read or write a local.
        guard unsafe getrlimit(descriptorLimit, &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(descriptorLimit, &limit)
            _ = unsafe getrlimit(descriptorLimit, &limit)
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Ignores signals that must not end the process: SIGUSR2 until it is handled, SIGPIPE from a log reader that has
    /// gone, and SIGXFSZ from a limit on the size of files, whose writes then fail as on a full disk.
    static func ignoreSignals() {
        for number in [SIGUSR2, SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
    }

    /// Ends the process at once, without cleanup.
    static func endNow(_ status: CInt = 0) -> Never { _exit(status) }

    /// Keeps keys and tokens out of core files.
    static func forbidCoreDumps() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        // SAFETY: reads a local.
        _ = unsafe setrlimit(coreLimit, &limit)
    }
}
