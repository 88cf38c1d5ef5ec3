import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("A client's connection, over the gateway's own endpoints")
struct ClientConnectionTests {
    /// A connection and its client's end.
    private final class Wire {
        let fixture: WorkerFixture
        let peer: Peer

        /// - Parameter fixture: where many are made one after the other. Each fixture has descriptors, which the process
        ///   keeps.
        init(on fixture: WorkerFixture? = nil, isSecure: Bool = false) throws {
            self.fixture = try fixture ?? WorkerFixture()
            peer = try self.fixture.connect(isSecure: isSecure)
        }

        /// Sends pieces one after the other.
        func send(_ pieces: ArraySlice<UInt8>...) throws { try send(pieces) }

        func send(_ pieces: [ArraySlice<UInt8>]) throws {
            for piece in pieces where !piece.isEmpty {
                peer.send(Array(piece))
                fixture.run()
            }
        }

        /// The text received so far.
        func received() throws -> String { text(peer.readAvailable()) }

        /// The statuses received so far.
        func statuses() throws -> [String] {
            try received().components(startingWith: "HTTP/1.1 ").map { String($0.dropFirst(9).prefix(3)) }
        }
    }

    private static let health = "GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let unknown = "GET /.gateway/nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

    @Test("A request is answered once its last byte has arrived, wherever it is cut")
    func everySplit() throws {
        let bytes = bytes(Self.health)
        let fixture = try WorkerFixture()
        for split in 0..<bytes.count {
            let wire = try Wire(on: fixture)
            try wire.send(bytes[..<split])
            #expect(try wire.received() == "", "\(split)")
            try wire.send(bytes[split...])
            let answer = try wire.received()
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(split)")
            #expect(answer.hasSuffix("\r\n\r\nok\n"), "\(split)")
        }
    }

    @Test("Pipelined requests are answered in order, however they are cut")
    func pipelined() throws {
        let bytes = bytes(Self.health + "\r\n" + Self.health + Self.unknown + Self.health)
        let fixture = try WorkerFixture()
        for split in 0..<bytes.count {
            let wire = try Wire(on: fixture)
            try wire.send(bytes[..<split], bytes[split...])
            #expect(try wire.statuses() == ["200", "200", "404"], "\(split)")
        }
        let wire = try Wire()
        try wire.send(bytes.indices.map { bytes[$0...$0] })
        #expect(try wire.statuses() == ["200", "200", "404"])
    }

    @Test(
        "Smuggling: a refused head is answered once and nothing after it is read",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET /../ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"),
            ("GET / HTTP/1.1\nHost: h\n\n", "400"), ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"),
            ("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405"), ("\0\0\0\0", "400"), ("{\"json\": 1}\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
            ("GET /\(String(repeating: "a", count: 33_000))", "431"), ("\r\n\r\n\r\n", "400"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n", "400"), ("PROXY UNKNOWN\r\n", "400"),
            ("\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0", "400"),
        ]
    )
    func refused(_ head: String, _ status: String) throws {
        let bytes = bytes(head + Self.health)
        let fixture = try WorkerFixture()
        for split in [1, 2, 3, bytes.count / 2, bytes.count] {
            let wire = try Wire(on: fixture)
            try wire.send(bytes[..<split], bytes[split...])
            #expect(try wire.statuses() == [status], "\(split)")
        }
    }

    @Test("A connection with \"close\" is closed after its answer, and so is an HTTP/1.0 one")
    func closes() throws {
        for head in [Self.unknown, "GET /.gateway/healthz HTTP/1.0\r\n\r\n"] {
            let wire = try Wire()
            try wire.send(bytes(head)[...])
            #expect(try wire.statuses().count == 1)
            try wire.send(bytes(Self.health)[...])
            #expect(try wire.received() == "")
        }
    }

    @Test("The preface of HTTP/2 is not accepted if TLS has agreed on HTTP/1.1 or on nothing")
    func prefaceInTLS() throws {
        let bytes = bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0")
        let fixture = try WorkerFixture()
        for split in 1..<bytes.count {
            let wire = try Wire(on: fixture, isSecure: true)
            try wire.send(bytes[..<split], bytes[split...])
            #expect(try wire.statuses() == ["505"], "\(split)")
        }
        let wire = try Wire()
        try wire.send(bytes[...])
        #expect(try wire.received().hasPrefix("HTTP/1.1") == false)
    }

    @Test("Drain: a request that has arrived is answered, and the connection closes after it")
    func drain() throws {
        let wire = try Wire()
        try wire.send(bytes(Self.health)[...])
        #expect(try wire.statuses() == ["200"])
        wire.peer.send(Self.health)
        wire.fixture.worker.drain()
        wire.fixture.run()
        let answer = try wire.received()
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Connection: close\r\n"))
        let idle = try Wire()
        try idle.send(bytes(Self.health)[...])
        #expect(try idle.statuses() == ["200"])
        idle.fixture.worker.drain()
        idle.fixture.run()
        #expect(idle.peer.hasEnded)
    }

    @Test("Drain: who has connected gets an answer to the first request, before and after the drain began")
    func drainAnswersFirst() throws {
        let early = try Wire()
        early.fixture.worker.drain()
        let late = try early.fixture.connect()
        early.fixture.run()
        for peer in [early.peer, late] {
            #expect(!peer.hasEnded)
            peer.send(Self.health)
            early.fixture.run()
            let answer = text(peer.readAvailable())
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Connection: close\r\n"))
        }
    }

    @Test("Drain: who connects and asks nothing is waited for no longer than for a head")
    func drainSilent() throws {
        let wire = try Wire()
        wire.fixture.kernel.clock = wire.fixture.loop.now
        wire.fixture.worker.drain()
        wire.fixture.kernel.clock? += 9000
        wire.fixture.run()
        #expect(!wire.peer.hasEnded)
        wire.fixture.kernel.clock? += 1100
        wire.fixture.run()
        #expect(wire.peer.hasEnded)
    }

    @Test("HEAD is answered like GET, without a body")
    func headMethod() throws {
        let wire = try Wire()
        try wire.send(bytes(Self.health.replacing("GET", with: "HEAD") + Self.health)[...])
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
