import Basics
import CLinux
import GatewayConfiguration
import JOSE
import Logging
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("When a key set is fetched again")
struct KeySetSourceTests {
    /// A source with a clock that the test sets, and its server.
    private final class Bench {
        let kernel = TestKernel()
        let loop: EventLoop
        let sets: KeySets
        let urls: [KeySetURL]
        private let listener: Descriptor
        private let number: Int32
        private(set) var published: [[String?]] = []

        init() throws {
            let descriptor = try Listener.open(.v4([127, 0, 0, 1], port: 0))
            number = descriptor.take()
            listener = Descriptor(number)
            let port = try #require(NetworkAddress.local(of: number)?.port)
            kernel.clock = 1_000_000_000
            loop = try EventLoop(kernel: kernel)
            urls = [try KeySetURL(parsing: "http://127.0.0.1:\(port)/k")]
            var receive: ([KeySetURL: [Key]]) -> Void = { _ in }
            sets = KeySets(
                loop: loop,
                resolver: Resolver(),
                descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            ) { receive($0) }
            receive = { [unowned self] keys in published.append(keys.values.flatMap { $0 }.map(\.id)) }
            sets.adopt(urls)
        }

        deinit {
            sets.stop()
            loop.end()
        }

        func pass(_ milliseconds: Int64) {
            kernel.clock? += milliseconds
            // The loop looks at the clock.
            loop.turn(waitingAtMost: 0)
        }

        func miss() { sets.fetchAfterMiss(urls) }

        /// Whether a fetch has begun; answers it.
        func answers(_ response: String) -> Bool {
            var peer: Peer?
            for _ in 0..<20 where peer == nil {
                loop.turn(waitingAtMost: 5)
                var address: NetworkAddress?
                let result = Kernel().accept(number, from: &address)
                if result >= 0 { peer = Peer(Int32(result)) }
            }
            guard let peer else { return false }
            peer.send(response)
            peer.finishSending()
            for _ in 0..<20 { loop.turn(waitingAtMost: 5) }
            peer.close()
            return true
        }
    }

    private static func set(_ ids: String..., field: String = "") throws -> String {
        let keys = try ids.map { try Key.generate(.es256, id: $0).publicJWK! }
        let body = JSONValue.object([JSONMember("keys", .array(keys))]).serialized()
        return "HTTP/1.1 200 OK\r\n\(field)\r\n\(String(decoding: body, as: UTF8.self))"
    }

    private static let down = "HTTP/1.1 500 Oops\r\n\r\n"

    @Test(
        "Cache-Control decides, within a minute and a day; by default ten minutes",
        arguments: [
            ("", 600), ("Cache-Control: max-age=0\r\n", 60), ("Cache-Control: max-age=3600\r\n", 3600),
            ("Cache-Control: max-age=99999999999999999999\r\n", 86_400), ("Cache-Control: max-age=9999999\r\n", 86_400),
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

    @Test("The day begins with the first failure, however long the keys were good before")
    func staleAfterLongAge() throws {
        let bench = try Bench()
        #expect(bench.answers(try Self.set("a", field: "Cache-Control: max-age=86400\r\n")))
        bench.pass(86_400_000)
        #expect(bench.answers(Self.down))
        bench.pass(3_600_000)
        #expect(bench.answers(Self.down))
        #expect(bench.published == [["a"]])
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
