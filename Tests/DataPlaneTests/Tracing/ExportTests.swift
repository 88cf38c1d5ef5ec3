import Basics
import Testing

@testable import DataPlane

@Suite("The export of spans")
struct ExportTests {
    // MARK: The queue

    /// A chunk of exchanges with one span each.
    private func chunk(_ count: Int) -> SpanChunk {
        var chunk = SpanChunk()
        for _ in 0..<count { chunk.append(ExchangeTrace(), []) }
        return chunk
    }

    @Test("Spans beyond the limit are dropped and counted; those that wait stay")
    func bound() {
        let queue = SpanQueue()
        #expect(queue.add(chunk(60), limit: 100, batchSize: 50))
        #expect(!queue.add(chunk(41), limit: 100, batchSize: 50))
        #expect(queue.tally == TracingTally(waiting: 60, overflowed: 41))
        #expect(!queue.add(chunk(40), limit: 100, batchSize: 50))
        #expect(queue.tally.waiting == 100)
        #expect(queue.take(atMost: 70).map(\.spanCount) == [60])
        #expect(queue.take(atMost: 10).map(\.spanCount) == [40])
        #expect(queue.take(atMost: 10).isEmpty)
        #expect(queue.tally == TracingTally(waiting: 0, overflowed: 41))
    }

    @Test("Whoever exports is told of the first spans, and when they are enough for a batch")
    func news() {
        let queue = SpanQueue()
        let told = [3, 3, 3, 3, 3].map { queue.add(chunk($0), limit: 100, batchSize: 10) }
        #expect(told == [true, false, false, true, false])
        #expect(queue.take(atMost: 9).map(\.spanCount) == [3, 3, 3])
        #expect(queue.tally.waiting == 6)
    }

    @Test("An exchange with a verdict and an upstream counts as three spans")
    func count() {
        var trace = ExchangeTrace()
        #expect(trace.spanCount == 1)
        trace.judgedFrom = 0
        trace.forwardedAt = 0
        #expect(trace.spanCount == 3)
    }

    // MARK: The course

    private func course() -> ExportCourse { ExportCourse(batchSize: 10, interval: 5000) }

    @Test("Spans wait until they fill a batch or their time is up")
    func gathering() {
        var course = course()
        #expect(course.next(waiting: 0, at: 0) == .rest)
        #expect(course.next(waiting: 3, at: 100) == .wake(at: 5100))
        #expect(course.next(waiting: 4, at: 200) == .wake(at: 5100))
        #expect(course.next(waiting: 10, at: 300) == .send)
        // One export at a time.
        #expect(course.next(waiting: 50, at: 400) == .rest)
        #expect(course.ended(.accepted, at: 500, random: 0) == .delivered)
        #expect(course.next(waiting: 5, at: 500) == .wake(at: 5500))
        #expect(course.next(waiting: 5, at: 5500) == .send)
        #expect(course.ended(.accepted, at: 5600, random: 0) == .delivered)
        #expect(course.next(waiting: 0, at: 5600) == .rest && course.isIdle)
    }

    @Test("What may be accepted later is sent again, with growing pauses, for a minute")
    func again() {
        var course = course()
        var (now, pauses): (Int64, [Int64]) = (0, [])
        #expect(course.next(waiting: 10, at: now) == .send)
        while course.ended(.unavailable(), at: now, random: 0) == .kept {
            guard case .wake(let time) = course.next(waiting: 10, at: now) else {
                Issue.record("no pause")
                return
            }
            pauses.append(time - now)
            now = time
            #expect(course.next(waiting: 10, at: now) == .sendAgain)
        }
        #expect(pauses == [1000, 2000, 4000, 8000, 16_000])
        // The next batch waits for as long, and is then sent.
        #expect(course.next(waiting: 10, at: now) == .wake(at: now + 30_000))
        #expect(course.next(waiting: 10, at: now + 30_000) == .send)
        #expect(course.ended(.accepted, at: now + 30_000, random: 0) == .delivered)
        #expect(course.next(waiting: 10, at: now + 30_000) == .send)
        #expect(course.ended(.unavailable(), at: now + 30_000, random: 0) == .kept)
        #expect(course.next(waiting: 10, at: now + 30_000) == .wake(at: now + 31_000))
    }

