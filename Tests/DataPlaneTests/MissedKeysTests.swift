import GatewayConfiguration
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Whether a request with an unknown key waits for a key set")
struct MissedKeysTests {
    private let (a, b): (KeySetURL, KeySetURL)
    private let missed = MissedKeys()

    init() throws {
        (a, b) = (try KeySetURL(parsing: "https://a.example/k"), try KeySetURL(parsing: "https://b.example/k"))
    }

    private func miss(_ urls: [KeySetURL], at now: Int64) -> (Bool, [KeySetURL]) {
        let outlook = missed.miss(urls, at: now)
        return (outlook.mayWait, outlook.asksFor)
    }

    @Test("It waits while a fetch is under way, and for one that is due; in between it is asked for once")
    func course() {
        missed.began(a, at: 1000)
        #expect(miss([a], at: 1000) == (true, []))
        missed.ended(a)
        #expect(miss([a], at: 2000) == (false, [a]))
        #expect(miss([a], at: 30_999) == (false, []))
        #expect(miss([a], at: 31_000) == (true, [a]))
        // One request of many has asked.
        #expect(miss([a], at: 31_000) == (true, []))
        missed.began(a, at: 31_001)
        missed.ended(a)
        #expect(miss([a], at: 31_002) == (false, [a]))
    }

    @Test("It waits for a fetch whose turn has not come, which one request of many hastens")
    func queued() {
        missed.wanted(a, at: 1000)
        #expect(miss([a], at: 1000) == (true, [a]))
        #expect(miss([a], at: 1001) == (true, []))
        missed.began(a, at: 1002)
        missed.ended(a)
        // Whatever is wanted again, strangers do not bring it sooner.
        missed.wanted(a, at: 2000)
        #expect(miss([a], at: 2001) == (false, [a]))
    }

    @Test("Any of a company's sets may bring the key; one that is not fetched brings none")
    func several() {
        missed.began(a, at: 0)
        missed.ended(a)
        #expect(miss([b], at: 100_000) == (false, []))
        missed.began(b, at: 10)
        #expect(miss([a, b], at: 20) == (true, [a]))
        missed.forget(b)
        #expect(miss([a, b], at: 20) == (false, []))
    }

    @Test("Strangers' keys in any number cause one fetch in thirty seconds")
    func strangers() {
        var fetches = 0
        missed.began(a, at: 0)
        missed.ended(a)
        for now in stride(from: 0 as Int64, to: 300_000, by: 7) {
            let outlook = missed.miss([a], at: now)
            guard outlook.mayWait, !outlook.asksFor.isEmpty else { continue }
            fetches += 1
            missed.began(a, at: now)
            missed.ended(a)
        }
        #expect(fetches == 9)
    }
}

@Suite("Requests that wait for a key set")
struct KeyWaitsTests {
    @Test(
        "They go on once: when one of their sets was fetched, or after three seconds; and no more than a few hundred wait"
    )
    func course() throws {
        let kernel = TestKernel()
        kernel.clock = 1_000_000
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let waits = KeyWaits(loop: loop)
        let (a, b) = (try KeySetURL(parsing: "https://a.example/k"), try KeySetURL(parsing: "https://b.example/k"))
        var gone: [String] = []
        let since = loop.now
        #expect(waits.add([a, b], from: 1, since: since) { gone.append("ab") } != nil)
        #expect(waits.add([b], from: 1, since: since) { gone.append("b") } != nil)
        waits.fetchEnded(a)
        #expect(gone == ["ab"])
        func pass(_ time: Int64) {
            kernel.clock? += time
            loop.turn(waitingAtMost: 0)
            loop.turn(waitingAtMost: 0)
        }
        pass(2000)
        // Who waits for the second time has one second left.
        #expect(waits.add([a], from: 1, since: since) { gone.append("again") } != nil)
        pass(999)
        #expect(gone == ["ab"])
        pass(2)
        #expect(gone == ["ab", "b", "again"])
        #expect(waits.add([a], from: 1, since: since) {} == nil)
        gone.removeLast()
        #expect(gone == ["ab", "b"])
        waits.fetchEnded(b)
        #expect(gone == ["ab", "b"] && waits.count == 0)
        for _ in 0..<KeyWaits.capacity { #expect(waits.add([a], from: 0, since: loop.now) {} != nil) }
        #expect(waits.add([a], from: 0, since: loop.now) {} == nil)
        // What waits again while it goes on, waits.
        var again = 0
        waits.fetchEnded(a)
        let wait = waits.add([a], from: 1, since: loop.now) {
            again += 1
            if again < 3 { _ = waits.add([a], from: 1, since: loop.now) { again += 1 } }
        }
        #expect(wait != nil)
        waits.fetchEnded(a)
        #expect(again == 1 && waits.count == 1)
    }

    @Test("One address takes an eighth of the places, and who goes gives the place back")
    func shares() throws {
        let kernel = TestKernel()
        kernel.clock = 1_000_000
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let waits = KeyWaits(loop: loop)
        let url = try KeySetURL(parsing: "https://a.example/k")
        var gone: [Int] = []
        let numbers = (0..<KeyWaits.capacityOfAddress).map { index in
            waits.add([url], from: 7, since: loop.now) { gone.append(index) }
        }
        #expect(!numbers.contains(nil))
        #expect(waits.add([url], from: 7, since: loop.now) {} == nil)
        #expect(waits.add([url], from: 8, since: loop.now) {} != nil)
        let first = try #require(numbers[0])
        for _ in 0..<2 { waits.cancel(first) }
        #expect(waits.count == KeyWaits.capacityOfAddress)
        #expect(waits.add([url], from: 7, since: loop.now) { gone.append(-1) } != nil)
        waits.fetchEnded(url)
        #expect(gone == Array(1..<KeyWaits.capacityOfAddress) + [-1])
    }
}

@Suite("Key sets that are kept over a restart")
struct KeySetFileTests {
    private func url(_ text: String) throws -> KeySetURL { try KeySetURL(parsing: text) }

