import Basics
import CLinux
import GatewayConfiguration
import JOSE
import Logging
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Key sets of thousands of companies are fetched a few at a time")
struct FetchTurnsTests {
    /// Many sets on one server, which answers when the test says.
    private final class Bench {
        private let server: KeySetServer
        private var loop: EventLoop { server.loop }
        let sets: KeySets
        let urls: [KeySetURL]
        /// The fetches that have begun and were not answered, the oldest first.
        private var open: [(target: String, peer: Peer)] = []
        /// The targets of all fetches so far.
        private(set) var begun: [String] = []
        /// What was published, and which fetches were told of, in order.
        private(set) var news: [String] = []
        /// How long it takes to publish, in milliseconds.
        var publishingTime: Int64 = 0

        init(_ count: Int) throws {
            let server = try KeySetServer()
            self.server = server
            urls = try (0..<count).map { try server.url("\($0)") }
            var publish: (Int) -> Void = { _ in }
            var tell: (String) -> Void = { _ in }
            sets = KeySets(
                loop: server.loop,
                resolver: Resolver(),
                descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                publish: { publish($0.count) },
                fetchEnded: { tell($0.target) },
                clock: { server.now }
            )
            publish = { [unowned self] count in
                news.append("\(count) published")
                server.kernel.clock? += publishingTime
            }
            tell = { [unowned self] target in news.append(target) }
            sets.adopt(urls)
        }

        deinit {
            sets.stop()
            for (_, peer) in open { peer.close() }
        }

        /// Lets what can begin, begin. Returns the targets of the fetches that have.
        func begin() -> [String] {
            var new: [String] = []
            for _ in 0..<20 {
                loop.turn(waitingAtMost: 5)
                while let peer = server.accept() {
                    var head: [UInt8] = []
                    // The request is sent once the loop knows of the connection.
                    for _ in 0..<1000 where head.isEmpty {
                        loop.turn(waitingAtMost: 5)
                        head = peer.readAvailable()
                    }
                    let line = String(decoding: head, as: UTF8.self).split(separator: " ")
                    let target = line.count > 1 ? String(line[1]) : ""
                    open.append((target, peer))
                    new.append(target)
                }
            }
            begun += new
            return new
        }

        /// Answers the oldest fetches.
        func answer(_ count: Int, _ response: String = "HTTP/1.1 500 Oops\r\n\r\n") {
            for (_, peer) in open.prefix(count) {
                peer.send(response)
                peer.finishSending()
                for _ in 0..<20 { loop.turn(waitingAtMost: 5) }
                peer.close()
            }
            open.removeFirst(min(count, open.count))
        }

        func pass(_ milliseconds: Int64) { server.pass(milliseconds) }
    }

    @Test("Sixteen at a time, each after another has ended, and in the end all")
    func bounded() throws {
        let bench = try Bench(40)
        #expect(bench.begin().count == 16)
        #expect(bench.begin() == [])
        bench.answer(3)
        #expect(bench.begin().count == 3)
        while bench.begun.count < 40 {
            bench.answer(16)
            try #require(!bench.begin().isEmpty)
        }
        #expect(Set(bench.begun) == Set(bench.urls.map(\.target)))
    }

    @Test("Those that requests wait for go first, and have sixteen more places")
    func urgent() throws {
        let bench = try Bench(60)
        _ = bench.begin()
        let waiting = bench.urls.filter { !bench.begun.contains($0.target) }
        bench.sets.fetchAfterMiss(Array(waiting[..<3]))
        #expect(Set(bench.begin()) == Set(waiting[..<3].map(\.target)))
        // None of those for which nobody waits has its place.
        bench.answer(3)
        #expect(bench.begin() == [])
        bench.answer(1)
        #expect(bench.begin().count == 1)
        bench.sets.fetchAfterMiss(waiting)
        #expect(bench.begin().count == 16)
        #expect(bench.begin() == [])
    }

    @Test("Sets that go while they wait for their turn are not fetched, and leave their places to others")
    func dropped() throws {
        let bench = try Bench(40)
        let first = bench.begin()
        let kept = Array(bench.urls.filter { !first.contains($0.target) }.suffix(4))
        bench.sets.adopt(kept)
        #expect(Set(bench.begin()) == Set(kept.map(\.target)))
        bench.sets.adopt([])
        bench.sets.adopt(bench.urls)
        #expect(bench.begin().count == 16)
    }

    @Test("Sets that a reload tries are fetched whatever becomes of those in use, until it has ended")
    func tried() throws {
        let bench = try Bench(4)
        let (urls, targets) = (bench.urls, bench.urls.map(\.target))
        _ = bench.begin()
        bench.sets.adopt([])
        bench.sets.adopt([urls[0]], trying: [urls[1], urls[2]])
        #expect(Set(bench.begin()) == Set(targets[..<3]))
        bench.sets.adopt([urls[1], urls[3]])
        bench.sets.adopt([urls[3]])
        #expect(bench.begin() == [targets[3]])
        bench.sets.adopt([urls[2]], trying: [])
        bench.sets.adopt(urls)
        #expect(Set(bench.begin()) == [targets[0], targets[1], targets[3]])
    }

    @Test("Where publishing takes long, it is done for several sets together; nobody is told of a fetch before")
    func publishing() throws {
        let bench = try Bench(3)
        _ = bench.begin()
        bench.publishingTime = 50
        let key = try #require(try Key.generate(.es256, id: "a").publicJWK)
        let set = JSONValue.object([JSONMember("keys", .array([key]))]).serialized()
        bench.answer(3, "HTTP/1.1 200 OK\r\n\r\n" + String(decoding: set, as: UTF8.self))
        let targets = bench.begun
        #expect(bench.news == ["1 published", targets[0]])
        // It took 50 ms of 250.
        bench.pass(199)
        #expect(bench.news.count == 2)
        bench.pass(1)
        #expect(bench.news == ["1 published", targets[0], "3 published", targets[1], targets[2]])
    }
}
