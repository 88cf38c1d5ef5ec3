import Basics
import Synchronization

/// The spans that wait to be exported, a bounded number, and what became of others.
final class SpanQueue: Sendable {
    private struct State {
        var chunks: ArraySlice<SpanChunk> = []
        var tally = TracingTally()
    }

    private let state = Locked(State())

    /// Adds spans, or drops and counts them if the queue is full.
    ///
    /// - Parameters:
    ///   - limit: the most spans that wait.
    ///   - batchSize: the spans of a batch.
    /// - Returns: whether whoever exports must hear of it: the queue was empty, or has just got enough for a batch.
    func add(_ chunk: SpanChunk, limit: Int, batchSize: Int) -> Bool {
        state.withLock { state in
            let before = state.tally.waiting
            guard before + chunk.spanCount <= limit else {
                state.tally.overflowed += chunk.spanCount
                return false
            }
            state.chunks.append(chunk)
            state.tally.waiting += chunk.spanCount
            return before == 0 || (before < batchSize && state.tally.waiting >= batchSize)
        }
    }

    /// Takes the oldest spans: at most `limit`, or else one chunk.
    func take(atMost limit: Int) -> [SpanChunk] {
        state.withLock { state in
            var (taken, count): ([SpanChunk], Int) = ([], 0)
            while let chunk = state.chunks.first, taken.isEmpty || count + chunk.spanCount <= limit {
                taken.append(chunk)
                count += chunk.spanCount
                state.chunks = state.chunks.dropFirst()
            }
            state.tally.waiting -= count
            // An empty slice would keep the memory of all that it ever held.
            if state.chunks.isEmpty { state.chunks = [] }
            return taken
        }
    }

    var tally: TracingTally { state.withLock { $0.tally } }

    func count(_ change: (inout TracingTally) -> Void) { state.withLock { change(&$0.tally) } }
}