    @Test("What was written is read, for a day")
    func roundTrip() throws {
        let sets = [
            FetchedKeySet(
                url: try url("https://a.example/k?x=1"),
                fetchedAt: 1000,
                body: Array(#"{"keys":["\u00e9"]}"#.utf8)
            ),
            FetchedKeySet(url: try url("http://localhost:1/k"), fetchedAt: 2000, body: Array(#"{"keys":[]}"#.utf8)),
        ]
        let content = KeySetFile.content(of: sets.reversed())
        let bytes = content.bytes
        #expect(content.leftOut == [])
        for now in [2000, 1000 + 86_399] as [Int64] {
            #expect(KeySetFile.read(bytes, at: now).sorted { $0.fetchedAt < $1.fetchedAt } == sets)
        }
        #expect(KeySetFile.read(bytes, at: 1000 + 86_400) == [sets[1]])
        #expect(KeySetFile.read(bytes, at: 2000 - 301) == [sets[0]], "from the future")
        for end in bytes.indices { #expect(KeySetFile.read(Array(bytes[..<end]), at: 2000) == []) }
    }

    @Test(
        "A file of something else holds nothing",
        arguments: [
            "", "{}", "[]", #"{"sets":{}}"#, #"{"sets":[1,{},{"url":"https://a/k"}]}"#,
            #"{"sets":[{"url":"http://a.example/k","fetchedAt":1,"set":"{}"}]}"#,
            #"{"sets":[{"url":"https://a/k","fetchedAt":"1","set":"{}"}]}"#,
            #"{"sets":[{"url":"https://a/k","fetchedAt":1e300,"set":"{}"}]}"#,
            #"{"sets":[{"url":"https://a/k","fetchedAt":-9223372036854775808,"set":"{}"}]}"#,
            #"{"sets":[{"url":"https://a/k","fetchedAt":-1,"set":"{}"}]}"#,
        ]
    )
    func others(text: String) { #expect(KeySetFile.read(Array(text.utf8), at: 2) == []) }

    @Test("What is written can be read again: the largest sets are left out first")
    func tooLarge() throws {
        let sets = try [3000, 10, 2000, 20, 4000].map { size in
            FetchedKeySet(
                url: try url("https://a.example/\(size)"),
                fetchedAt: 1000,
                // Twice as long in the file.
                body: [UInt8](repeating: UInt8(ascii: "\""), count: size)
            )
        }
        let content = KeySetFile.content(of: sets, maxSize: 4600)
        #expect(content.bytes.count <= 4600)
        #expect(KeySetFile.read(content.bytes, at: 1000).map(\.body.count) == [10, 20, 2000])
        #expect(content.leftOut == ["https://a.example/3000", "https://a.example/4000"])
        let exact = KeySetFile.content(of: sets, maxSize: content.bytes.count)
        #expect(exact.bytes.count <= content.bytes.count)
    }
}
