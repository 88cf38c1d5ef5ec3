import Glibc

extension ProcessUsage {
    /// What the process uses at this moment.
    ///
    /// - Parameter startedAt: in milliseconds since 1970.
    static func read(startedAt: Int64) -> ProcessUsage {
        var usage = ProcessUsage(
            stat: Processors.text(of: "/proc/self/stat") ?? "",
            ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)),
            pageSize: sysconf(Int32(_SC_PAGESIZE))
        )
        usage.startedAt = startedAt
        usage.openDescriptors = openDescriptors
        usage.descriptorLimit = descriptorLimit
        return usage
    }

    /// The resident memory at this moment, in bytes. 0 if it is not known.
    static func readMemory() -> Int {
        ProcessUsage(
            stat: Processors.text(of: "/proc/self/stat") ?? "",
            ticksPerSecond: 1,
            pageSize: sysconf(Int32(_SC_PAGESIZE))
        ).residentMemory
    }

    /// Reads the text of `/proc/self/stat`
    /// ([proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)).
    init(stat: String, ticksPerSecond: Int, pageSize: Int) {
        // The second field is the program's name in parentheses, and may contain anything.
        guard let end = stat.lastIndex(of: ")") else { return }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // Numbered from 1 in the manual, and the third comes first here.
        func field(_ number: Int) -> Int { number - 3 < fields.count ? Int(fields[number - 3]) ?? 0 : 0 }
        processorTime = (field(14) + field(15)) * 1000 / max(ticksPerSecond, 1)
        virtualMemory = field(23)
        residentMemory = field(24) * pageSize
    }

    /// Linux 6.2 and later report the number as the folder's size. Before that, the entries must be counted.
    private static var openDescriptors: Int {
        let folder = "/proc/self/fd"
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        if unsafe stat(folder, &status) == 0, status.st_size > 0 { return Int(status.st_size) }
        // SAFETY: the stream is open until it is closed below, and its entries are only counted.
        guard let entries = unsafe opendir(folder) else { return 0 }
        defer { unsafe closedir(entries) }
        var count = 0
        while unsafe readdir(entries) != nil { count += 1 }
        // Without `.`, `..` and the folder itself.
        return max(count - 3, 0)
    }

    private static var descriptorLimit: Int {
        var limit = rlimit()
        // SAFETY: fills a local.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }
}
