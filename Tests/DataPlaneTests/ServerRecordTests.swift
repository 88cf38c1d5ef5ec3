import GatewayConfiguration
import Testing

@testable import DataPlane

@Suite("When a server is left out, and when it comes back")
struct ServerRecordTests {
    private static let refused = ServerFault.connect(.refused)
    private static let closed = ServerFault.answer(.closed)
    private static let timeout = ServerFault.answer(.timeout)

    /// A server that is ejected for ten seconds after three failures in a row, and for a minute at most.
    private static func record() -> ServerRecord {
        ServerRecord(ServerRecord.Rules(ejectAfter: 3, ejectTime: 10_000, maxEjectTime: 60_000))
    }

    /// Adds failures until the server is ejected, and returns when that ends.
    private static func eject(_ record: inout ServerRecord, by fault: ServerFault, at now: Int64) -> Int64 {
        for _ in 0..<3 where record.failed(fault, at: now, mayEject: true) { break }
        return record.outUntil
    }

    @Test("Only failures in a row eject", arguments: [closed, timeout, .status(500)])
    func row(fault: ServerFault) {
        var record = Self.record()
        for _ in 0..<2 {
            #expect(record.failed(fault, at: 100, mayEject: true) == false)
            #expect(record.failed(fault, at: 100, mayEject: true) == false)
            #expect(record.outUntil <= 100 && record.downUntil < 100)
            record.succeeded(at: 100, isTrial: false)
        }
        for _ in 0..<2 { #expect(record.failed(fault, at: 200, mayEject: true) == false) }
        #expect(record.failed(fault, at: 200, mayEject: true) == true)
        #expect(record.isEjected && record.downUntil > 10_200 && record.outUntil == 10_200)
    }

    @Test("A server that cannot be connected to is left out at once, and longer each time")
    func pauses() {
        var record = ServerRecord(ServerRecord.Rules(ejectAfter: 0))
        var now: Int64 = 0
        for pause in [500, 1000, 2000, 4000, 8000, 10_000, 10_000] as [Int64] {
            #expect(record.failed(Self.refused, at: now, mayEject: true) == false)
            // The others that were on their way tell nothing new.
            #expect(record.failed(Self.refused, at: now + 1, mayEject: true) == false)
            #expect(record.outUntil == now + pause && record.downUntil > record.outUntil && !record.isEjected)
            now = record.outUntil
        }
        record.succeeded(at: now, isTrial: false)
        #expect(record.downUntil <= now)
        _ = record.failed(Self.refused, at: now, mayEject: true)
        #expect(record.outUntil == now + 500)
    }

    @Test("Ejections that follow soon get longer, up to the longest; later ones begin anew")
    func growth() {
        var record = Self.record()
        var now: Int64 = 0
        for time in [10_000, 20_000, 40_000, 60_000, 60_000] as [Int64] {
            #expect(Self.eject(&record, by: Self.closed, at: now) == now + time)
            now = record.outUntil
        }
        record.succeeded(at: now, isTrial: false)
        #expect(!record.isEjected && record.downUntil <= now)
        #expect(Self.eject(&record, by: Self.closed, at: now + 60_000) == now + 120_000)
        now = record.outUntil
        record.succeeded(at: now, isTrial: false)
        #expect(Self.eject(&record, by: Self.closed, at: now + 60_001) == now + 70_001)
    }

    @Test("The first failure after an ejection ejects again")
    func relapse() {
        var record = Self.record()
        let end = Self.eject(&record, by: Self.closed, at: 0)
        #expect(record.failed(Self.closed, at: end, mayEject: true) == true)
    }

    @Test("If too few servers are left, only one with which nothing is lost is ejected")
    func share() {
        for (fault, isEjected) in [(Self.closed, false), (.status(500), false), (Self.timeout, true)] {
            var record = Self.record()
            for _ in 0..<2 { _ = record.failed(fault, at: 0, mayEject: false) }
            #expect(record.failed(fault, at: 0, mayEject: false) == isEjected)
            #expect(record.isEjected == isEjected)
            #expect(record.outUntil == (isEjected ? 10_000 : 0))
        }
        var record = Self.record()
        for _ in 0..<3 { _ = record.failed(Self.refused, at: record.outUntil, mayEject: false) }
        #expect(record.isEjected)
    }

    @Test("The last server is never out for longer than ten seconds, so that a gateway becomes ready again")
    func last() {
        var record = Self.record()
        for _ in 0..<2 { _ = record.failed(Self.timeout, at: 0, mayEject: false) }
        for now in stride(from: 0, to: 100_000, by: 10_000) as StrideTo<Int64> {
            #expect(record.failed(Self.timeout, at: now, mayEject: false) == true)
            #expect(record.outUntil == now + 10_000)
        }
    }

    @Test("Answers to earlier requests do not bring an ejected server back, but one to a trial does")
    func trial() {
        var record = Self.record()
        let end = Self.eject(&record, by: Self.closed, at: 0)
        record.succeeded(at: 100, isTrial: false)
        #expect(record.isEjected && record.outUntil == end)
        record.succeeded(at: 200, isTrial: true)
        #expect(!record.isEjected && record.outUntil == 200 && record.backAt == 200 && record.failures == 0)
    }

    @Test("A slow start begins with the end of an ejection; without one there is none")
    func slowStart() {
        var record = Self.record()
        record.checked(nil, at: 50)
        #expect(record.backAt < 0)
        let end = Self.eject(&record, by: Self.closed, at: 100)
        #expect(record.backAt == end)
        record.succeeded(at: end + 5, isTrial: false)
        #expect(record.backAt == end)
    }

    @Test("A server that did not answer in time stays out until a trial succeeds")
    func unresponsive() {
        var record = Self.record()
        let end = Self.eject(&record, by: Self.timeout, at: 0)
        #expect(record.isUnresponsive)
        record.succeeded(at: end + 1000, isTrial: false)
        #expect(record.isUnresponsive)
        record.succeeded(at: end + 2000, isTrial: true)
        #expect(!record.isUnresponsive && record.downUntil <= end && record.backAt == end + 2000)
    }

    @Test("A trial that is answered badly ends the silence, even of the last server")
    func bad() {
        for fault in [Self.closed, .status(503), Self.refused] {
            var record = Self.record()
            for _ in 0..<3 { _ = record.failed(Self.timeout, at: 0, mayEject: false) }
            _ = record.failed(fault, at: 5, mayEject: false)
            #expect(record.isUnresponsive, "that request was from before")
            #expect(record.failed(fault, isTrial: true, at: 5, mayEject: false) == false)
            #expect(!record.isUnresponsive && record.isEjected)
        }
        var record = Self.record()
        let end = Self.eject(&record, by: Self.timeout, at: 0)
        #expect(record.failed(Self.timeout, isTrial: true, at: end, mayEject: false) == true)
        #expect(record.isUnresponsive)
    }

    @Test("Checks and requests are one: good checks bring an ejected server back, bad ones take out the best")
    func checks() {
        var record = Self.record()
        _ = Self.eject(&record, by: Self.closed, at: 0)
        record.checked(.status(503), at: 10)
        #expect(record.downUntil == .max && record.reason == "health check: status 503")
        record.succeeded(at: 20, isTrial: true)
        #expect(record.downUntil == .max)
        record.checked(nil, at: 30)
        #expect(record.downUntil <= 30 && !record.isEjected && record.failures == 0 && record.outUntil <= 30)
        #expect(record.backAt == 30)
    }

    @Test("The log says why")
    func reasons() {
        var record = Self.record()
        _ = record.failed(Self.refused, at: 0, mayEject: true)
        #expect(record.reason == "refused")
        record = Self.record()
        _ = Self.eject(&record, by: .status(500), at: 0)
        #expect(record.reason == "status 500, 3 failures in a row: ejected for 10 s")
    }
}

@Suite("What requests see of a server's health")
struct UpstreamServerTests {
    private static func server(slowStart: Duration = .zero, ejectAfter: Int = 1) throws -> UpstreamServer {
        UpstreamServer(
            try .init(parsing: "127.0.0.1:1"),
            connectTimeout: .seconds(1),
            responseTimeout: .seconds(4),
            slowStart: slowStart,
            rules: .init(ejectAfter: ejectAfter, ejectTime: 10_000, maxEjectTime: 60_000)
        )
    }

