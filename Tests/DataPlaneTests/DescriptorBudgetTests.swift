import GatewayConfiguration
import NIOCore
import Testing

@testable import DataPlane

@Suite("Shares of descriptors and connections")
struct DescriptorBudgetTests {
    @Test(
        "Clients get half of what the reserve leaves, and never more than the settings say",
        arguments: [
            (0, 100_000, 100_000), (1_048_576, 100_000, 100_000), (600, 100_000, 228), (600, 100, 100),
            (64, 100_000, 16),
            (2, 100_000, 1),
        ]
    )
    func connections(descriptors: Int, limit: Int, connections: Int) {
        let budget = DescriptorBudget(descriptors: descriptors, loops: 2, hasControl: false)
        #expect(budget.connections(of: limit) == connections)
        #expect(budget.capacity >= connections * 2 || descriptors < 4)
    }

    @Test("It is short before it is used up, and neither once it is given back")
    func use() {
        let budget = DescriptorBudget(descriptors: 600, loops: 2, hasControl: true)
        for _ in 0..<(budget.capacity - 1) { budget.take() }
        #expect(budget.isShort && !budget.isExhausted)
        budget.take()
        #expect(budget.isExhausted)
        for _ in 0..<budget.capacity { budget.giveBack() }
        #expect(!budget.isShort && !budget.isExhausted)
    }

    @Test("An address enters up to the limit, again after it has left, and others whenever they like")
    func counts() {
        let counts = ConnectionCounts()
        for _ in 0..<3 { #expect(counts.enter(1, limit: 3)) }
        #expect(!counts.enter(1, limit: 3))
        #expect(counts.enter(2, limit: 3) && counts.enter(1 << 63, limit: 3))
        counts.leave(1)
        #expect(counts.enter(1, limit: 3) && !counts.enter(1, limit: 3))
    }

    @Test("An IPv6 client is its /64; Unix sockets and trusted proxies are not counted")
    func addresses() throws {
        func address(_ text: String) throws -> ClientAddress {
            ClientAddress(try NIOCore.SocketAddress(ipAddress: text, port: 1))
        }
        #expect(try address("2001:db8:0:1::1").hash == address("2001:db8:0:1:ffff::2").hash)
        #expect(try address("2001:db8:0:1::1").hash != address("2001:db8:0:2::1").hash)
        #expect(try address("::ffff:192.0.2.1").hash == address("192.0.2.1").hash)
        let limits = try WorkerFixture(limits: "trusted_proxies = [\"10.0.0.0/8\"]").worker.snapshot.settings.limits
        #expect(try address("192.0.2.1").isCounted(limits))
        #expect(try !address("10.1.2.3").isCounted(limits))
        #expect(!ClientAddress(nil).isCounted(limits))
        let none = try WorkerFixture(limits: "connections_per_address = 0").worker.snapshot.settings.limits
        #expect(try !address("192.0.2.1").isCounted(none))
    }
}
