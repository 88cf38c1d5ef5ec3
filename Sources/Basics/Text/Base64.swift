/// The Base64 encoding with padding ([RFC 4648, section 4](https://www.rfc-editor.org/rfc/rfc4648#section-4)). It differs
/// from ``Base64URL`` in two digits and the padding.
package enum Base64 {
    package static func encode(_ bytes: Span<UInt8>) -> [UInt8] {
        var text = Base64URL.encode(bytes).map { digit in
            switch digit {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: digit
            }
        }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return text
    }

    /// Decodes `text`. Returns `nil` unless it is exactly the output of ``encode(_:)``.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var digits: [UInt8] = []
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "+"): digits.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): digits.append(UInt8(ascii: "_"))
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            case let digit: digits.append(digit)
            }
        }
        for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        return Base64URL.decode(digits.span)
    }
}
