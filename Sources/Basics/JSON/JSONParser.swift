extension JSONValue {
    /// Reads a JSON text that fills `bytes` completely.
    ///
    /// Strict where readers are known to differ: refuses a repeated member name, even if one of them is spelt with
    /// escapes, a byte order mark, bytes that are not UTF-8, and numbers too large for a `Double`.
    package init(parsing bytes: Span<UInt8>, limits: JSONLimits) throws(JSONFault) {
        var place = 0
        try self.init(parsing: bytes, limits: limits, stoppedAt: &place)
    }

    /// Reads the same, and says where it stopped if it fails.
    ///
    /// - Parameter place: the index of the byte at which or just before which the fault was found.
    package init(parsing bytes: Span<UInt8>, limits: JSONLimits, stoppedAt place: inout Int) throws(JSONFault) {
        guard bytes.count <= limits.size else { throw .size }
        var parser = JSONParser(bytes, limits)
        do throws(JSONFault) {
            self = try parser.text()
        } catch {
            place = parser.position
            throw error
        }
    }
}

/// A recursive descent parser over the bytes of one JSON text. The depth limit bounds its stack.
private struct JSONParser: ~Copyable, ~Escapable {
    private let bytes: Span<UInt8>
    private let limits: JSONLimits
    private(set) var position = 0
    private var depth = 0
    private var containers = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    @_lifetime(self: copy self)
    mutating func text() throws(JSONFault) -> JSONValue {
        skipWhiteSpace()
        let value = try value()
        skipWhiteSpace()
        guard position == bytes.count else { throw .syntax }
        return value
    }

