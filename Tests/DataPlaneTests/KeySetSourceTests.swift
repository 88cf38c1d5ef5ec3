import Basics
import CLinux
import GatewayConfiguration
import JOSE
import Logging
import Synchronization
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("When a key set is fetched again")
struct KeySetSourceTests {
    /// A file that has the same set for both of a bench's URLs.
    private final class Store: Sendable {
        private let body: [UInt8]?
        private let fetchedAt: Int64
        private let content = Mutex<[UInt8]>([])

        /// - Parameter age: in seconds.
        init(_ body: [UInt8]?, age: Int64) { (self.body, fetchedAt) = (body, WallClock.now() / 1000 - age) }

        func keyStore(_ urls: [KeySetURL]) -> KeySetStore {
            let sets = urls.compactMap { url in body.map { FetchedKeySet(url: url, fetchedAt: fetchedAt, body: $0) } }
            return KeySetStore(
                load: { KeySetFile.content(of: sets).bytes },
                save: { make in self.content.withLock { $0 = make().bytes } }
            )
        }

        var saved: [FetchedKeySet] { KeySetFile.read(content.withLock { $0 }, at: WallClock.now() / 1000) }
    }

    /// A source with a clock that the test sets, and its server.
    private final class Bench {
        private let server: KeySetServer
        var loop: EventLoop { server.loop }
        let sets: KeySets
        let urls: [KeySetURL]
        let other: KeySetURL
        private(set) var published: [[String?]] = []

        init(_ store: Store? = nil) throws {
            let server = try KeySetServer()
            self.server = server
            urls = [try server.url("k")]
            other = try server.url("other")
            var receive: ([KeySetURL: [Key]]) -> Void = { _ in }
            sets = KeySets(
                loop: server.loop,
                resolver: Resolver(),
                descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
                store: store?.keyStore(urls + [other]),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                publish: { receive($0) },
                clock: { server.now }
            )
            receive = { [unowned self] keys in published.append(keys.values.flatMap { $0 }.map(\.id)) }
            sets.adopt(urls)
        }

        deinit { sets.stop() }

        func pass(_ milliseconds: Int64) { server.pass(milliseconds) }

        func miss() { sets.fetchAfterMiss(urls) }

        /// Whether a fetch has begun; answers it.
        func answers(_ response: String) -> Bool {
            var peer: Peer?
            for _ in 0..<20 where peer == nil {
                loop.turn(waitingAtMost: 5)
                peer = server.accept()
            }
            guard let peer else { return false }
            peer.send(response)
            peer.finishSending()
            for _ in 0..<20 { loop.turn(waitingAtMost: 5) }
            peer.close()
            return true
        }
    }

    private static func body(_ ids: String...) throws -> [UInt8] { try body(ids) }

    private static func body(_ ids: [String]) throws -> [UInt8] {
        let keys = try ids.map { try Key.generate(.es256, id: $0).publicJWK! }
        return JSONValue.object([JSONMember("keys", .array(keys))]).serialized()
    }

    private static func set(_ ids: String..., field: String = "") throws -> String {
        "HTTP/1.1 200 OK\r\n\(field)\r\n\(String(decoding: try body(ids), as: UTF8.self))"
    }

    private static let down = "HTTP/1.1 500 Oops\r\n\r\n"

    @Test(
        "Cache-Control decides, within a minute and six hours; by default ten minutes",
        arguments: [
            ("", 600), ("Cache-Control: max-age=0\r\n", 60), ("Cache-Control: max-age=3600\r\n", 3600),
            ("Cache-Control: max-age=99999999999999999999\r\n", 21_600), ("Cache-Control: max-age=9999999\r\n", 21_600),
            ("Cache-Control: max-age=-5\r\n", 600),
        ] as [(String, Int64)]
    )
    func age(field: String, seconds: Int64) throws {
        let bench = try Bench()
        let set = try Self.set("a", field: field)
        #expect(bench.answers(set))
        // Up to a tenth earlier.
        bench.pass(seconds * 900 - 1)
        #expect(!bench.answers(set))
        bench.pass(seconds * 100 + 2)
        #expect(bench.answers(set))
        #expect(bench.published == [["a"]])
    }

