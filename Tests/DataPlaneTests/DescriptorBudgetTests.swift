import Basics
import GatewayConfiguration
import Synchronization
import Testing
import Transport

@testable import DataPlane

@Suite("Shares of descriptors and connections")
struct DescriptorBudgetTests {
    @Test(
        "Clients get half of what the reserve leaves, and never more than the settings permit",
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

    @Test("It is short before it is used up, and neither after release")
    func use() {
        let budget = DescriptorBudget(descriptors: 600, loops: 2, hasControl: true)
        for _ in 0..<(budget.capacity - 1) { budget.take() }
        #expect(budget.isShort && !budget.isExhausted)
        budget.take()
        #expect(budget.isExhausted)
        for _ in 0..<budget.capacity { budget.giveBack() }
        #expect(!budget.isShort && !budget.isExhausted)
    }

    @Test("Public routes together get half of the upstreams' half, which leaves viewers theirs")
    func publicShare() {
        let budget = DescriptorBudget(descriptors: 600, loops: 2, hasControl: false)
        #expect(budget.share == budget.capacity / 4)
        let (anybody, viewer) = (use(isPublic: true), use(isPublic: false))
        for _ in 0..<budget.share { #expect(budget.begin(anybody)) }
        for _ in 0..<3 { #expect(!budget.begin(anybody)) }
        for _ in 0..<budget.capacity { #expect(budget.begin(viewer)) }
        budget.end(anybody)
        #expect(budget.begin(anybody) && !budget.begin(anybody))
    }

    @Test("One client address gets as much, over all its connections, and leaves others theirs")
    func addressShare() {
        let budget = DescriptorBudget(descriptors: 600, loops: 2, hasControl: false)
        let (one, other) = (AddressShare(), AddressShare())
        for index in 0..<budget.share { #expect(budget.begin(use(isPublic: index < 10, one))) }
        for isPublic in [true, false, true, false] { #expect(!budget.begin(use(isPublic: isPublic, one))) }
        #expect(one.uses.load(ordering: .relaxed) == budget.share)
        for _ in 0..<budget.share - 10 { #expect(budget.begin(use(isPublic: true, other))) }
        #expect(!budget.begin(use(isPublic: true, AddressShare())), "who was refused has not been counted")
        budget.end(use(isPublic: false, one))
        #expect(budget.begin(use(isPublic: false, one)))
    }

    @Test("Without a system limit there is no share to use up")
    func unlimited() {
        let budget = DescriptorBudget(descriptors: 0, loops: 2, hasControl: false)
        let address = AddressShare()
        for _ in 0..<10_000 { #expect(budget.begin(use(isPublic: true, address))) }
    }

    @Test("A shortage is reported at most once a minute, with what to raise; without one there is no message")
    func notice() throws {
        let budget = DescriptorBudget(descriptors: 600, loops: 2, hasControl: false)
        #expect(budget.takeNotice(at: 0) == nil)
        for _ in 0..<budget.share + 7 { _ = budget.begin(use(isPublic: true)) }
        budget.ranOut()
        let notice = try #require(budget.takeNotice(at: 1000))
        for part in ["7 because public routes", "0 because one client address", "1 because all", "LimitNOFILE"] {
            #expect(notice.contains(part), "\(notice)")
        }
        budget.ranOut()
        #expect(budget.takeNotice(at: 60_999) == nil)
        #expect(budget.takeNotice(at: 61_000)?.contains("0 because public routes") == true)
        #expect(budget.takeNotice(at: 200_000) == nil)
    }

    private func use(isPublic: Bool, _ address: AddressShare? = nil) -> DescriptorBudget.Use {
        DescriptorBudget.Use(isPublic: isPublic, address: address)
    }

    @Test("An address enters up to the limit, again after it has left, and others at any time")
    func counts() {
        let counts = ConnectionCounts()
        let shares = (0..<3).map { _ in counts.enter(1, limit: 3) }
        #expect(shares[0] != nil && shares.allSatisfy { $0 === shares[0] })
        #expect(counts.enter(1, limit: 3) == nil)
        #expect(counts.enter(2, limit: 3) !== shares[0])
        #expect(counts.enter(1 << 63, limit: 3) != nil)
        counts.leave(1)
        #expect(counts.enter(1, limit: 3) === shares[0])
        #expect(counts.enter(1, limit: 3) == nil)
    }

    @Test("An IPv6 client counts per /64; Unix sockets and trusted proxies are not counted")
    func addresses() throws {
        func address(_ text: String) throws -> ClientAddress {
            ClientAddress(try #require(NetworkAddress(ip: text, port: 1)))
        }
        #expect(try address("2001:db8:0:1::1").hash == address("2001:db8:0:1:ffff::2").hash)
        #expect(try address("2001:db8:0:1::1").hash != address("2001:db8:0:2::1").hash)
        #expect(try address("::ffff:192.0.2.1").hash == address("192.0.2.1").hash)
        let limits = try WorkerFixture(limits: "trusted_proxies = [\"10.0.0.0/8\"]").worker.snapshot.settings.limits
        #expect(try address("192.0.2.1").isCounted(limits))
        #expect(try !address("10.1.2.3").isCounted(limits))
        #expect(!ClientAddress(.unix(path: "")).isCounted(limits))
        let none = try WorkerFixture(limits: "connections_per_address = 0").worker.snapshot.settings.limits
        #expect(try !address("192.0.2.1").isCounted(none))
    }

    @Test(
        "PROXY headers are accepted from trusted proxies and over Unix sockets; from everyone if no proxies are listed"
    )
    func proxyHeaders() throws {
        func address(_ text: String) throws -> ClientAddress {
            ClientAddress(try #require(NetworkAddress(ip: text, port: 1)))
        }
        let limits = try WorkerFixture(limits: "trusted_proxies = [\"10.0.0.0/8\"]").worker.snapshot.settings.limits
        #expect(try address("10.1.2.3").maySendProxyHeader(limits))
        #expect(try address("::ffff:10.1.2.3").maySendProxyHeader(limits))
        #expect(try !address("192.0.2.1").maySendProxyHeader(limits))
        #expect(try !address("::1").maySendProxyHeader(limits))
        #expect(ClientAddress(.unix(path: "")).maySendProxyHeader(limits))
        let none = try WorkerFixture().worker.snapshot.settings.limits
        #expect(try address("192.0.2.1").maySendProxyHeader(none))
    }
}

@Suite("Which idle connection makes room")
struct IdlenessTests {
    @Test("One that was never used first, then the one that has been idle longest")
    func order() {
        let values: [(Bool, Int64)] = [(false, 5), (false, 9), (true, 1), (true, 8)]
        let ordered = values.map { Idleness(wasUsed: $0.0, since: $0.1) }
        #expect(ordered.reversed().sorted() == ordered)
    }

    @Test("None that may be used at any moment", arguments: [(false, 1000), (true, 10_000)] as [(Bool, Int64)])
    func patience(wasUsed: Bool, time: Int64) {
        let idleness = Idleness(wasUsed: wasUsed, since: 7)
        #expect(!idleness.isOver(at: 7 + time - 1) && idleness.isOver(at: 7 + time))
    }
}
