/// The memory that the system allows this process
/// ([cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files),
/// [v1](https://docs.kernel.org/admin-guide/cgroup-v1/memory.html)).
enum MemoryQuota {
    /// In bytes; `nil` if there is no limit.
    static func ofSystem() -> Int? {
        quota(groups: Processors.text(of: "/proc/self/cgroup") ?? "") { Processors.text(of: $0) }
    }

    /// The smallest limit of a process's groups and their ancestors.
    ///
    /// - Parameters:
    ///   - groups: the content of `/proc/self/cgroup`.
    ///   - read: returns the text of a file.
    static func quota(groups: String, read: (String) -> String?) -> Int? {
        var quotas: [Int] = []
        func add(_ path: String) {
            // The word for no limit is "max", and before cgroup v2 a number beyond every machine.
            guard let text = read(path), let quota = Int(text.filter { !$0.isWhitespace }), quota < 1 << 50 else {
                return
            }
            quotas.append(quota)
        }
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].utf8.split(separator: UInt8(ascii: ","))
            if parts[1].isEmpty {
                for folder in Processors.ancestors(of: parts[2]) { add("/sys/fs/cgroup\(folder)/memory.max") }
            } else if controllers.contains(where: { $0.elementsEqual("memory".utf8) }) {
                for folder in Processors.ancestors(of: parts[2]) {
                    add("/sys/fs/cgroup/memory\(folder)/memory.limit_in_bytes")
                }
            }
        }
        return quotas.filter { $0 > 0 }.min()
    }
}
