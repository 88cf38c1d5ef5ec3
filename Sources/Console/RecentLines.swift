import Basics
import Synchronization

/// The last lines of the operator's log, for the console. Keeps a bounded number of bytes.
package final class RecentLines: Sendable {
    /// How severe a line is, from the least.
    package enum Level: Int, Sendable, CaseIterable {
        case debug, info, notice, warning, error

        var name: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .notice: "notice"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    struct Line: Sendable {
        let level: Level
        let text: String
    }

    private static let maxLines = 2000
    /// The most bytes of a line that are kept.
    private static let maxLine = 2000
    private static let slack = 256

    private let lines = Mutex<[Line]>([])

    package init() {}

    package func append(_ text: String, _ level: Level) {
        let isLong = text.utf8.count > Self.maxLine
        let kept = isLong ? String(decoding: text.utf8.prefix(Self.maxLine), as: UTF8.self) : text
        let line = Line(level: level, text: kept)
        lines.withLock { lines in
            lines.append(line)
            if lines.count > Self.maxLines + Self.slack { lines.removeFirst(lines.count - Self.maxLines) }
        }
    }

    /// The last lines of at least this level that contain a text in any case, the latest first.
    func latest(_ count: Int, atLeast level: Level, containing text: String?) -> [Line] {
        let needle = text.map { Array($0.lowercased().utf8) }
        let lines = lines.withLock { $0 }
        var found: [Line] = []
        for line in lines.reversed() where line.level.rawValue >= level.rawValue {
            guard found.count < count else { break }
            if let needle, !SearchText.contains(line.text, needle) { continue }
            found.append(line)
        }
        return found
    }
}

/// Texts in any case.
enum SearchText {
    /// Whether a text contains another one, which is in lower case.
    static func contains(_ text: String, _ needle: [UInt8]) -> Bool {
        var text = text
        // Only letters beyond ASCII need tables.
        if !text.utf8.allSatisfy({ $0 < 0x80 }) { text = text.lowercased() }
        let bytes = text.utf8Span.span
        guard needle.count <= bytes.count else { return false }
        for start in 0...bytes.count - needle.count {
            var length = 0
            while length < needle.count, bytes[start + length].lowercased == needle[length] { length += 1 }
            if length == needle.count { return true }
        }
        return false
    }
}
