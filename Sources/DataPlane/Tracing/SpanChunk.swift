/// Some recorded exchanges of one event loop, with their texts.
struct SpanChunk: Sendable {
    struct Entry: Sendable {
        let trace: ExchangeTrace
        /// Where its texts begin.
        let start: Int
    }

    private(set) var entries: ContiguousArray<Entry> = []
    private(set) var text: [UInt8] = []
    private(set) var spanCount = 0

    mutating func append(_ trace: ExchangeTrace, _ text: [UInt8]) {
        entries.append(Entry(trace: trace, start: self.text.count))
        self.text.append(contentsOf: text)
        spanCount += trace.spanCount
    }

    mutating func reserve(entries count: Int, bytes: Int) {
        entries.reserveCapacity(count)
        text.reserveCapacity(bytes)
    }
}

/// Collects what one event loop records, and hands it over in chunks.
final class SpanBuffer {
    private let exporter: SpanExporter
    private var chunk = SpanChunk()

    /// Exchanges of a chunk, so that the lock is seldom taken.
    private static let chunkSize = 64
    /// About what the texts of an exchange take.
    private static let textSize = 256

    init(_ exporter: SpanExporter) { self.exporter = exporter }

    func append(_ notes: TraceNotes) {
        if chunk.entries.isEmpty { chunk.reserve(entries: Self.chunkSize, bytes: Self.chunkSize * Self.textSize) }
        chunk.append(notes.trace, notes.text)
        // Three spans for each exchange must fit into one batch.
        if chunk.entries.count >= min(Self.chunkSize, exporter.batchSize / 3) { handOver() }
    }

    func handOver() {
        guard !chunk.entries.isEmpty else { return }
        let full = chunk
        chunk = SpanChunk()
        exporter.offer(full)
    }
}