    @Test("Its share grows over slow_start, from a tenth")
    func slowStart() throws {
        let server = try Self.server(slowStart: .seconds(10))
        #expect(server.standing(at: 0) == .up(share: 1024))
        #expect(server.failed(.answer(.closed), at: 0, mayEject: true))
        #expect(server.standing(at: 9_999) == .down)
        #expect(server.standing(at: 10_000) == .up(share: 102))
        #expect(server.standing(at: 15_000) == .up(share: 512))
        #expect(server.standing(at: 20_000) == .up(share: 1024))
    }

    @Test("A time of another event loop may be later")
    func clocks() throws {
        for slowStart in [Duration.zero, .seconds(10)] {
            let server = try Self.server(slowStart: slowStart)
            #expect(server.failed(.answer(.timeout), at: 0, mayEject: true))
            server.succeeded(at: 10_020, isTrial: true)
            #expect(server.standing(at: 10_019) == .up(share: slowStart == .zero ? 1024 : 102))
        }
    }

    @Test("A server that failed once and is not used, as a backup is not, does not count as down for ever")
    func unused() throws {
        let server = try Self.server(ejectAfter: 5)
        #expect(!server.isDown(at: 0) && server.takeNews(at: 0) == nil && server.downTime(at: 0) == nil)
        #expect(!server.failed(.connect(.refused), at: 0, mayEject: true))
        #expect(!server.failed(.connect(.refused), at: 10, mayEject: true) && server.downTime(at: 500) == 500)
        #expect(server.isDown(at: 60_499) && server.takeNews(at: 60_499) == .down("refused"))
        #expect(!server.isDown(at: 60_500) && server.takeNews(at: 60_500) == .unused)
        #expect(!server.failed(.connect(.refused), at: 70_000, mayEject: true))
        #expect(server.takeNews(at: 70_000) == .down("refused") && server.downTime(at: 70_000) == 0)
        server.succeeded(at: 70_001, isTrial: true)
        #expect(server.takeNews(at: 70_001) == .up)
    }

