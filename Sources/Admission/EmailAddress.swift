import Foundation
package import JOSE

/// E-mail addresses as they are compared: in one canonical form, which tells apart whoever gets his own mail.
///
/// The local part is compared as ``foldedIdentity(_:)`` has it. The domain is in A-labels, mapped by UTS 46, which is how
/// the domain name system sees it ([RFC 5891](https://www.rfc-editor.org/rfc/rfc5891)).
package enum EmailAddress {
    /// The canonical form; nil for what no mail can be sent to: `a@b`, `x@a..example`, `x@127.0.0.1`, a local part of more
    /// than 64 bytes, a domain of more than 253 or with a label of more than 63 ([RFC 5321, section 4.5.3][1]). Nil too
    /// for what nobody can see: two people would have one name.
    ///
    /// [1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
    package static func canonical(_ text: String) -> String? {
        let text = entered(text)
        // Before the domain is mapped, which drops some of them.
        guard text.unicodeScalars.allSatisfy(isVisible) else { return nil }
        let folded = foldedIdentity(text)
        let bytes = folded.utf8
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")), bytes.lastIndex(of: UInt8(ascii: "@")) == at else {
            return nil
        }
        let (local, domain) = (bytes[..<at], bytes[bytes.index(after: at)...])
        return isLocalPart(local) && isDomain(domain) && hasTopLevelName(domain) ? folded : nil
    }

    /// How an e-mail is compared that somebody has by a token: in its canonical form. What is no address, such as names
    /// that a company has inside, is compared trimmed, case-folded and in form C, and is never the same as an address: its
    /// domain is not mapped, so that nothing is dropped from it.
    package static func identity(_ text: String) -> ExactText {
        ExactText(canonical(text) ?? folded(trimmed(text)[...]))
    }

    /// An e-mail as somebody has entered it, without what programs leave at its ends: white space and a byte order mark.
    package static func entered(_ text: String) -> String {
        let text = trimmed(text)
        guard text.unicodeScalars.first?.value == 0xFEFF else { return text }
        return trimmed(String(text.unicodeScalars.dropFirst()))
    }

    /// Neither white space nor a control, nor what changes how the text around it looks or stands for nothing itself.
    package static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value > 0x20 && scalar.value < 0x7f }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format: return false
        default: return !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint
        }
    }

    /// Atoms with dots between them ([RFC 5322, section 3.2.3](https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3)); a
    /// quoted one is another spelling, and nobody has it.
    private static func isLocalPart(_ local: Substring.UTF8View) -> Bool {
        guard (1...64).contains(local.count) else { return false }
        return local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            .allSatisfy { atom in !atom.isEmpty && atom.allSatisfy(isAtomByte) }
    }

    private static func isAtomByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ";"),
            UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"),
            UInt8(ascii: "\""), UInt8(ascii: "@"):
            false
        default: true
        }
    }

    /// Whether the last label begins with a letter, as those of all names do, and those of addresses do not.
    private static func hasTopLevelName(_ domain: Substring.UTF8View) -> Bool {
        let dot = domain.lastIndex(of: UInt8(ascii: ".")) ?? domain.startIndex
        return domain[dot...].dropFirst().first.map { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") } ?? false
    }

    /// Whether it is a domain name in A-labels of two labels or more.
    private static func isDomain(_ domain: some BidirectionalCollection<UInt8>) -> Bool {
        guard domain.count <= 253 else { return false }
        let labels = domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                    && label.allSatisfy(isLabelByte)
            }
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            || byte == UInt8(ascii: "-")
    }

    /// A domain in A-labels; nil where it has none.
    static func asciiDomain(_ domain: Substring) -> String? {
        guard domain.utf8.count <= 1024 else { return nil }
        var components = URLComponents()
        components.host = String(domain)
        guard let host = components.encodedHost, isDomain(host.utf8) else { return nil }
        return host
    }
}