    @_lifetime(self: copy self)
    private mutating func value() throws(JSONFault) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default: return try number()
        }
    }

    // MARK: Structure

    /// Up to this many names of an object are compared pairwise, which is cheaper for the small objects that are usual.
    private static let comparedNames = 16

    @_lifetime(self: copy self)
    private mutating func object() throws(JSONFault) -> [JSONMember] {
        try descend()
        var members: [JSONMember] = []
        var names: Set<ExactText> = []
        if !skip("}") {
            repeat {
                skipWhiteSpace()
                guard peek() == UInt8(ascii: "\"") else { throw .syntax }
                let name = try string()
                if members.count < Self.comparedNames {
                    guard members[name] == nil else { throw .duplicate }
                } else {
                    if names.isEmpty { names = Set(members.map { ExactText($0.name) }) }
                    guard names.insert(ExactText(name)).inserted else { throw .duplicate }
                }
                guard members.count < limits.members else { throw .members }
                guard skip(":") else { throw .syntax }
                skipWhiteSpace()
                members.append(JSONMember(name, try value()))
            } while skip(",")
            guard skip("}") else { throw .syntax }
        }
        depth -= 1
        return members
    }

    @_lifetime(self: copy self)
    private mutating func array() throws(JSONFault) -> [JSONValue] {
        try descend()
        var elements: [JSONValue] = []
        if !skip("]") {
            repeat {
                skipWhiteSpace()
                elements.append(try value())
            } while skip(",")
            guard skip("]") else { throw .syntax }
        }
        depth -= 1
        return elements
    }

    /// Skips the opening bracket.
    @_lifetime(self: copy self)
    private mutating func descend() throws(JSONFault) {
        position += 1
        depth += 1
        guard depth <= limits.depth else { throw .depth }
        containers += 1
        guard containers <= limits.containers else { throw .containers }
    }

    // MARK: Strings

    /// Reads a string whose opening quotation mark is next.
    @_lifetime(self: copy self)
    private mutating func string() throws(JSONFault) -> String {
        position += 1
        let start = position
        while true {
            switch peek() {
            case UInt8(ascii: "\""):
                let text = try string(from: bytes.extracting(start..<position))
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try string(escapedFrom: start)
            case let byte? where byte >= 0x20:
                position += 1
            default:
                throw .syntax
            }
        }
    }

    /// Continues at the first escape of a string that began at `start`.
    @_lifetime(self: copy self)
    private mutating func string(escapedFrom start: Int) throws(JSONFault) -> String {
        var text = [UInt8](copying: bytes.extracting(start..<position))
        while true {
            guard let byte = peek(), byte >= 0x20 else { throw .syntax }
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try string(from: text.span)
            case UInt8(ascii: "\\"): try escape(to: &text)
            default: text.append(byte)
            }
        }
    }

    private func string(from utf8: Span<UInt8>) throws(JSONFault) -> String {
        do {
            return String(copying: try UTF8Span(validating: utf8))
        } catch {
            throw .encoding
        }
    }

    /// Reads an escape after its backslash.
    @_lifetime(self: copy self)
    private mutating func escape(to text: inout [UInt8]) throws(JSONFault) {
        guard let byte = peek() else { throw .syntax }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try escapedScalar())!)
        default: throw .syntax
        }
    }

    /// Reads the four digits after `\u`, and the second half of a surrogate pair if they are its first half.
    @_lifetime(self: copy self)
    private mutating func escapedScalar() throws(JSONFault) -> Unicode.Scalar {
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(UInt32(unit)) { return scalar }
        guard UTF16.isLeadSurrogate(unit), peek() == UInt8(ascii: "\\") else { throw .encoding }
        position += 1
        guard peek() == UInt8(ascii: "u") else { throw .encoding }
        position += 1
        let trail = try hexUnit()
        guard UTF16.isTrailSurrogate(trail) else { throw .encoding }
        let value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(trail) - 0xDC00)
        guard let scalar = Unicode.Scalar(value) else { throw .encoding }
        return scalar
    }

    @_lifetime(self: copy self)
    private mutating func hexUnit() throws(JSONFault) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = peek()?.hexValue else { throw .syntax }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    // MARK: Numbers and literals

    /// Reads `[ minus ] int [ frac ] [ exp ]`, exactly the grammar of RFC 8259 section 6.
    @_lifetime(self: copy self)
    private mutating func number() throws(JSONFault) -> JSONValue {
        let start = position
        if peek() == UInt8(ascii: "-") { position += 1 }
        if peek() == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if peek() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            position += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        if let whole = whole(start..<position) { return .number(whole) }
        let text = try string(from: bytes.extracting(start..<position))
        guard let value = Double(text), value.isFinite else { throw .number }
        return significantDigits(start..<position) > Self.exactDigits ? .exactNumber(text) : .number(value)
    }

    @_lifetime(self: copy self)
    private mutating func digits() throws(JSONFault) {
        let start = position
        while let byte = peek(), byte.isDigit { position += 1 }
        guard position > start else { throw .syntax }
    }

    /// Decimal numbers with up to this many digits survive a conversion to `Double` and back.
    private static let exactDigits = 15

    /// The number of digits from the first that is not 0, without those of the exponent.
    private func significantDigits(_ range: Range<Int>) -> Int {
        var count = 0
        for index in range {
            let byte = bytes[index]
            if byte | 0x20 == UInt8(ascii: "e") { break }
            if byte.isDigit, count > 0 || byte != UInt8(ascii: "0") { count += 1 }
        }
        return count
    }

    /// The value of an integer with no more digits than a `Double` holds exactly, which covers every time in a token.
    /// Returns `nil` for numbers of another form.
    private func whole(_ range: Range<Int>) -> Double? {
        guard range.count <= Self.exactDigits else { return nil }
        var value: Int64 = 0
        for index in range {
            guard bytes[index].isDigit else { return nil }
            value = value * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
        }
        return Double(value)
    }

    @_lifetime(self: copy self)
    private mutating func literal(_ word: StaticString) throws(JSONFault) {
        for byte in word.description.utf8 {
            guard peek() == byte else { throw .syntax }
            position += 1
        }
    }

    // MARK: Bytes

    private func peek() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// Skips white space and then `mark`, if it is next.
    @_lifetime(self: copy self)
    private mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        skipWhiteSpace()
        guard peek() == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }

    @_lifetime(self: copy self)
    private mutating func skipWhiteSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }
}
