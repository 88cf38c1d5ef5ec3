import Basics
import Dispatch
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Upstream servers given by name")
struct UpstreamNameTests {
    /// A client that has sent a request to an upstream whose server has a name.
    private final class Asked {
        let fixture: WorkerFixture
        let peer: Peer
        let start: Int64

        init(
            server: String = "host.example:3000",
            _ lookUp: @escaping @Sendable (String, UInt16) -> Resolver.Outcome
        ) throws {
            fixture = try WorkerFixture(server: server, resolver: Resolver(lookUp: lookUp))
            start = fixture.loop.now
            fixture.kernel.clock = start
            peer = try fixture.connect()
            peer.send("GET /public/x HTTP/1.1\r\nHost: h\r\n\r\n")
            fixture.run()
        }

        /// What the client has received after this much time.
        func answer(after milliseconds: Int64) -> String {
            fixture.kernel.clock = start + milliseconds
            fixture.run()
            return text(peer.readAvailable())
        }
    }

    @Test("A silent name server has connect_timeout, and a later answer is dropped")
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

    @Test("A name without an address gives 502 at once")
    func unknown() throws {
        let asked = try Asked { _, _ in .failed("no such name") }
        asked.fixture.loop.turn(waitingAtMost: 5_000)
        #expect(asked.answer(after: 0).hasPrefix("HTTP/1.1 502 "))
    }

    @Test("Attack: a client that goes while a server that never speaks TLS is dialled holds no descriptor")
    func goneBeforeHandshake() throws {
        let listener = Peer(try Listener.open(.v4([127, 0, 0, 1], port: 0)).take())
        let address = try #require(NetworkAddress.local(of: listener.descriptor))
        let hold = DispatchSemaphore(value: 0)
        let asked = try Asked(server: "https://host.example:3000") { _, _ in
            hold.wait()
            return .found([address])
        }
        asked.peer.close()
        asked.fixture.run()
        hold.signal()
        asked.fixture.loop.turn(waitingAtMost: 5_000)
        asked.fixture.run()
        func handlers() -> Int {
            var count = 0
            asked.fixture.loop.forEachHandler { _ in count += 1 }
            return count
        }
        // The attempt goes on, since its end says something of the server.
        #expect(handlers() == 1)
        _ = asked.answer(after: 10_000)
        #expect(handlers() == 0)
        listener.close()
    }
}