    @Test("An unknown key brings a fetch, thirty seconds after the last one at the earliest")
    func misses() throws {
        let bench = try Bench()
        #expect(bench.answers(try Self.set("a")))
        bench.miss()
        bench.pass(29_999)
        bench.miss()
        #expect(!bench.answers(Self.down))
        bench.pass(1)
        #expect(bench.answers(try Self.set("a", "b")))
        bench.pass(40_000)
        bench.miss()
        #expect(bench.answers(try Self.set("b")))
        #expect(bench.published == [["a"], ["a", "b"], ["b"]])
    }

    @Test("While the source is down, its keys stay for a day, and fetches become rarer up to five minutes")
    func stale() throws {
        let bench = try Bench()
        #expect(bench.answers(try Self.set("a", field: "Cache-Control: max-age=60\r\n")))
        bench.pass(60_000)
        for wait in [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] as [Int64] {
            #expect(bench.answers(Self.down))
            bench.pass(wait * 9 / 10 - 1)
            #expect(!bench.answers(Self.down))
            bench.pass(wait / 10 + 2)
        }
        #expect(bench.published == [["a"]])
        bench.pass(86_400_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"], []])
        bench.pass(300_000)
        #expect(bench.answers(try Self.set("c")))
        #expect(bench.published == [["a"], [], ["c"]])
    }

    @Test("The day begins with the last good fetch, and no max-age uses up more than a quarter of it")
    func staleAfterLongAge() throws {
        let bench = try Bench()
        #expect(bench.answers(try Self.set("a", field: "Cache-Control: max-age=86400\r\n")))
        bench.pass(21_600_000)
        #expect(bench.answers(Self.down))
        bench.pass(86_400_000 - 21_600_000 - 60_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"]])
        bench.pass(300_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"], []])
    }

    @Test("A set from before the start has what is left of its day")
    func kept() throws {
        let store = Store(try Self.body("a"), age: 80_000)
        let bench = try Bench(store)
        #expect(bench.answers(Self.down))
        bench.pass(6_000_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"]])
        bench.pass(700_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"], []])
    }

    @Test("Only the sets of the start take up what was kept")
    func keptLater() throws {
        let store = Store(try Self.body("a"), age: 10)
        let bench = try Bench(store)
        #expect(bench.answers(Self.down))
        bench.sets.adopt(bench.urls + [bench.other])
        #expect(bench.published == [["a"]])
        #expect(bench.answers(Self.down))
        bench.sets.adopt([])
        bench.sets.adopt(bench.urls)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"], []])
    }

    @Test("Attack: a set that was refused for its private key is not kept for the next start")
    func refusedIsNotKept() throws {
        let store = Store(nil, age: 0)
        let bench = try Bench(store)
        #expect(bench.answers(try Self.set("a")))
        #expect(store.saved.map(\.url) == bench.urls)
        bench.pass(600_000)
        #expect(bench.answers("HTTP/1.1 200 OK\r\n\r\n" + #"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#))
        #expect(bench.published == [["a"], []])
        #expect(store.saved == [])
    }

    @Test(
        "What a set says: keys that go are gone, faulty ones are skipped, secrets spoil all",
        arguments: [
            (#"{"keys":[]}"#, [["a"], []]),
            (#"{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]}"#, [["a"], []]),
            (#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, [["a"], []]),
            (#"{"keys":[{"kty":"EC","crv":"P-256","d":"AA"}]}"#, [["a"], []]), (#"{"keys":{}}"#, [["a"]]),
            ("[]", [["a"]]),
            (#"{"keys":[\#(Array(repeating: "{}", count: 65).joined(separator: ","))]}"#, [["a"]]),
        ] as [(String, [[String]])]
    )
    func contents(body: String, published: [[String]]) throws {
        let bench = try Bench()
        #expect(bench.answers(try Self.set("a")))
        bench.pass(600_000)
        #expect(bench.answers("HTTP/1.1 200 OK\r\n\r\n\(body)"))
        #expect(bench.published == published)
    }
}