/// A user id or e-mail as an event's lists are searched for it. Bytes that are the same then are the same person.
///
/// Whatever has an `@` is an e-mail and compared as such. Any other text is a user id, which is compared as it is: companies
/// have ids that differ in nothing but case.
package func listedIdentity(_ text: String) -> ExactText {
    text.utf8.contains(UInt8(ascii: "@")) ? EmailAddress.identity(text) : ExactText(text)
}

/// An e-mail as it is compared: without surrounding white space, case-folded, in Unicode's form C, the domain in A-labels.
///
/// Before the `@`, a character outside ASCII never becomes one of ASCII, neither by its case (the Kelvin sign lower-cases
/// to `k`) nor by form C (U+1FEF becomes a backtick): otherwise somebody could register a look-alike of a presenter's
/// e-mail and pass for the presenter.
package func foldedIdentity(_ text: String) -> String {
    if let folded = foldedASCII(text) { return folded }
    let text = trimmed(text)
    if let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) {
        let domain = text[text.utf8.index(after: at)...]
        if let ascii = EmailAddress.asciiDomain(domain) { return folded(text[..<at]) + "@" + ascii }
    }
    return folded(text[...])
}

/// Case-folded and in form C.
private func folded(_ text: Substring) -> String {
    var folded = String.UnicodeScalarView()
    for scalar in composed(text).unicodeScalars { folded.append(contentsOf: caseFolded(scalar)) }
    return composed(String(folded)[...])
}

/// In form C, but for the characters outside ASCII that form C makes ASCII ones: they stay what they are.
private func composed(_ text: Substring) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return String(text) }
    var composed = ""
    var rest = text.unicodeScalars
    while let kept = rest.firstIndex(where: isComposedToASCII) {
        composed += String(rest[..<kept]).precomposedStringWithCanonicalMapping
        composed.unicodeScalars.append(rest[kept])
        rest = rest[rest.index(after: kept)...]
    }
    return composed + String(rest).precomposedStringWithCanonicalMapping
}

/// The Greek question mark, the Greek varia and the Kelvin sign: all that form C makes ASCII.
private func isComposedToASCII(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value == 0x37e || scalar.value == 0x1fef || scalar.value == 0x212a
}

/// Without case, like the simple folding of [UAX #21](https://www.unicode.org/reports/tr21/tr21-5.html): the lower case of
/// the upper case, so that both sigmas are one; of neither what would be ASCII.
private func caseFolded(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView {
    if scalar.isASCII { return scalar.properties.lowercaseMapping.unicodeScalars }
    var folded = String.UnicodeScalarView()
    for upper in scalar.properties.uppercaseMapping.unicodeScalars {
        folded.append(contentsOf: upper.properties.lowercaseMapping.unicodeScalars)
    }
    if !folded.contains(where: \.isASCII) { return folded }
    let lower = scalar.properties.lowercaseMapping.unicodeScalars
    return lower.contains(where: \.isASCII) ? String.UnicodeScalarView([scalar]) : lower
}

/// ``foldedIdentity(_:)`` of the texts that nearly all are; nil for others.
private func foldedASCII(_ text: String) -> String? {
    let characters = text.utf8Span.span
    var (start, end) = (0, characters.count)
    for index in characters.indices where characters[index] >= 0x80 { return nil }
    while start < end, isWhite(characters[start]) { start += 1 }
    while end > start, isWhite(characters[end - 1]) { end -= 1 }
    var folded: [UInt8] = []
    folded.reserveCapacity(end - start)
    for index in start..<end {
        let character = characters[index]
        folded.append(character >= 0x41 && character <= 0x5a ? character + 0x20 : character)
    }
    return String(decoding: folded, as: UTF8.self)
}

/// The white space of ASCII, as Unicode has it.
private func isWhite(_ character: UInt8) -> Bool { character == 0x20 || character >= 0x09 && character <= 0x0d }

/// The text without white space at either end.
package func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}
