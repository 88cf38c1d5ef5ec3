import Basics
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("A connection that waits for its PROXY header")
struct ProxyHeaderReaderTests {
    /// A connection from a proxy at 192.0.2.9, its far end, and what it went on with.
    private final class Wire {
        let fixture: WorkerFixture
        let peer: Peer
        private let address = ClientAddress(bytes: [192, 0, 2, 9], text: "192.0.2.9")
        private(set) var clients: [String] = []
        private(set) var rest: [UInt8] = []

        /// - Parameter servesHTTP: whether the connection goes on with HTTP instead of being closed.
        init(_ fixture: WorkerFixture, servesHTTP: Bool = false) throws {
            self.fixture = fixture
            // From now on, time passes only as the test says.
            fixture.kernel.clock = fixture.kernel.monotonic()
            fixture.run()
            let (worker, site, address) = (fixture.worker, fixture.site, self.address)
            try #require(site.connectionCounts.enter(address.hash, limit: 1) != nil)
            try #require(site.enter(.viewers(0), limit: 1))
            let (served, peer) = try Peer.pair()
            self.peer = peer
            let place = ConnectionPlace(role: .viewers(0), isCounted: true)
            let reader = ProxyHeaderReader(worker: worker, peer: address, place: place) {
                [weak self] reader, header, rest in
                self?.clients.append(header.client?.hostText ?? "nobody")
                self?.rest = rest.copied()
                guard servesHTTP else {
                    place.leave(worker, address)
                    reader.close()
                    return
                }
                let connection = ClientConnection(worker: worker, listener: .viewers(0), address: address, place: place)
                reader.handOver(to: connection)
                connection.begin()
                if !rest.isEmpty { connection.received(rest) }
            }
            try reader.open(served)
            reader.begin()
            reader.setDeadline(in: worker.snapshot.headerTimeout)
        }

        func send(_ bytes: some Sequence<UInt8>) {
            peer.send(Array(bytes))
            fixture.run()
        }

        /// Whether the peer and its address have given up their places.
        var hasLeft: Bool {
            guard fixture.site.viewerConnections == 0,
                fixture.site.connectionCounts.enter(address.hash, limit: 1) != nil
            else { return false }
            fixture.site.connectionCounts.leave(address.hash)
            return true
        }

        var notices: [String] { fixture.site.turnedAway.takeNotices(at: 0, limits: (1, 1)) }
    }

    static let headers = [
        bytes("PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n"),
        BinaryHeader.bytes(0x11, [203, 0, 113, 7, 1, 1, 1, 1, 0, 1, 0, 2]),
    ]

    @Test("The header may be cut anywhere, and what follows is handed on", arguments: headers)
    func everySplit(header: [UInt8]) throws {
        let request = bytes("GET /")
        let fixture = try WorkerFixture()
        for split in 0...header.count {
            let wire = try Wire(fixture)
            if split > 0 { wire.send(header[..<split]) }
            #expect(wire.clients == (split < header.count ? [] : ["203.0.113.7"]), "\(split)")
            guard split < header.count else { continue }
            wire.send(header[split...] + request)
            #expect(wire.clients == ["203.0.113.7"] && wire.rest == request, "\(split)")
            #expect(wire.hasLeft && wire.notices == [])
        }
        let wire = try Wire(fixture)
        for byte in header { wire.send([byte]) }
        #expect(wire.clients == ["203.0.113.7"] && wire.rest == [])
    }

    @Test("A request behind the header is answered, in the same piece or later", arguments: headers)
    func request(header: [UInt8]) throws {
        let health = bytes("GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        let fixture = try WorkerFixture()
        for pieces in [[header + health], [header, health], [Array(header[..<5]), Array(header[5...]) + health]] {
            let wire = try Wire(fixture, servesHTTP: true)
            for piece in pieces { wire.send(piece) }
            #expect(text(wire.peer.readAvailable()).hasPrefix("HTTP/1.1 200 "))
            wire.peer.close()
            wire.fixture.run()
            #expect(wire.hasLeft)
        }
    }

    @Test("Anything but a header closes the connection without an answer")
    func absent() throws {
        let wire = try Wire(WorkerFixture())
        wire.send(bytes("GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\n\r\n"))
        #expect(wire.peer.readAvailable().isEmpty && wire.peer.isOver)
        #expect(wire.clients.isEmpty && wire.hasLeft)
        #expect(wire.notices.first?.contains(": 1 started with something else than a PROXY header, 0 ") == true)
    }

    @Test("Attack: a header byte by byte gets no more time than one in a piece, and none is answered")
    func slow() throws {
        for pieces in [[], Array(Self.headers[0].dropLast(2))] {
            let wire = try Wire(WorkerFixture())
            let start = try #require(wire.fixture.kernel.clock)
            for byte in pieces {
                wire.fixture.kernel.clock! += 200
                wire.send([byte])
            }
            wire.fixture.kernel.clock = start + 9_900
            wire.fixture.run()
            #expect(!wire.hasLeft)
            wire.fixture.kernel.clock = start + 10_200
            wire.fixture.run()
            #expect(wire.peer.readAvailable().isEmpty && wire.peer.isOver && wire.hasLeft)
            #expect(
                wire.notices.first?.contains(", 1 did not send it within limits.header_timeout, 0 ")
                    == true
            )
        }
    }

    @Test("It makes room for another after a second without a whole header, and no longer once it has one")
    func makesRoom() throws {
        let wire = try Wire(WorkerFixture())
        let start = try #require(wire.fixture.kernel.clock)
        wire.fixture.kernel.clock = start + 900
        wire.send(Self.headers[0].dropLast(2))
        #expect(!wire.fixture.worker.closeUnnamed())
        wire.fixture.kernel.clock = start + 1000
        wire.fixture.run()
        #expect(wire.fixture.worker.closeUnnamed())
        #expect(!wire.fixture.worker.closeUnnamed(), "one makes room for one, also within a turn")
        wire.fixture.run()
        #expect(wire.hasLeft && wire.peer.isOver && !wire.fixture.worker.closeUnnamed())
        #expect(wire.notices.first?.contains(", 1 made room because too many had yet to send it, last of ") == true)
        let other = try Wire(WorkerFixture(), servesHTTP: true)
        other.send(Self.headers[0])
        other.fixture.kernel.clock! += 2000
        other.fixture.run()
        #expect(!other.fixture.worker.closeUnnamed())
    }

    @Test(
        "A peer that leaves within the header is counted, one that leaves without a byte is not",
        arguments: [0, 1, 20]
    )
    func leaves(count: Int) throws {
        let wire = try Wire(WorkerFixture())
        if count > 0 { wire.send(Self.headers[0][..<count]) }
        wire.peer.finishSending()
        wire.fixture.run()
        #expect(wire.clients.isEmpty && wire.hasLeft && wire.peer.isOver)
        #expect(wire.notices.isEmpty == (count == 0))
    }
}
