extension JSONValue {
    /// The shortest JSON text of this value, in UTF-8.
    package func serialized() -> [UInt8] {
        var text: [UInt8] = []
        write(to: &text)
        return text
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += (value ? "true" : "false").utf8
        case .number(let value): JSONValue.write(value, to: &text)
        case .exactNumber(let value): text += value.utf8
        case .string(let value): JSONValue.write(value, to: &text)
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                element.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                JSONValue.write(member.name, to: &text)
                text.append(UInt8(ascii: ":"))
                member.value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    /// Whole numbers get no fraction: a time reads `1700000000`. JSON has no word for the values that are not finite.
    private static func write(_ number: Double, to text: inout [UInt8]) {
        if number.magnitude <= 0x1p53, Double(Int64(number)) == number {
            text += String(Int64(number)).utf8
        } else if number.isFinite {
            text += number.description.utf8
        } else {
            text += "null".utf8
        }
    }

    private static func write(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text.append(UInt8(ascii: "\\"))
                text.append(byte)
            case 0..<0x20:
                text += "\\u00".utf8
                text.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
                text += String(byte & 0x0F, radix: 16).utf8
            default:
                text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
