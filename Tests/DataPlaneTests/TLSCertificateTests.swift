import COpenSSL
import GatewayConfiguration
import JOSE
import Testing

@testable import DataPlane
@testable import Transport

@Suite("TLS: which certificate a client sees")
struct TLSCertificateTests {
    let fixture: TLSFixture

    init() throws { fixture = try TLSFixture() }

    /// The connection as seen by a client that asks for this name.
    private func shown(_ client: TLSClient, _ context: TLSContext) throws -> TLSStream {
        let wire = try TLSWire(server: context, client: client)
        try wire.run()
        #expect(wire.client.chosen != nil)
        return wire.client.stream
    }

    @Test(
        "Exact names, wildcards for one label, and the listener's own for the rest",
        arguments: [
            ("exact.example", "exact.example"), ("EXACT.Example", "exact.example"),
            ("a.wild.example", "x.wild.example"),
            ("b.WILD.example", "y.wild.example"), ("a.b.wild.example", "standard.example"),
            ("wild.example", "standard.example"), ("unknown.example", "standard.example"), (nil, "standard.example"),
            ("localhost", "standard.example"), ("xexact.example", "standard.example"),
        ] as [(String?, String)]
    )
    func serverName(_ name: String?, _ covered: String) throws {
        let context = try fixture.context(sni: [(["exact.example"], "exact"), (["*.wild.example"], "wild")])
        #expect(try shown(TLSClient(name), context).peerCovers(covered))
    }

    @Test("An exact name takes precedence over a wildcard")
    func exactFirst() throws {
        let context = try fixture.context(sni: [(["*.wild.example"], "wild"), (["a.wild.example"], "exact")])
        #expect(try shown(TLSClient("a.wild.example"), context).peerCovers("exact.example"))
    }

