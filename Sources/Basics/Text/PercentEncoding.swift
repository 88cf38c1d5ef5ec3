/// UTF-8 with everything except the unreserved characters percent-encoded
/// ([RFC 3986 section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
package func percentEncoded(_ text: String) -> String {
    percentEncoded(text) { byte in
        byte.isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "~")
    }
}

/// UTF-8 in a form that a field value carries safely: spaces, controls, everything beyond ASCII and the percent sign
/// are percent-encoded. Ids, addresses and e-mails keep their appearance.
package func fieldEncoded(_ text: String) -> String {
    percentEncoded(text) { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "%") }
}

/// The text that was percent-encoded. Returns `nil` if the encoding is malformed, or what it encodes is not UTF-8.
///
/// - Parameter plusIsSpace: true for forms ([URL Standard, section 5.1][1]); in a path or a query a plus is a plus.
///
/// [1]: https://url.spec.whatwg.org/#urlencoded-parsing
package func percentDecoded(_ encoded: Span<UInt8>, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(encoded.count)
    var position = 0
    while position < encoded.count {
        let byte = encoded[position]
        position += 1
        switch byte {
        case UInt8(ascii: "%"):
            guard position + 2 <= encoded.count, let high = encoded[position].hexValue,
                let low = encoded[position + 1].hexValue
            else { return nil }
            bytes.append(high << 4 | low)
            position += 2
        case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

private func percentEncoded(_ text: String, isKept: (UInt8) -> Bool) -> String {
    if text.utf8.allSatisfy(isKept) { return text }
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        if isKept(byte) { encoded.append(byte) } else { encoded.append(percentEncoded: byte) }
    }
    return String(decoding: encoded, as: UTF8.self)
}

extension [UInt8] {
    /// Appends a byte as a percent sign and two upper-case digits.
    package mutating func append(percentEncoded byte: UInt8) {
        append(UInt8(ascii: "%"))
        append(UInt8(upperHexDigit: byte >> 4))
        append(UInt8(upperHexDigit: byte & 15))
    }
}

extension UInt8 {
    /// The digit of a value below 16, as percent-encoding writes it: `0` to `9`, `A` to `F`.
    package init(upperHexDigit value: UInt8) {
        self = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
