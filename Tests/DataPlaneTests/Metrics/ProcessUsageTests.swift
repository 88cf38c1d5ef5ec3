import Testing

@testable import DataPlane

@Suite("What the system says of the process")
struct ProcessUsageTests {
    /// The fields of `/proc/self/stat` after the name, where field n has the value n.
    private static let fields = (3...52).map(String.init).joined(separator: " ")

    @Test("Times and memory are read whatever the program is called", arguments: ["gateway", "a) R 1 2", "((", ")"])
    func fields(name: String) {
        let usage = ProcessUsage(stat: "1 (\(name)) \(Self.fields)\n", ticksPerSecond: 100, pageSize: 4096)
        #expect(usage.processorTime == (14 + 15) * 10)
        #expect(usage.virtualMemory == 23)
        #expect(usage.residentMemory == 24 * 4096)
    }

    @Test("What cannot be read is zero", arguments: ["", "1 (gateway)", "1 (gateway) R 1 2", "no"])
    func unreadable(stat: String) {
        #expect(ProcessUsage(stat: stat, ticksPerSecond: 0, pageSize: 4096) == ProcessUsage())
    }

    @Test("The present process has some of everything")
    func present() {
        let usage = ProcessUsage.read(startedAt: 5)
        #expect(usage.startedAt == 5)
        #expect(usage.residentMemory > 1 << 20 && usage.virtualMemory > usage.residentMemory)
        #expect(usage.openDescriptors > 2 && usage.openDescriptors < usage.descriptorLimit)
    }
}
