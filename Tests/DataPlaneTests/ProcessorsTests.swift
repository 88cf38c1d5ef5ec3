import Testing

@testable import DataPlane

@Suite("How many processors are available to the process")
struct ProcessorsTests {
    private func quota(_ groups: String, _ files: [String: String]) -> Int? {
        Processors.quota(groups: groups) { files[$0] }
    }

    @Test(
        "cgroup v2: the smallest quota on the way to the root, rounded up",
        arguments: [
            ("max 100000\n", nil), ("200000 100000\n", 2), ("150000 100000\n", 2), ("1000 100000\n", 1),
            ("100001 100000", 2), ("0 100000\n", nil), ("x y\n", nil), ("100000\n", nil), ("", nil),
            ("9223372036854775807 1\n", Int.max), ("-1 100000\n", nil), ("400000 100000", 4),
        ] as [(String, Int?)]
    )
    func version2(_ text: String, _ count: Int?) {
        let files = ["/sys/fs/cgroup/a/b/cpu.max": text, "/sys/fs/cgroup/a/cpu.max": "max 100000\n"]
        #expect(quota("0::/a/b\n", files) == count)
    }

    @Test("cgroup v2: an ancestor's quota counts, and the root's if a container has only that")
    func ancestors() {
        let files = ["/sys/fs/cgroup/a/b/cpu.max": "400000 100000\n", "/sys/fs/cgroup/a/cpu.max": "300000 100000\n"]
        #expect(quota("0::/a/b\n", files) == 3)
        #expect(quota("0::/docker/x/y\n", ["/sys/fs/cgroup/cpu.max": "100000 50000\n"]) == 2)
        #expect(quota("0::/\n", ["/sys/fs/cgroup/cpu.max": "100000 50000\n"]) == 2)
    }

    @Test("cgroup v1: the quota of the cpu controller's group, under either name of its mount")
    func version1() {
        let groups = "5:cpuset:/other\n4:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/y\n"
        func files(_ mount: String, _ quota: String) -> [String: String] {
            let folder = "/sys/fs/cgroup/\(mount)/a"
            return ["\(folder)/cpu.cfs_quota_us": quota, "\(folder)/cpu.cfs_period_us": "100000\n"]
        }
        #expect(quota(groups, files("cpu,cpuacct", "250000\n")) == 3)
        #expect(quota(groups, files("cpu", "250000\n")) == 3)
        #expect(quota(groups, files("cpu", "-1\n")) == nil)
        #expect(quota("5:cpuset:/a\n", files("cpu", "250000\n")) == nil)
    }

    @Test("There is always at least one")
    func available() { #expect(Processors.available >= 1) }
}
