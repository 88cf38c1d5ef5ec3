import Basics

/// The lines of a TOML text on which tables and keys begin, to point an operator to a problem.
///
/// Nothing depends on it but messages, so it knows only the common spellings: keys of inline tables have the line of
/// their table's key; quoted keys with escapes, very deep ones, and texts that are not TOML have none.
package struct SourceLines {
    /// By place, such as `listener[0].certificate`.
    private var lines: [String: Int] = [:]
    /// The number of elements so far of each array of tables.
    private var counts: [String: Int] = [:]
    private var table = Place.root

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    package init(_ text: String) {
        bytes = Array(text.utf8)
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "["): readHeader()
            case UInt8(ascii: "#"), UInt8(ascii: "\n"): break
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                position += 1
                continue
            default:
                let keys = readKey()
                if keys.count <= DocumentScan.depthLimit { note(keys.reduce(table) { $0.key($1) }) }
            }
            skipRest()
        }
    }

    /// The line of a place, or of the closest one around it. Returns `nil` if there is none.
    ///
    /// - Parameter place: as problems name it.
    package func line(of place: some StringProtocol) -> Int? {
        var place = place[...]
        while !place.isEmpty {
            if let line = lines[String(place)] { return line }
            place = place[..<(place.lastIndex { $0 == "." || $0 == "[" } ?? place.startIndex)]
        }
        return nil
    }

    private mutating func note(_ place: Place) {
        let name = place.description
        if lines[name] == nil { lines[name] = line }
    }

    /// Reads `[name]` or `[[name]]`, whose keys follow.
    private mutating func readHeader() {
        position += 1
        let isElement = position < bytes.count && bytes[position] == UInt8(ascii: "[")
        if isElement { position += 1 }
        var place = Place.root
        let keys = readKey()
        guard keys.count <= DocumentScan.depthLimit else { return }
        for (index, key) in keys.enumerated() {
            place = place.key(key)
            let name = place.description
            if isElement, index == keys.count - 1 { counts[name, default: 0] += 1 }
            if let count = counts[name] { place = place.index(count - 1) }
        }
        table = place
        note(place)
    }

    /// Reads a dotted key up to what follows it.
    private mutating func readKey() -> [String] {
        var keys: [String] = []
        while position < bytes.count {
            skipBlanks()
            let start = position
            if position < bytes.count, bytes[position] == UInt8(ascii: "\"") || bytes[position] == UInt8(ascii: "'") {
                skipString()
                keys.append(String(decoding: bytes[start..<position].dropFirst().dropLast(), as: UTF8.self))
            } else {
                while position < bytes.count, Self.isBare(bytes[position]) { position += 1 }
                keys.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            skipBlanks()
            guard position < bytes.count, bytes[position] == UInt8(ascii: ".") else { break }
            position += 1
        }
        return keys
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position] == UInt8(ascii: " ") || bytes[position] == UInt8(ascii: "\t") {
            position += 1
        }
    }

    /// Moves past the end of the line or, if brackets are open there, past the end of the line that closes them.
    private mutating func skipRest() {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\n"):
                position += 1
                line += 1
                if depth <= 0 { return }
            case UInt8(ascii: "#"):
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                position += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                position += 1
            default: position += 1
            }
        }
    }

    /// Moves past the string that begins here.
    private mutating func skipString() {
        let quote = bytes[position]
        let isMultiline = bytes[position...].starts(with: [quote, quote, quote])
        let end = isMultiline ? [quote, quote, quote] : [quote]
        position += end.count
        while position < bytes.count {
            if bytes[position...].starts(with: end) {
                position += end.count
                // One or two quotes may directly precede the closing three.
                while isMultiline, position < bytes.count, bytes[position] == quote { position += 1 }
                return
            }
            if bytes[position] == UInt8(ascii: "\n") {
                guard isMultiline else { return }
                line += 1
            }
            position += bytes[position] == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1
        }
        position = min(position, bytes.count)
    }
}
