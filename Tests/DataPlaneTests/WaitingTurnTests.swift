import Basics
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Places of a server that event loops share")
struct WaitingTurnTests {
    /// Two event loops whose time stands still, and a server with one place.
    private final class Wire {
        let fixture: WorkerFixture
        let listener: Peer
        let second: Worker
        private let secondLoop: EventLoop
        private var accepted: [Peer] = []

        init(_ upstream: String = "") throws {
            listener = Peer(try Listener.open(.v4([127, 0, 0, 1], port: 0)).take())
            let port = try #require(NetworkAddress.local(of: listener.descriptor)?.port)
            fixture = try WorkerFixture(server: "127.0.0.1:\(port)", upstream: "max_connections = 1\n\(upstream)")
            fixture.kernel.clock = fixture.loop.now
            secondLoop = try EventLoop(kernel: fixture.kernel)
            second = Worker(loop: secondLoop, site: fixture.site)
        }

        deinit {
            second.closeAll()
            secondLoop.end()
            for peer in accepted { peer.close() }
            listener.close()
        }

        /// A client of a loop that has sent a request.
        func ask(_ worker: Worker, _ path: String) throws -> Peer {
            let peer = try fixture.connect(to: worker)
            peer.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
            run()
            return peer
        }

        /// Lets both loops and the network do what they can without time passing.
        func run() {
            for _ in 0..<4 {
                fixture.loop.turn(waitingAtMost: 1)
                secondLoop.turn(waitingAtMost: 1)
            }
        }

        /// The connection and the path of the next request that reaches the server. Returns `nil` if none does.
        func arrival() -> (server: Peer, path: String)? {
            for _ in 0..<200 {
                var from: NetworkAddress?
                let descriptor = Kernel().accept(listener.descriptor, from: &from)
                if descriptor >= 0 { accepted.append(Peer(Int32(descriptor))) }
                for server in accepted {
                    let head = text(server.readAvailable())
                    if let path = head.split(separator: " ").dropFirst().first { return (server, String(path)) }
                }
                run()
            }
            return nil
        }
    }

    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    @Test("One that is left on one loop goes at once to who waits first on another")
    func wakes() throws {
        let wire = try Wire()
        let first = wire.fixture.worker
        let clients = [try wire.ask(first, "/public/1")]
        let served = try #require(wire.arrival())
        #expect(served.path == "/public/1")
        let waiting = [
            try wire.ask(wire.second, "/public/2"), try wire.ask(wire.second, "/public/3"),
            try wire.ask(first, "/public/4"),
        ]
        served.server.send(Self.answer)
        // All of them wait equally long.
        var paths: Set<String> = []
        for _ in 0..<3 {
            let next = try #require(wire.arrival())
            paths.insert(next.path)
            next.server.send(Self.answer)
        }
        #expect(paths == ["/public/2", "/public/3", "/public/4"])
        wire.run()
        for client in clients + waiting { #expect(text(client.readAvailable()).hasPrefix("HTTP/1.1 200 ")) }
        #expect(wire.fixture.site.snapshot.upstreams[0].hasWaiting == false)
    }

    @Test("Who leaves the line is not waited for")
    func gone() throws {
        let wire = try Wire()
        let first = wire.fixture.worker
        let client = try wire.ask(first, "/public/1")
        let served = try #require(wire.arrival())
        let leaver = try wire.ask(wire.second, "/public/2")
        wire.fixture.kernel.clock? += 1
        let stayer = try wire.ask(first, "/public/3")
        leaver.close()
        wire.run()
        served.server.send(Self.answer)
        #expect(wire.arrival()?.path == "/public/3")
        withExtendedLifetime((client, stayer)) {}
    }
}