    @Test("An unresponsive server is tried by one request at a time, and a second after it, until one is answered")
    func trials() throws {
        let server = try Self.server()
        #expect(server.failed(.answer(.timeout), at: 0, mayEject: false))
        #expect(server.standing(at: 5) == .unresponsive && server.isOut(at: 5))
        // If there is no other, at once; if there are, once the ejection is over.
        #expect(server.admits(at: 5) && !server.admits(at: 6) && !server.admits(at: 5004))
        server.endTrial(at: 3000)
        #expect(!server.admits(at: 3999) && server.admits(at: 4000))
        // One that does not end keeps no others away for longer than an answer may take.
        #expect(!server.admits(at: 8999) && server.admits(at: 9000))
        server.endTrial(at: 9001)
        #expect(server.standing(at: 10_001) == .up(share: 1024))
        #expect(server.standing(at: 10_001, mayTry: false) == .unresponsive)
        #expect(server.admits(at: 10_001) && server.standing(at: 15_000) == .unresponsive)
        server.succeeded(at: 10_020, isTrial: true)
        #expect(
            server.standing(at: 10_030) == .up(share: 1024) && server.admits(at: 10_030) && server.admits(at: 10_030)
        )
    }

    @Test("An answer to anybody shows that the server is not silent")
    func answers() throws {
        let server = try Self.server()
        #expect(!server.hasAnswered(since: 0))
        server.answered(at: 1000)
        #expect(server.hasAnswered(since: 999) && !server.hasAnswered(since: 1000))
        server.answered(at: 1100)
        #expect(server.hasAnswered(since: 1099))
    }

    @Test("A server whose checks get no answer is tried by none; one that answers them badly is a last resort")
    func checks() throws {
        let server = try Self.server()
        server.checked(.inquiry(.timeout), at: 0)
        #expect(server.standing(at: 5_000) == .unresponsive && !server.admits(at: 5_000) && server.isLost)
        server.checked(.status(500), at: 0)
        #expect(server.standing(at: 5_000) == .down && server.admits(at: 5_000) && !server.isLost)
        server.checked(nil, at: 0)
        #expect(server.standing(at: 5_000) == .up(share: 1024))
    }
}
