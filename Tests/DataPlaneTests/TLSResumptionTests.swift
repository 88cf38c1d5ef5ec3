import COpenSSL
import Synchronization
import Testing

@testable import DataPlane
@testable import Transport

@Suite("TLS: resumption")
struct TLSResumptionTests {
    let fixture: TLSFixture
    static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

    init() throws { fixture = try TLSFixture() }

    /// A connection that gives the client the server's session.
    @discardableResult
    private func connect(_ client: TLSClient, _ server: TLSContext, ignoringTime: Bool = false) throws -> Bool {
        let wire = try TLSWire(server: server, client: client)
        if ignoringTime { wire.server.stream.ignoreTime() }
        try wire.run()
        wire.server.write(bytes("x"))
        try wire.run()
        #expect(text(wire.client.input) == "x")
        client.keepSession(of: wire.client.stream)
        return wire.server.stream.isResumed
    }

    @Test("A session is resumed", arguments: versions)
    func resumes(_ version: CInt) throws {
        let context = try fixture.context()
        let client = try TLSClient(version: version)
        #expect(try !connect(client, context))
        #expect(try connect(client, context))
        #expect(try connect(client, context))
    }

    @Test("A session survives a reload of the certificate", arguments: versions)
    func reload(_ version: CInt) throws {
        let keys = TicketKeys()
        let client = try TLSClient(version: version)
        #expect(try !connect(client, fixture.context(ticketKeys: keys)))
        #expect(try connect(client, fixture.context("both", ticketKeys: keys)))
    }

    @Test("A ticket is valid for one more period after its key was replaced, and no longer", arguments: versions)
    func rotation(_ version: CInt) throws {
        let clock = TestClock()
        let context = try fixture.context(ticketKeys: TicketKeys { clock.now })
        let client = try TLSClient(version: version)
        #expect(try !connect(client, context))
        let first = client.sessionCount
        clock.advance(TicketKeys.period)
        #expect(try connect(client, context))
        // The ticket of the first key, which expires two periods after the key was made.
        client.forget(downTo: first)
        clock.advance(TicketKeys.period)
        #expect(try !connect(client, context))
    }

    @Test("After a long pause no old key is left", arguments: versions)
    func longRest(_ version: CInt) throws {
        let clock = TestClock()
        let context = try fixture.context(ticketKeys: TicketKeys { clock.now })
        let client = try TLSClient(version: version)
        try connect(client, context)
        clock.advance(2 * TicketKeys.period)
        #expect(try !connect(client, context))
    }

    @Test(
        "With one key file, a session of one gateway is resumed by another, also under its older keys",
        arguments: versions
    )
    func sharedFile(_ version: CInt) throws {
        let keys = (1...3).map { [UInt8](repeating: $0, count: 80) }
        let client = try TLSClient(version: version)
        #expect(try !connect(client, fixture.context(ticketKeys: TicketKeys(file: keys[1]))))
        #expect(try connect(client, fixture.context(ticketKeys: TicketKeys(file: keys[1]))))
        // Another key now seals; this one still opens.
        #expect(try connect(client, fixture.context(ticketKeys: TicketKeys(file: keys[0] + keys[1]))))
        // The ticket was renewed with the first key.
        #expect(try connect(client, fixture.context(ticketKeys: TicketKeys(file: keys[2] + keys[0]))))
        #expect(try !connect(client, fixture.context(ticketKeys: TicketKeys(file: keys[1]))))
    }

    @Test("A ticket of other keys is refused", arguments: versions)
    func otherKeys(_ version: CInt) throws {
        let client = try TLSClient(version: version)
        try connect(client, fixture.context())
        #expect(try !connect(client, fixture.context()))
    }

    @Test("A session is not resumed under another server name", arguments: versions)
    func otherName(_ version: CInt) throws {
        let context = try fixture.context(sni: [(["exact.example"], "exact"), (["*.wild.example"], "wild")])
        let client = try TLSClient("exact.example", version: version)
        try connect(client, context)
        client.name = "a.wild.example"
        #expect(try !connect(client, context))
        client.name = "standard.example"
        #expect(try !connect(client, context))
    }

    @Test("A session of a listener without client certificates is not valid at one with them", arguments: versions)
    func otherAuthorities(_ version: CInt) throws {
        let keys = TicketKeys()
        let client = try TLSClient(version: version)
        try connect(client, fixture.context(ticketKeys: keys))
        let wire = try TLSWire(server: fixture.context(clientCA: "ca", ticketKeys: keys), client: client)
        try wire.run()
        #expect(wire.server.chosen == nil)
    }

    @Test("A client's session is resumed while its certificate is valid", arguments: versions)
    func client(_ version: CInt) throws {
        let context = try fixture.context(clientCA: "ca")
        let client = try fixture.client(showing: "client", version: version)
        #expect(try !connect(client, context))
        #expect(try connect(client, context))
    }

    @Test("A client whose certificate has expired since is not resumed, and not let in with it", arguments: versions)
    func expiredClient(_ version: CInt) throws {
        let context = try fixture.context(clientCA: "ca")
        let client = try fixture.client(showing: "old-client", version: version)
        try connect(client, context, ignoringTime: true)
        let wire = try TLSWire(server: context, client: client)
        try wire.run()
        #expect(!wire.server.stream.isResumed)
        #expect(wire.server.fault == .certificate("certificate has expired"))
        let told = "\(wire.client.fault.map { "\($0)" } ?? "") \(wire.client.events.first ?? "")"
        #expect(told.contains("alert certificate expired"), "\(told)")
    }

    @Test("A client with a new certificate by then is let in with it", arguments: versions)
    func renewedClient(_ version: CInt) throws {
        let context = try fixture.context(clientCA: "ca")
        let client = try fixture.client(showing: "old-client", version: version)
        try connect(client, context, ignoringTime: true)
        client.show(try fixture.key("client"))
        #expect(try !connect(client, context))
        #expect(try connect(client, context))
    }
}

/// A clock that a test sets.
final class TestClock: Sendable {
    private let time = Mutex<Int64>(0)
    var now: Int64 { time.withLock { $0 } }
    func advance(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
}
