import Basics

/// Scans a TOML text for input that the parser would read wrongly or dangerously.
///
/// The parser works on C strings, so a NUL would silently end the text or a string early. It recurses for every level
/// of nesting, so a key of 100,000 parts would crash the process. And it asserts, where it should report an error, that
/// a table's name follows its bracket, that brackets are closed by their own kind, that Unicode has no other line ends
/// than TOML, and that a time follows a date and a space.
///
/// Up to its first error, the scan sees a text as the parser does. The parser never sees what comes after.
struct DocumentScan {
    /// The deepest nesting of brackets, and the most parts of one dotted key.
    static let depthLimit = 32

    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    private let bytes: [UInt8]
    private var position = 0
    /// The closing bracket for each open one, the innermost last.
    private var closers: [UInt8] = []
    private var parts = 0
    /// Whether an equals sign has occurred since the last line end outside brackets.
    private var isValue = false

    static func check(_ text: String) throws(Document.Fault) {
        var scan = DocumentScan(bytes: Array(text.utf8))
        try scan.run()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func run() throws(Document.Fault) {
        if bytes.starts(with: Self.byteOrderMark) { position = Self.byteOrderMark.count }
        if let index = bytes.firstIndex(of: 0) { throw fault(at: index, "a NUL character is not allowed") }
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): try skipString()
            case UInt8(ascii: "."):
                parts += 1
                try checkDepth(parts)
            case UInt8(ascii: "["), UInt8(ascii: "{"): try open()
            case UInt8(ascii: "]"), UInt8(ascii: "}"): try close()
            case UInt8(ascii: "="):
                isValue = true
                parts = 0
            case UInt8(ascii: "\n"):
                if closers.isEmpty { isValue = false }
                parts = 0
            case UInt8(ascii: ","): parts = 0
            case UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            case UInt8(ascii: " ") where isBetweenDigits: throw fault(at: position, "a space within a number or date")
            case 0..<0x20, 0x7f...: throw fault(at: position, "a character that may only stand in quotes")
            default: break
            }
            position += 1
        }
    }

    /// Whether a space stands between digits. Only a date with a time may contain one without quotes, and no key takes
    /// that.
    private var isBetweenDigits: Bool {
        position > 0 && position + 1 < bytes.count && bytes[position + 1].isDigit
            && (bytes[position - 1].isDigit || bytes[position - 1] == UInt8(ascii: "_"))
    }

    private mutating func open() throws(Document.Fault) {
        let bracket = bytes[position]
        if bracket == UInt8(ascii: "["), closers.isEmpty, !isValue { try checkHeader() }
        closers.append(bracket == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: "}"))
        parts = 0
        try checkDepth(closers.count)
    }

    /// Handles a closing bracket. Leaves an unmatched one to the parser to report.
    private mutating func close() throws(Document.Fault) {
        parts = 0
        guard let expected = closers.popLast(), expected != bytes[position] else { return }
        let (expectedText, found) = (UnicodeScalar(expected), UnicodeScalar(bytes[position]))
        throw fault(at: position, "expected \(expectedText), saw \(found)")
    }

    private func checkDepth(_ depth: Int) throws(Document.Fault) {
        if depth > Self.depthLimit { throw fault(at: position, "nested too deeply") }
    }

    /// Checks that the content of a header's brackets begins like a key. Leaves a missing key to the parser to report.
    private func checkHeader() throws(Document.Fault) {
        let name = indexAfterBlanks(from: position + 1)
        let index = name < bytes.count && bytes[name] == UInt8(ascii: "[") ? indexAfterBlanks(from: name + 1) : name
        guard index < bytes.count else { return }
        if !bytes[index].isLetterOrDigit, !"_-\"']".utf8.contains(bytes[index]) {
            throw fault(at: index, "expected the name of a table after [")
        }
    }

    private func indexAfterBlanks(from start: Int) -> Int {
        bytes[start...].firstIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } ?? bytes.count
    }

    /// Moves `position` to the last byte of the line.
    private mutating func skipLine() {
        while position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "\n") { position += 1 }
    }

    /// Moves `position` to the last byte of the string that begins there. Leaves an unterminated one to the parser to
    /// report.
    private mutating func skipString() throws(Document.Fault) {
        let quote = bytes[position]
        let isMultiline = bytes[position...].starts(with: [quote, quote, quote])
        position += isMultiline ? 3 : 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == quote, !isMultiline || bytes[position...].starts(with: [quote, quote, quote]) {
                guard isMultiline else { return }
                position += 2
                // One or two quotes may directly precede the closing three.
                for _ in 0..<2 where position + 1 < bytes.count && bytes[position + 1] == quote { position += 1 }
                return
            }
            if byte == UInt8(ascii: "\n"), !isMultiline { return }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if bytes[(position + 1)...].starts(with: Array("u0000".utf8))
                    || bytes[(position + 1)...].starts(with: Array("U00000000".utf8))
                {
                    throw fault(at: position, "a NUL character is not allowed")
                }
                position += 1
            }
            position += 1
        }
    }

    private func fault(at index: Int, _ reason: String) -> Document.Fault {
        let before = bytes[..<index]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = String(decoding: bytes[lineStart..<index], as: UTF8.self).unicodeScalars.count + 1
        return Document.Fault(line: line, column: column, reason: reason)
    }
}
