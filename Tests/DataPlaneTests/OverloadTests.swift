import Testing

@testable import DataPlane

@Suite("Overload")
struct OverloadTests {
    @Test(
        "A value counts once it has stayed above its limit for three seconds, and until it stayed below the lower one"
    )
    func hysteresis() {
        var watch = OverloadWatch()
        var changes: [(Int64, Bool)] = []
        func take(_ value: Int64, at times: StrideTo<Int64>) {
            for now in times where watch.take(value, limit: 500, release: 250, at: now) {
                changes.append((now, watch.isOver))
            }
        }
        take(499, at: stride(from: 0, to: 10_000, by: 100))
        // One long pause is not overload, nor is one in between.
        take(30_000, at: stride(from: 10_000, to: 10_100, by: 100))
        take(0, at: stride(from: 10_100, to: 10_200, by: 100))
        take(500, at: stride(from: 10_200, to: 13_200, by: 600))
        #expect(!watch.isOver)
        take(500, at: stride(from: 13_200, to: 14_000, by: 600))
        take(250, at: stride(from: 14_000, to: 30_000, by: 100))
        take(249, at: stride(from: 30_000, to: 32_000, by: 100))
        take(250, at: stride(from: 32_000, to: 32_100, by: 100))
        take(249, at: stride(from: 32_100, to: 40_000, by: 100))
        #expect(changes.map(\.0) == [13_200, 35_100] && changes.map(\.1) == [true, false])
    }

    @Test("A limit that a reload takes away ends it at once; without one, nothing is too much")
    func noLimit() {
        var watch = OverloadWatch()
        func changes(_ value: Int64, limit: Int64, at now: Int64) -> Bool {
            watch.take(value, limit: limit, release: limit / 2, at: now)
        }
        #expect(!changes(1000, limit: 500, at: 0))
        #expect(changes(1000, limit: 500, at: 3000))
        #expect(watch.isOver)
        #expect(changes(1000, limit: 0, at: 3100))
        #expect(!watch.isOver)
        for now in stride(from: 4000 as Int64, to: 10_000, by: 100) { #expect(!changes(.max, limit: 0, at: now)) }
    }

    @Test("The operator is told once when it begins and once when it ends")
    func news() {
        let overload = Overload()
        #expect(overload.takeNews() == [])
        overload.loopChanged(isLate: true)
        overload.loopChanged(isLate: true)
        #expect(overload.takeNews().count == 1 && overload.takeNews() == [])
        overload.loopChanged(isLate: false)
        #expect(overload.takeNews() == [])
        overload.loopChanged(isLate: false)
        #expect(overload.takeNews().first?.contains("in time again") == true)
        for now in stride(from: 0 as Int64, to: 4000, by: 1000) { overload.take(memory: 96, limit: 100, at: now) }
        #expect(!overload.isShortOfMemory)
        for now in stride(from: 4000 as Int64, to: 8000, by: 1000) { overload.take(memory: 100, limit: 100, at: now) }
        #expect(overload.isShortOfMemory && overload.takeNews().first?.contains("memory_limit") == true)
        for now in stride(from: 8000 as Int64, to: 12_000, by: 1000) { overload.take(memory: 96, limit: 100, at: now) }
        #expect(overload.isShortOfMemory && overload.takeNews() == [])
        for now in stride(from: 12_000 as Int64, to: 16_000, by: 1000) { overload.take(memory: 0, limit: 100, at: now) }
        #expect(!overload.isShortOfMemory && overload.takeNews().count == 1)
    }

    @Test(
        "The smallest memory limit of the process's control groups",
        arguments: [
            (
                "0::/a/b\n", ["/sys/fs/cgroup/a/memory.max": "1000000\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"],
                1_000_000
            ),
            ("0::/\n", ["/sys/fs/cgroup/memory.max": "2000000\n"], 2_000_000),
            ("0::/\n", ["/sys/fs/cgroup/memory.max": "max\n"], nil),
            (
                "5:cpu,memory:/x\n",
                [
                    "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
                    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "3000000\n",
                ], 3_000_000
            ),
            ("", [:], nil), ("0::/\n", ["/sys/fs/cgroup/memory.max": "-5"], nil),
        ] as [(String, [String: String], Int?)]
    )
    func quota(groups: String, files: [String: String], limit: Int?) {
        #expect(MemoryQuota.quota(groups: groups) { files[$0] } == limit)
    }
}
