extension JSONValue {
    /// The shortest JSON text of this value, in UTF-8.
    package func serialized() -> [UInt8] {
        var text: [UInt8] = []
        write(to: &text, limit: .max)
        return text
    }

    /// The same, or `nil` if it is longer than `limit` bytes. Finding that out costs no more than the limit does.
    package func serialized(upTo limit: Int) -> [UInt8]? {
        var text: [UInt8] = []
        write(to: &text, limit: limit)
        return text.count <= limit ? text : nil
    }

    /// Stops soon after the text is longer than `limit`.
    private func write(to text: inout [UInt8], limit: Int) {
        guard text.count <= limit else { return }
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += (value ? "true" : "false").utf8
        case .number(let value): JSONValue.write(value, to: &text)
        case .exactNumber(let value): text += value.utf8
        case .string(let value): JSONValue.write(value, to: &text, limit: limit)
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() where text.count <= limit {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                element.write(to: &text, limit: limit)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() where text.count <= limit {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                JSONValue.write(member.name, to: &text, limit: limit)
                text.append(UInt8(ascii: ":"))
                member.value.write(to: &text, limit: limit)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    /// Writes whole numbers without a fraction: a time reads `1700000000`. JSON cannot express values that are not
    /// finite.
    private static func write(_ number: Double, to text: inout [UInt8]) {
        if number.magnitude <= 0x1p53, Double(Int64(number)) == number {
            text += String(Int64(number)).utf8
        } else if number.isFinite {
            text += number.description.utf8
        } else {
            text += "null".utf8
        }
    }

    private static func write(_ string: String, to text: inout [UInt8], limit: Int) {
        text.append(UInt8(ascii: "\""))
        let bytes = string.utf8Span.span.extracting(first: limit)
        for index in bytes.indices {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text.append(UInt8(ascii: "\\"))
                text.append(byte)
            case 0..<0x20:
                text += "\\u00".utf8
                text.append(UInt8(hexDigit: byte >> 4))
                text.append(UInt8(hexDigit: byte))
            default:
                text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
