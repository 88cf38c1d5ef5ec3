import Dispatch
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Servers of upstreams that are named")
struct UpstreamNameTests {
    /// A client that has asked for something of an upstream whose server has a name.
    private final class Asked {
        let fixture: WorkerFixture
        let peer: Peer
        let start: Int64

        init(_ lookUp: @escaping @Sendable (String, UInt16) -> Resolver.Outcome) throws {
            fixture = try WorkerFixture(server: "host.example:3000", resolver: Resolver(lookUp: lookUp))
            start = fixture.loop.now
            fixture.kernel.clock = start
            let connection = ClientConnection(
                worker: fixture.worker,
                listener: .viewers,
                address: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1")
            )
            let (served, peer) = try Peer.pair()
            self.peer = peer
            try connection.open(served)
            connection.begin()
            peer.send("GET /public/x HTTP/1.1\r\nHost: h\r\n\r\n")
            fixture.run()
        }

        /// What the client has got once this much time has passed.
        func answer(after milliseconds: Int64) -> String {
            fixture.kernel.clock = start + milliseconds
            fixture.run()
            return text(peer.readAvailable())
        }
    }

    @Test("A name server that stays silent has connect_timeout, and its answer after that is dropped")
    func silent() throws {
        let silence = DispatchSemaphore(value: 0)
        let asked = try Asked { _, port in
            silence.wait()
            return .found([.v4([127, 0, 0, 1], port: port)])
        }
        #expect(asked.answer(after: 1_900) == "")
        #expect(asked.answer(after: 2_100).hasPrefix("HTTP/1.1 502 "))
        silence.signal()
        // The answer is on its way; nothing connects for it.
        asked.fixture.loop.turn(waitingAtMost: 5_000)
        var handlers = 0
        asked.fixture.loop.forEachHandler { _ in handlers += 1 }
        #expect(handlers == 1)
    }

    @Test("A name without an address is 502 at once")
    func unknown() throws {
        let asked = try Asked { _, _ in .failed("no such name") }
        asked.fixture.loop.turn(waitingAtMost: 5_000)
        #expect(asked.answer(after: 0).hasPrefix("HTTP/1.1 502 "))
    }
}