    @Test("RSA and ECDSA for one name: the client's abilities choose", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func bothKinds(_ version: CInt) throws {
        // The RSA certificate is the listener's own, which also covers that name.
        let context = try fixture.context(sni: [(["both.example"], "both")])
        for isRSA in [true, false] {
            let algorithms = isRSA ? "RSA-PSS+SHA256:RSA+SHA256" : "ECDSA+SHA256"
            let client = try TLSClient("both.example", version: version, algorithms: algorithms)
            let stream = try shown(client, context)
            #expect(stream.peerIsRSA == isRSA)
            #expect(stream.peerCovers("both.example"))
        }
    }

    @Test("Two entries for one name, one of each kind")
    func twoEntries() throws {
        let context = try fixture.context("exact", sni: [(["both.example"], "both"), (["both.example"], "standard")])
        for isRSA in [true, false] {
            let suites = isRSA ? "aRSA" : "aECDSA"
            let client = try TLSClient("both.example", version: TLS1_2_VERSION, suites: suites)
            let stream = try shown(client, context)
            #expect(stream.peerIsRSA == isRSA)
        }
    }

    // MARK: Client certificates

    @Test("A client with a certificate from the authority is let in")
    func goodClient() throws {
        let wire = try TLSWire(server: fixture.context(clientCA: "ca"), client: fixture.client(showing: "client"))
        try wire.run()
        #expect(wire.server.chosen == .http1)
        #expect(wire.server.stream.peerCovers("client.example"))
    }

    @Test("A client without a certificate is refused")
    func noCertificate() throws {
        let wire = try TLSWire(server: fixture.context(clientCA: "ca"), client: TLSClient())
        try wire.run()
        #expect(wire.server.chosen == nil)
        #expect(wire.server.fault == .failed("peer did not return a certificate"))
        #expect(wire.client.events.first?.contains("certificate required") == true)
    }

    @Test(
        "A client with another authority's, an expired or a self-signed certificate is refused",
        arguments: ["other", "old-client", "self"]
    )
    func badClient(_ name: String) throws {
        let wire = try TLSWire(server: fixture.context(clientCA: "ca"), client: fixture.client(showing: name))
        try wire.run()
        #expect(wire.server.chosen == nil)
        guard case .certificate = wire.server.fault else {
            Issue.record("\(String(describing: wire.server.fault))")
            return
        }
    }

    // MARK: Upstreams

    private func connect(_ identity: TLSPeer.Identity, to certificate: String, trusting authority: String?) throws
        -> TLSWire
    {
        let context = TLSClientContext(authorities: try authority.map { try fixture.authorities($0) })
        return try connect(TLSPeer(identity), context, to: fixture.context(certificate))
    }

    private func connect(_ peer: TLSPeer, _ client: TLSClientContext, to server: TLSContext) throws -> TLSWire {
        let stream = try #require(client.stream(to: peer))
        let wire = try TLSWire(server: server, client: stream)
        try wire.run()
        return wire
    }

    @Test(
        "A server is trusted by its authority and its name or address",
        arguments: [
            (TLSPeer.Identity.name("standard.example"), "standard", "ca"), (.name("localhost"), "standard", "ca"),
            (.address("127.0.0.1"), "standard", "ca"), (.address("::1"), "standard", "ca"),
            (.name("q.wild.example"), "wild", "ca"), (.name("standard.example"), "self", "self"),
            (.name("exact.example"), "exact", "exact"),
        ]
    )
    func trusted(_ identity: TLSPeer.Identity, _ certificate: String, _ authority: String) throws {
        let wire = try connect(identity, to: certificate, trusting: authority)
        #expect(wire.client.chosen == .http1)
        #expect(wire.client.fault == nil)
    }

    @Test(
        "A server with a wrong certificate is refused, and the fault says why",
        arguments: [
            (TLSPeer.Identity.name("other.example"), "standard", "ca", "hostname mismatch"),
            (.name("client"), "client", "ca", "hostname mismatch"),
            (.address("127.0.0.2"), "standard", "ca", "IP address mismatch"),
            (.name("127.0.0.1"), "exact", "ca", "mismatch"),
            (.name("wild.example"), "wild", "ca", "hostname mismatch"),
            (.name("a.b.wild.example"), "wild", "ca", "hostname mismatch"),
            (.name("standard.example"), "expired", "ca", "certificate has expired"),
            (.name("standard.example"), "other", "ca", "unable to get local issuer certificate"),
            (.name("standard.example"), "self", "ca", "self-signed certificate"),
            (.name("standard.example"), "standard", nil, "unable to get local issuer certificate"),
        ] as [(TLSPeer.Identity, String, String?, String)]
    )
    func untrusted(_ identity: TLSPeer.Identity, _ certificate: String, _ authority: String?, _ reason: String) throws {
        let wire = try connect(identity, to: certificate, trusting: authority)
        #expect(wire.client.chosen == nil)
        #expect(wire.client.fault?.description.contains(reason) == true, "\(String(describing: wire.client.fault))")
        #expect(wire.server.input.isEmpty)
    }

    @Test("The next connection to a server resumes the session")
    func upstreamResumption() throws {
        let client = TLSClientContext(authorities: try fixture.authorities("ca"))
        let peer = TLSPeer(.name("standard.example"))
        let server = try fixture.context()
        for round in 0..<3 {
            let wire = try connect(peer, client, to: server)
            wire.server.write(bytes("x"))
            try wire.run()
            #expect(wire.client.stream.isResumed == (round > 0))
            #expect(text(wire.client.input) == "x")
        }
    }

    @Test("A session whose server certificate has expired since is not resumed")
    func expiredServer() throws {
        let client = TLSClientContext(authorities: try fixture.authorities("ca"))
        let peer = TLSPeer(.name("standard.example"))
        let server = try fixture.context("expired")
        for _ in 0..<2 {
            let stream = try #require(client.stream(to: peer))
            stream.ignoreTime()
            let wire = try TLSWire(server: server, client: stream)
            try wire.run()
            wire.server.write(bytes("x"))
            try wire.run()
            #expect(text(wire.client.input) == "x")
            #expect(!stream.isResumed)
        }
    }

    @Test("The server name is sent for names and not for addresses")
    func nameSent() throws {
        for (identity, expected) in [(TLSPeer.Identity.name("localhost"), "localhost"), (.address("127.0.0.1"), nil)] {
            let wire = try connect(identity, to: "standard", trusting: "ca")
            let name = unsafe SSL_get_servername(wire.server.stream.ssl.pointer, CInt(TLSEXT_NAMETYPE_host_name))
            #expect(unsafe name.map { unsafe String(cString: $0) } == expected)
        }
    }
}
