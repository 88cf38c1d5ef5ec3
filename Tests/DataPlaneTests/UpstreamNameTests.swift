import Basics
import Dispatch
import Synchronization
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

    @Test("Connections use the addresses of the last answer, also while the name server fails")
    func kept() throws {
        let listener = Peer(try Listener.open(.v4([127, 0, 0, 1], port: 0)).take())
        defer { listener.close() }
        let address = try #require(NetworkAddress.local(of: listener.descriptor))
        let lookUps = Mutex(0)
        let asked = try Asked { _, _ in
            let isFirst = lookUps.withLock { count in
                count += 1
                return count == 1
            }
            return isFirst ? .found([address]) : .failed("no name server")
        }
        let loop = asked.fixture.loop
        /// Answers the next request on a connection of its own. Returns what the client gets.
        func serve() -> String {
            var server: Peer?
            var (isAsked, answer) = (false, "")
            for _ in 0..<20_000 where answer.isEmpty {
                loop.turn(waitingAtMost: 1)
                var from: NetworkAddress?
                if server == nil { server = Peer(accepted: Kernel().accept(listener.descriptor, from: &from)) }
                if !isAsked, server?.readAvailable().isEmpty == false {
                    isAsked = true
                    server?.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                }
                answer = text(asked.peer.readAvailable())
            }
            server?.close()
            return answer
        }
        #expect(serve().hasPrefix("HTTP/1.1 200 "))
        for passed in [10_000, 40_000, 50_000, 80_000] as [Int64] {
            asked.fixture.kernel.clock = asked.start + passed
            asked.peer.send("GET /public/x HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(serve().hasPrefix("HTTP/1.1 200 "))
        }
        // At the start, and once in each interval of 30 s. The resolver asks on a thread of its own, so its last question
        // may come late, or not at all.
        for _ in 0..<20_000 where lookUps.withLock({ $0 }) < 2 { loop.turn(waitingAtMost: 1) }
        #expect((2...3).contains(lookUps.withLock { $0 }))
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

extension Peer {
    /// - Parameter result: of accept(2). Returns `nil` if there was no connection.
    fileprivate convenience init?(accepted result: Int) {
        guard result >= 0 else { return nil }
        self.init(Int32(result))
    }
}
