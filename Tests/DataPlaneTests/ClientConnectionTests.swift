import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("A client's connection, over its own endpoints")
struct ClientConnectionTests {
    /// A connection and its client's end.
    private final class Wire {
        let fixture: WorkerFixture
        let peer: Peer

        init(isSecure: Bool = false) throws {
            fixture = try WorkerFixture()
            let connection = ClientConnection(
                worker: fixture.worker,
                listener: .viewers,
                address: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1"),
                isSecure: isSecure
            )
            let (served, peer) = try Peer.pair()
            self.peer = peer
            try connection.open(served)
            connection.begin()
        }

        /// Sends pieces one after the other.
        func send(_ pieces: ArraySlice<UInt8>...) throws { try send(pieces) }

        func send(_ pieces: [ArraySlice<UInt8>]) throws {
            for piece in pieces where !piece.isEmpty {
                peer.send(Array(piece))
                fixture.run()
            }
        }

        /// What has come back so far.
        func received() throws -> String { text(peer.readAvailable()) }

        /// Statuses of what has come back so far.
        func statuses() throws -> [String] {
            try received().components(startingWith: "HTTP/1.1 ").map { String($0.dropFirst(9).prefix(3)) }
        }
    }

    private static let health = "GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let unknown = "GET /.gateway/nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

    @Test("A request is answered once its last octet is there, wherever it is cut")
    func everySplit() throws {
        let octets = octets(Self.health)
        for split in 0..<octets.count {
            let wire = try Wire()
            try wire.send(octets[..<split])
            #expect(try wire.received() == "", "\(split)")
            try wire.send(octets[split...])
            let answer = try wire.received()
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(split)")
            #expect(answer.hasSuffix("\r\n\r\nok\n"), "\(split)")
        }
    }

    @Test("Requests sent ahead are answered in order, however they are cut")
    func pipelined() throws {
        let octets = octets(Self.health + "\r\n" + Self.health + Self.unknown + Self.health)
        for split in 0..<octets.count {
            let wire = try Wire()
            try wire.send(octets[..<split], octets[split...])
            #expect(try wire.statuses() == ["200", "200", "404"], "\(split)")
        }
        let wire = try Wire()
        try wire.send(octets.indices.map { octets[$0...$0] })
        #expect(try wire.statuses() == ["200", "200", "404"])
    }

    @Test(
        "Smuggling: a refused head is answered once and nothing behind it is read",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET /../ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"),
            ("GET / HTTP/1.1\nHost: h\n\n", "400"), ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"),
            ("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405"), ("\0\0\0\0", "400"), ("{\"json\": 1}\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
            ("GET /\(String(repeating: "a", count: 33_000))", "431"), ("\r\n\r\n\r\n", "400"),
        ]
    )
    func refused(_ head: String, _ status: String) throws {
        let octets = octets(head + Self.health)
        for split in [1, 2, 3, octets.count / 2, octets.count] {
            let wire = try Wire()
            try wire.send(octets[..<split], octets[split...])
            #expect(try wire.statuses() == [status], "\(split)")
        }
    }

    @Test("A connection that says close is closed after its answer, and HTTP/1.0's too")
    func closes() throws {
        for head in [Self.unknown, "GET /.gateway/healthz HTTP/1.0\r\n\r\n"] {
            let wire = try Wire()
            try wire.send(octets(head)[...])
            #expect(try wire.statuses().count == 1)
            try wire.send(octets(Self.health)[...])
            #expect(try wire.received() == "")
        }
    }

    @Test("The preface of HTTP/2 is none where TLS has agreed on HTTP/1.1 or on nothing")
    func prefaceInTLS() throws {
        let octets = octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0")
        for split in 1..<octets.count {
            let wire = try Wire(isSecure: true)
            try wire.send(octets[..<split], octets[split...])
            #expect(try wire.statuses() == ["505"], "\(split)")
        }
        let wire = try Wire()
        try wire.send(octets[...])
        #expect(try wire.received().hasPrefix("HTTP/1.1") == false)
    }

    @Test("HEAD is answered as GET is, without a body")
    func headMethod() throws {
        let wire = try Wire()
        try wire.send(octets(Self.health.replacing("GET", with: "HEAD") + Self.health)[...])
        let answer = try wire.received()
        #expect(answer.components(startingWith: "HTTP/1.1 200").map { $0.hasSuffix("ok\n") } == [false, true])
        #expect(answer.components(startingWith: "HTTP/1.1 200").allSatisfy { $0.contains("Content-Length: 3\r\n") })
    }
}

extension String {
    /// The parts that begin with a word.
    fileprivate func components(startingWith word: String) -> [String] {
        split(separator: word, omittingEmptySubsequences: false).dropFirst().map { word + $0 }
    }
}
