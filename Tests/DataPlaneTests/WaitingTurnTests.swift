import Basics
import GatewayConfiguration
import Glibc
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Places of a server that event loops share")
struct WaitingTurnTests {
    /// Two event loops whose time stands still, and servers with one place each.
    private final class Wire {
        let fixture: WorkerFixture
        private let listeners: [Peer]
        let second: Worker
        private let secondLoop: EventLoop
        private var accepted: [Peer] = []

        init(servers: Int = 1, _ upstream: String = "") throws {
            listeners = try (0..<servers).map { _ in Peer(try Listener.open(.v4([127, 0, 0, 1], port: 0)).take()) }
            let names = try listeners.map { listener in
                "127.0.0.1:\(try #require(NetworkAddress.local(of: listener.descriptor)?.port))"
            }
            fixture = try WorkerFixture(
                server: names.joined(separator: "\", \""),
                upstream: "max_connections = 1\n\(upstream)"
            )
            fixture.kernel.clock = fixture.loop.now
            secondLoop = try EventLoop(kernel: fixture.kernel)
            second = Worker(loop: secondLoop, site: fixture.site)
        }

        deinit {
            second.closeAll()
            secondLoop.end()
            for peer in accepted { peer.close() }
            for listener in listeners { listener.close() }
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

        /// Changes the upstream's settings on both loops.
        func reload(_ change: (inout UpstreamSettings) -> Void) {
            let former = fixture.worker.snapshot
            var settings = former.settings
            change(&settings.upstreams[0])
            let snapshot = Snapshot(settings: settings, previous: former)
            for worker in [fixture.worker, second] { worker.adopt(snapshot) }
            run()
        }

        /// The connection and the path of the next request that reaches the server. Returns `nil` if none does.
        func arrival() -> (server: Peer, path: String)? {
            for _ in 0..<200 {
                for listener in listeners {
                    var from: NetworkAddress?
                    let descriptor = Kernel().accept(listener.descriptor, from: &from)
                    if descriptor >= 0 { accepted.append(Peer(Int32(descriptor))) }
                }
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

    @Test("A place that the first of one loop cannot use goes at once to another loop's, which came in the same moment")
    func handsOn() throws {
        let wire = try Wire(servers: 2)
        let (first, kernel) = (wire.fixture.worker, wire.fixture.kernel)
        let busy = try wire.ask(first, "/public/1")
        #expect(wire.arrival()?.path == "/public/1")
        // It has tried the other server, which refuses it.
        kernel.connects = [.fails(ECONNREFUSED)]
        let waiting = [
            try wire.ask(first, "/public/2"), try wire.ask(first, "/public/3"), try wire.ask(wire.second, "/public/4"),
        ]
        // The server may be tried again.
        kernel.clock? += 600
        let served = try #require(wire.arrival())
        #expect(served.path == "/public/3")
        served.server.send(Self.answer)
        #expect(wire.arrival()?.path == "/public/4")
        withExtendedLifetime((busy, waiting)) {}
    }

    @Test("A place that nobody before it can use, on any loop, goes at once to one further back")
    func handsBack() throws {
        let wire = try Wire(servers: 2)
        let (first, kernel) = (wire.fixture.worker, wire.fixture.kernel)
        let busy = try wire.ask(first, "/public/1")
        #expect(wire.arrival()?.path == "/public/1")
        // Both have tried the other server: one now, the other when it may be tried again.
        kernel.connects = [.fails(ECONNREFUSED), .fails(ECONNREFUSED)]
        var waiting = [try wire.ask(first, "/public/2"), try wire.ask(wire.second, "/public/3")]
        kernel.clock? += 600
        wire.run()
        #expect(kernel.connects.isEmpty)
        waiting += [try wire.ask(first, "/public/4"), try wire.ask(first, "/public/5")]
        kernel.clock? += 1100
        let served = try #require(wire.arrival())
        #expect(served.path == "/public/4")
        served.server.send(Self.answer)
        #expect(wire.arrival()?.path == "/public/5")
        withExtendedLifetime((busy, waiting)) {}
    }

    @Test("A reload counts what is in progress, and if it raises the limit, those who wait go at once")
    func raised() throws {
        let wire = try Wire()
        var clients = [try wire.ask(wire.fixture.worker, "/public/1")]
        #expect(wire.arrival()?.path == "/public/1")
        clients += [try wire.ask(wire.second, "/public/2"), try wire.ask(wire.fixture.worker, "/public/3")]
        wire.reload { $0.connectTimeout = .seconds(9) }
        clients.append(try wire.ask(wire.second, "/public/4"))
        #expect(wire.arrival()?.path == nil)
        wire.reload { $0.maxConnections = 3 }
        #expect(Set([wire.arrival()?.path, wire.arrival()?.path]) == ["/public/2", "/public/3"])
        #expect(wire.arrival()?.path == nil)
        var counts = wire.fixture.worker.counts
        counts.add(wire.second.counts)
        #expect(counts.servers[ServerRow.activeConnections] == 3)
        #expect(counts.upstreams[UpstreamRow.waiting] == 1)
        withExtendedLifetime(clients) {}
    }

    @Test("A place that is left in the pool of former settings goes at once to who waits in that of the new ones")
    func former() throws {
        let wire = try Wire()
        let first = wire.fixture.worker
        let clients = [try wire.ask(first, "/public/1")]
        let served = try #require(wire.arrival())
        wire.reload { $0.connectTimeout = .seconds(9) }
        let waiting = [try wire.ask(first, "/public/2"), try wire.ask(wire.second, "/public/3")]
        served.server.send(Self.answer)
        let next = try #require(wire.arrival())
        #expect(next.path == "/public/2")
        next.server.send(Self.answer)
        #expect(wire.arrival()?.path == "/public/3")
        withExtendedLifetime((clients, waiting)) {}
    }

    @Test("What began without a limit counts for the one that a reload sets, also if the server was gone meanwhile")
    func unlimited() throws {
        let wire = try Wire()
        let first = wire.fixture.worker
        wire.reload { $0.maxConnections = 0 }
        let clients = [try wire.ask(first, "/public/1"), try wire.ask(wire.second, "/public/2")]
        let served = try #require(wire.arrival())
        #expect(wire.arrival() != nil)
        let servers = first.snapshot.settings.upstreams[0].servers
        wire.reload { $0.maxConnections = 2 }
        wire.reload { $0.servers = [UpstreamServerSettings(isSecure: false, address: .unix(path: "/nowhere"))] }
        wire.reload { $0.servers = servers }
        let other = try wire.ask(first, "/public/3")
        #expect(wire.arrival()?.path == nil)
        served.server.send(Self.answer)
        #expect(wire.arrival()?.path == "/public/3")
        withExtendedLifetime((clients, other)) {}
    }
}
