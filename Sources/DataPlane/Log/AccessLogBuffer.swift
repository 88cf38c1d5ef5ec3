/// One event loop's lines, handed over in batches.
final class AccessLogBuffer {
    private let log: LogOutput
    private var lines: [UInt8] = []
    private static let batch = 32 << 10

    init(log: LogOutput) { self.log = log }

    /// Adds a line without its line feed.
    func append(_ write: (inout [UInt8]) -> Void) {
        write(&lines)
        lines.append(.lineFeed)
        if lines.count >= Self.batch { handOver() }
    }

    func handOver() {
        guard !lines.isEmpty else { return }
        log.append(lines)
        lines = []
        lines.reserveCapacity(Self.batch)
    }
}
