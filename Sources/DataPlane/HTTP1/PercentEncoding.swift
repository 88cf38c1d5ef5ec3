/// UTF-8 with everything percent-encoded but the unreserved characters
/// ([RFC 3986 section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
package func percentEncoded(_ text: String) -> String {
    percentEncoded(text) { byte in
        byte.isDigit || (byte.lowercased &- 0x61) < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}

/// UTF-8 as a field value carries it unharmed: percent-encoded are blanks, controls, what is beyond ASCII, and the percent
/// sign. Ids, addresses and e-mails look as they did.
func fieldEncoded(_ text: String) -> String {
    percentEncoded(text) { (0x21...0x7e).contains($0) && $0 != .percent }
}

private func percentEncoded(_ text: String, isKept: (UInt8) -> Bool) -> String {
    if text.utf8.allSatisfy(isKept) { return text }
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        if isKept(byte) { encoded.append(byte) } else { encoded.append(percentEncoded: byte) }
    }
    return String(decoding: encoded, as: UTF8.self)
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
}

extension [UInt8] {
    /// Appends an octet as a percent sign and two digits.
    mutating func append(percentEncoded byte: UInt8) {
        append(.percent)
        append(hexDigit(byte >> 4))
        append(hexDigit(byte & 15))
    }
}
