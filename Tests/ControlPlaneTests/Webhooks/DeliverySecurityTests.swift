import Directory
import GatewayConfiguration
import JOSE
import NIOCore
import Testing

@testable import ControlPlane

@Suite("Webhooks go only to permitted addresses, and over TLS only to the right server")
struct DeliverySecurityTests {
    let fixture: DeliveryFixture
    let certificates: CertificateFiles

    init() throws {
        fixture = try DeliveryFixture()
        certificates = try CertificateFiles.shared.get()
    }

    /// Makes an event whose webhook is `endpoint`, and waits for the first line of the log.
    private func firstLine(
        _ endpoint: String,
        _ given: DeliveryFixture? = nil,
        _ delivery: (Directory) throws -> WebhookDelivery
    ) async throws
        -> String
    {
        let fixture = given ?? fixture
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, endpoint, directory)
        _ = try await fixture.makeEvent(directory)
        let line = try await fixture.running(try delivery(directory)) {
            await fixture.log.lines.stream.next(1).first ?? ""
        }
        await directory.close()
        return line
    }

    @Test("https is delivered to a server that proves its name through a trusted authority")
    func https() async throws {
        let receiver = try await Receiver(key: certificates.server)
        let directory = try fixture.openDirectory()
        for host in ["hook.example", "localhost", "127.0.0.1"] {
            _ = try await fixture.webhook(.eventCreated, "https://\(host):\(receiver.port)/", directory)
        }
        let delivery = try fixture.delivery(directory, authorities: certificates.authority)
        try await fixture.running(delivery) {
            _ = try await fixture.makeEvent(directory)
            let hosts = await receiver.arrivals.next(3).compactMap { $0["Host"] }
            #expect(Set(hosts) == Set(["hook.example", "localhost", "127.0.0.1"].map { "\($0):\(receiver.port)" }))
        }
        #expect(fixture.log.text.isEmpty)
        await directory.close()
    }

    @Test("Attack: a certificate of an untrusted authority")
    func otherAuthority() async throws {
        let receiver = try await Receiver(key: certificates.server)
        let line = try await firstLine("https://hook.example:\(receiver.port)/") { directory in
            try fixture.delivery(directory, authorities: certificates.otherAuthority)
        }
        #expect(line.contains("certificate"), "\(line)")
        #expect(receiver.received.isEmpty)
    }

    @Test("Attack: a certificate for another name", arguments: ["other.example", "127.0.0.2"])
    func otherName(host: String) async throws {
        let receiver = try await Receiver(key: certificates.server)
        let line = try await firstLine("https://\(host):\(receiver.port)/") { directory in
            try fixture.delivery(directory, authorities: certificates.authority)
        }
        #expect(line.contains("certificate"), "\(line)")
        #expect(receiver.received.isEmpty)
    }

    @Test("Attack: https to a server that does not speak TLS")
    func noTLS() async throws {
        let receiver = try await Receiver()
        let line = try await firstLine("https://hook.example:\(receiver.port)/") { directory in
            try fixture.delivery(directory, authorities: certificates.authority)
        }
        #expect(line.contains("was not delivered"))
        #expect(receiver.received.isEmpty)
    }

    @Test(
        "Attack: a name or an address for this machine, which nobody has allowed",
        arguments: ["http", "https"]
    )
    func loopback(scheme: String) async throws {
        let receiver = try await Receiver()
        for host in ["127.0.0.1", "localtest.example"] {
            let fixture = try DeliveryFixture()
            let line = try await firstLine("\(scheme)://\(host):\(receiver.port)/", fixture) { directory in
                try fixture.delivery(directory, allowed: [])
            }
            #expect(line.contains("nothing is delivered to 127.0.0.1"), "\(line)")
        }
        #expect(receiver.connectionCount == 0)
    }

    @Test("Attack: a name with one good address and one of this machine")
    func mixed() async throws {
        let receiver = try await Receiver()
        fixture.resolve("mixed.example", as: ["127.0.0.1", "10.0.0.1"])
        let line = try await firstLine("http://mixed.example:\(receiver.port)/") { try fixture.delivery($0) }
        #expect(line.contains("nothing is delivered to 10.0.0.1"), "\(line)")
        #expect(receiver.connectionCount == 0)
    }

    @Test("Attack: DNS rebinding; a name is looked up once per attempt, and the checked address is connected to")
    func rebinding() async throws {
        let receiver = try await Receiver { _, before in before == 0 ? .status(500) : .status(200) }
        let directory = try fixture.openDirectory()
        // The system does not know this name: a second look-up would fail.
        _ = try await fixture.webhook(.eventCreated, "http://rebinding.invalid:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(2).count == 2)
        }
        #expect(fixture.lookedUp == ["rebinding.invalid", "rebinding.invalid"])
        await directory.close()
    }

    @Test("The next address is tried if nobody answers at the first")
    func nextAddress() async throws {
        let receiver = try await Receiver()
        // Nobody listens on the second address: the receiver is bound to 127.0.0.1 only.
        fixture.resolve("two.example", as: ["127.0.0.2", "127.0.0.1"])
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://two.example:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(1).count == 1)
        }
        #expect(receiver.connectionCount == 1)
        await directory.close()
    }

    @Test("An address that a reload allows is delivered to, and one that it revokes is not any more")
    func adopt() async throws {
        let receiver = try await Receiver()
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        let delivery = try fixture.delivery(directory, allowed: [])
        try await fixture.running(delivery) {
            _ = try await fixture.makeEvent(directory, "first")
            #expect(await fixture.log.lines.stream.next(1).count == 1)
            #expect(receiver.connectionCount == 0)
            delivery.adopt(allowedPrivate: try DeliveryFixture.ranges(["127.0.0.1"]))
            #expect(await receiver.arrivals.next(1).first?.eventName == "first")
            delivery.adopt(allowedPrivate: [])
            _ = try await fixture.makeEvent(directory, "second")
            for await line in fixture.log.lines.stream where line.contains("nothing is delivered") { break }
        }
        #expect(receiver.received.count == 1)
        await directory.close()
    }

    @Test("An endpoint that is not a URL is an ordinary failure, and so is a host without addresses")
    func nowhere() async throws {
        for endpoint in ["ftp://x.example/", "https://x.example:0/"] {
            let fixture = try DeliveryFixture()
            let line = try await firstLine(endpoint, fixture) { try fixture.delivery($0) }
            #expect(line.contains("the endpoint is not an http or https URL"))
        }
        fixture.resolve("empty.example", as: [])
        let line = try await firstLine("https://empty.example/") { try fixture.delivery($0) }
        #expect(line.contains("the host has no address"))
    }
}
