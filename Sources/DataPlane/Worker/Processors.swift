import CMalloc
import Glibc

/// The number of processors available to this process: those that it may run on, limited by the quotas of its control
/// groups ([cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files),
/// [v1](https://docs.kernel.org/scheduler/sched-bwc.html)).
package enum Processors {
    package static var available: Int {
        let groups = text(of: "/proc/self/cgroup") ?? ""
        return max(1, min(affinity, quota(groups: groups) { text(of: $0) } ?? .max))
    }

    /// The processors that the process may run on.
    private static var affinity: Int {
        let count = Int(gateway_affinity())
        return count > 0 ? count : sysconf(Int32(_SC_NPROCESSORS_ONLN))
    }

    /// The smallest quota of a process's groups and their ancestors, in whole processors; `nil` if there is none.
    ///
    /// - Parameters:
    ///   - groups: the content of `/proc/self/cgroup`.
    ///   - read: returns the text of a file. In a container, a path may name a file that exists only on the host.
    static func quota(groups: String, read: (String) -> String?) -> Int? {
        var quotas: [Int] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty {
                for folder in ancestors(of: parts[2]) {
                    guard let words = read("/sys/fs/cgroup\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace),
                        words.count == 2
                    else { continue }
                    if let quota = processors(words[0], of: words[1]) { quotas.append(quota) }
                }
            } else if parts[1].utf8.split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual("cpu".utf8) }
            ) {
                for mount in [parts[1], "cpu"] {
                    for folder in ancestors(of: parts[2]) {
                        let path = "/sys/fs/cgroup/\(mount)\(folder)"
                        guard let quota = read("\(path)/cpu.cfs_quota_us"),
                            let period = read("\(path)/cpu.cfs_period_us"),
                            let quota = processors(quota[...], of: period[...])
                        else { continue }
                        quotas.append(quota)
                    }
                }
            }
        }
        return quotas.min()
    }

    /// For example `/a/b`, `/a`, and the root, which is empty.
    static func ancestors(of path: String) -> [String] {
        var folders: [String] = []
        var rest = path[...]
        while let slash = rest.lastIndex(of: "/") {
            if rest.utf8.count > 1 { folders.append(String(rest)) }
            rest = rest[..<slash]
        }
        return folders + [""]
    }

    /// The quota per period, rounded up to whole processors; `nil` if it is not a limit.
    private static func processors(_ quota: Substring, of period: Substring) -> Int? {
        func number(_ text: Substring) -> Int? { Int(String(text.filter { !$0.isWhitespace })) }
        guard let quota = number(quota), let period = number(period), quota > 0, period > 0 else { return nil }
        return max(1, (quota - 1) / period + 1)
    }

    /// The beginning of a small file.
    static func text(of path: String) -> String? {
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        // SAFETY: reads at most the array's count into it.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
