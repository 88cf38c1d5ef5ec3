import Basics
import CLinux
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Answers of an upstream, turn by turn")
struct UpstreamAnswerTests {
    /// A worker with a server that the test plays.
    private final class Site {
        let fixture: WorkerFixture
        private let listener: Descriptor
        private let number: Int32

        init() throws {
            let descriptor = try Listener.open(.v4([127, 0, 0, 1], port: 0))
            number = descriptor.take()
            listener = Descriptor(number)
            let port = try #require(NetworkAddress.local(of: number)?.port)
            fixture = try WorkerFixture(server: "127.0.0.1:\(port)")
        }

        /// Runs the loop until the gateway has connected to the server.
        func accept() throws -> Peer {
            for _ in 0..<10_000 {
                fixture.loop.turn(waitingAtMost: 1)
                var address: NetworkAddress?
                let result = Kernel().accept(number, from: &address)
                guard result >= 0 else { continue }
                return Peer(Int32(result))
            }
            throw NoConnection()
        }

        /// Runs the loop until `peer` has something to read.
        func read(_ peer: Peer) throws -> String {
            for _ in 0..<10_000 {
                fixture.loop.turn(waitingAtMost: 1)
                let bytes = peer.readAvailable()
                if !bytes.isEmpty { return text(bytes) }
            }
            throw NoConnection()
        }
    }

    private struct NoConnection: Error {}

    private func get(_ path: String) -> String { "GET /public/\(path) HTTP/1.1\r\nHost: h\r\n\r\n" }
    private func answer(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("Wrong client: what an idle server has sent by itself does not pass for the answer to a later request")
    func unasked() throws {
        let site = try Site()
        let client = try site.fixture.connect()
        client.send(get("one"))
        let first = try site.accept()
        #expect(try site.read(first).hasPrefix("GET /public/one "))
        first.send(answer("one"))
        #expect(try site.read(client).hasSuffix("one"))
        site.fixture.run()
        // The loop sees both at the same time, the request first.
        client.send(get("two"))
        first.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil")
        let second = try site.accept()
        #expect(try site.read(second).hasPrefix("GET /public/two "))
        second.send(answer("two"))
        #expect(try site.read(client).hasSuffix("two"))
    }

    @Test("Each pipelined request of a client that has ended its side gets the same time")
    func halfClosed() throws {
        let site = try Site()
        site.fixture.kernel.clock = site.fixture.loop.now
        let client = try site.fixture.connect()
        client.send(get("one") + get("two"))
        client.finishSending()
        let server = try site.accept()
        #expect(try site.read(server).hasPrefix("GET /public/one "))
        for (name, rest) in [("one", "GET /public/two "), ("two", "")] {
            // Longer than a client that is still there is left alone, and shorter than one that has ended its side.
            for _ in 0..<4 {
                site.fixture.kernel.clock? += 1000
                site.fixture.run()
            }
            server.send(answer(name))
            #expect(try site.read(client).hasSuffix(name))
            if !rest.isEmpty { #expect(try site.read(server).hasPrefix(rest)) }
        }
    }
}