    @Test("A collector's Retry-After is obeyed, but not for more than five minutes")
    func retryAfter() {
        var course = course()
        #expect(course.next(waiting: 10, at: 0) == .send)
        #expect(course.ended(.unavailable(retryAfter: 7000), at: 0, random: 0) == .kept)
        #expect(course.next(waiting: 10, at: 6999) == .wake(at: 7000))
        #expect(course.next(waiting: 10, at: 7000) == .sendAgain)
        #expect(course.ended(.unavailable(retryAfter: .max), at: 7000, random: 0) == .dropped)
        #expect(course.next(waiting: 10, at: 7000) == .wake(at: 307_000))
    }

    @Test("What is refused is dropped, and the next batch waits for a while")
    func refused() {
        var course = course()
        #expect(course.next(waiting: 10, at: 0) == .send)
        #expect(course.ended(.refused, at: 0, random: 0) == .dropped)
        #expect(course.next(waiting: 10, at: 0) == .wake(at: 1000))
        #expect(course.next(waiting: 10, at: 1000) == .send)
    }

    @Test("Pauses differ by up to a quarter")
    func jitter() {
        var seen: Set<Int64> = []
        for random in 0..<2000 as Range<UInt64> {
            var course = course()
            _ = course.next(waiting: 10, at: 0)
            _ = course.ended(.unavailable(), at: 0, random: random)
            if case .wake(let time) = course.next(waiting: 10, at: 0) { seen.insert(time) }
        }
        #expect(seen.min() == 750 && seen.max() == 1000 && seen.count == 251)
    }

    @Test("At the end everything is sent at once, and nothing twice")
    func flush() {
        var course = course()
        #expect(course.next(waiting: 3, at: 0) == .wake(at: 5000))
        course.flush()
        #expect(course.next(waiting: 3, at: 1) == .send)
        #expect(course.ended(.unavailable(), at: 2, random: 0) == .dropped)
        #expect(course.next(waiting: 3, at: 2) == .send)
        #expect(course.ended(.accepted, at: 3, random: 0) == .delivered)
        #expect(course.next(waiting: 0, at: 3) == .rest && course.isIdle)
    }

    @Test("At the end, what waits to be sent again is sent once more")
    func flushAgain() {
        var course = course()
        #expect(course.next(waiting: 10, at: 0) == .send)
        #expect(course.ended(.unavailable(), at: 0, random: 0) == .kept)
        course.flush()
        #expect(course.next(waiting: 0, at: 1) == .sendAgain)
        #expect(course.ended(.refused, at: 2, random: 0) == .dropped)
    }

    @Test("A reload ends a pause, and does not wait for a batch to fill")
    func hurry() {
        var course = course()
        #expect(course.next(waiting: 3, at: 0) == .wake(at: 5000))
        course.hurry()
        #expect(course.next(waiting: 3, at: 1) == .send)
        #expect(course.ended(.refused, at: 2, random: 0) == .dropped)
        course.hurry()
        #expect(course.next(waiting: 10, at: 3) == .send)
    }

    // MARK: The answer

    @Test(
        "What a collector did not take of what it accepted",
        arguments: [
            ("", 0), ("{}", 0), (#"{"partialSuccess":{}}"#, 0), (#"{"partialSuccess":{"rejectedSpans":"7"}}"#, 7),
            (#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"x"}}"#, 3),
            (#"{"partialSuccess":{"rejectedSpans":"-7"}}"#, 0), (#"{"partialSuccess":{"rejectedSpans":1e300}}"#, 0),
            (#"{"partialSuccess":[1]}"#, 0), ("<html>", 0),
        ]
    )
    func rejected(_ body: String, _ count: Int) {
        #expect(ExportAnswer.rejectedSpans(bytes(body)) == count)
    }

    @Test("Only the statuses that OTLP names are tried again")
    func temporary() {
        #expect((100..<600).filter(ExportAnswer.isTemporary) == [429, 502, 503, 504])
    }
}
