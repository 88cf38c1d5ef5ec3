/// One event loop's lines, handed over in batches.
final class AccessLogBuffer {
    private let log: LogOutput
    private var lines = ByteBuffer(capacity: batch + maxLine)
    /// Large, since each wakes the writing thread; below the 128 KiB from which glibc maps new memory for each.
    private static let batch = 120 << 10
    /// More than nearly all lines have.
    private static let maxLine = 4 << 10

    init(log: LogOutput) { self.log = log }

    /// Adds a line without its line feed. `write` is called again, with more room, for a long line.
    func append(_ write: (inout ByteWriter) -> Void) {
        var room = Self.maxLine
        while true {
            let isWritten = lines.write(atMost: room) { line in
                write(&line)
                line.write(UInt8.lineFeed)
            }
            if isWritten { break }
            room *= 4
        }
        if lines.count >= Self.batch { handOver() }
    }

    func handOver() {
        guard !lines.isEmpty else { return }
        log.append(lines.copied())
        lines.removeAll()
    }
}
