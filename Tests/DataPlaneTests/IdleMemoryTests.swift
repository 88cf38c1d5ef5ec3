import CMalloc
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("The memory of idle clients")
struct IdleMemoryTests {
    private let health = "GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\n\r\n"

    /// Clients that were each answered once.
    private func answered(_ count: Int, of fixture: WorkerFixture) throws -> [Peer] {
        try (0..<count).map { _ in
            let peer = try fixture.connect()
            peer.send(bytes(health))
            fixture.run()
            #expect(text(peer.readAvailable()).hasPrefix("HTTP/1.1 200 "))
            return peer
        }
    }

    @Test("An idle connection holds no exchange: one serves all who ask in turn")
    func noExchange() throws {
        let fixture = try WorkerFixture()
        let peers = try answered(20, of: fixture)
        #expect(fixture.worker.spares.count == 1)
        for peer in peers { peer.send(bytes("GET / HT")) }
        fixture.run()
        #expect(fixture.worker.spares.count == 1, "half a head needs none")
        for peer in peers { peer.close() }
        fixture.run()
        #expect(fixture.worker.spares.count == 1)
    }

    @Test("A waiting exchange holds nothing of its last request")
    func nothingLeft() throws {
        let fixture = try WorkerFixture()
        let peer = try fixture.connect()
        peer.send(
            bytes(
                "GET /event/e HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
        )
        fixture.run()
        #expect(text(peer.readAvailable()).hasPrefix("HTTP/1.1 401 "))
        let exchange = try #require(fixture.worker.spares.first as? Exchange)
        #expect(!exchange.isActive && exchange.client == nil && exchange.viewer == nil && exchange.admitted == nil)
        #expect(exchange.upstream == nil && exchange.pool == nil && exchange.upgrade == nil)
        #expect(exchange.upstreamHead == nil && exchange.response == nil)
        #expect(exchange.queued == nil && exchange.pieces == nil)
    }

    @Test("Few exchanges are kept, and none from before a reload")
    func bounded() throws {
        let fixture = try WorkerFixture()
        let worker = fixture.worker
        for _ in 0..<1000 { worker.recycle(Exchange(worker: worker)) }
        #expect(worker.spares.count == 256)
        let earlier = worker.takeExchange()
        worker.adopt(Snapshot(settings: worker.snapshot.settings, previous: worker.snapshot))
        #expect(worker.spares.isEmpty)
        worker.recycle(earlier)
        #expect(worker.spares.isEmpty)
        #expect(worker.takeExchange().snapshot === worker.snapshot)
    }

    @Test("An idle HTTP/1.1 connection is one small object")
    func size() throws {
        let fixture = try WorkerFixture()
        let peers = try answered(1, of: fixture)
        var sizes: [Int] = []
        fixture.loop.forEachHandler { handler in
            // SAFETY: only asks the allocator about an object that is alive.
            unsafe sizes.append(malloc_usable_size(Unmanaged.passUnretained(handler).toOpaque()))
        }
        #expect(sizes.count == 1 && sizes.allSatisfy { $0 <= 264 }, "\(sizes)")
        withExtendedLifetime(peers) {}
    }
}
