package import Basics
import Foundation

/// E-mail addresses in one canonical form for comparison: two forms are equal only if the mail goes to the same
/// mailbox.
///
/// The local part is compared as ``foldedIdentity(_:)`` defines. The domain is compared as A-labels mapped by UTS 46,
/// as the domain name system sees it ([RFC 5891](https://www.rfc-editor.org/rfc/rfc5891)).
package enum EmailAddress {
    /// The canonical form. Returns `nil` if no mail can be sent to the address: `a@b`, `x@a..example`, `x@127.0.0.1`, a
    /// local part of more than 64 bytes, a domain of more than 253 bytes or with a label of more than 63
    /// ([RFC 5321, section 4.5.3][1]). Also returns `nil` if it has an invisible character: two people would have one
    /// name.
    ///
    /// [1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
    package static func canonical(_ text: String) -> String? {
        let text = entered(text)
        // Check before mapping the domain: the mapping drops some invisible characters.
        guard text.unicodeScalars.allSatisfy(isVisible) else { return nil }
        let folded = foldedIdentity(text)
        let bytes = folded.utf8
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")), bytes.lastIndex(of: UInt8(ascii: "@")) == at else {
            return nil
        }
        let (local, domain) = (bytes[..<at], bytes[bytes.index(after: at)...])
        return isLocalPart(local) && isDomain(domain) && hasTopLevelName(domain) ? folded : nil
    }

    /// The form in which an e-mail from a token is compared: its canonical form.
    ///
    /// A text that is not an address, such as a company's internal name, is compared trimmed, case-folded and in form
    /// C. It never equals an address: its domain is not mapped, so nothing is dropped from it.
    package static func identity(_ text: String) -> ExactText {
        ExactText(canonical(text) ?? folded(trimmed(text)[...]))
    }

    /// An e-mail as entered, without what programs leave at its ends: white space and a byte order mark.
    package static func entered(_ text: String) -> String {
        let text = trimmed(text)
        guard text.unicodeScalars.first?.value == 0xFEFF else { return text }
        return trimmed(String(text.unicodeScalars.dropFirst()))
    }

    /// Whether a character is visible: not white space, not a control, and not one that only changes or joins its
    /// neighbours.
    package static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value > 0x20 && scalar.value < 0x7f }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format: return false
        default: return !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint
        }
    }

    /// Whether this is a sequence of atoms with dots between them
    /// ([RFC 5322, section 3.2.3](https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3)). A quoted local part is
    /// rejected: it is another spelling, and is not in use.
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

    /// Whether the last label begins with a letter. That of every name does; that of an IP address does not.
    private static func hasTopLevelName(_ domain: Substring.UTF8View) -> Bool {
        let dot = domain.lastIndex(of: UInt8(ascii: ".")) ?? domain.startIndex
        return domain[dot...].dropFirst().first.map { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") } ?? false
    }

    /// Whether this is a domain name in A-labels, with at least two labels.
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

    /// The domain in A-labels. Returns `nil` if it has none.
    static func asciiDomain(_ domain: Substring) -> String? {
        guard domain.utf8.count <= 1024 else { return nil }
        var components = URLComponents()
        components.host = String(domain)
        guard let host = components.encodedHost, isDomain(host.utf8) else { return nil }
        return host
    }
}

/// The form in which a user id or e-mail is looked up in an event's lists. Equal bytes mean the same person.
///
/// A text with an `@` is compared as an e-mail. Any other text is a user id and compared byte for byte: companies have
/// ids that differ only in case.
package func listedIdentity(_ text: String) -> ExactText {
    text.utf8.contains(UInt8(ascii: "@")) ? EmailAddress.identity(text) : ExactText(text)
}

/// An e-mail in the form in which it is compared: trimmed, case-folded, in Unicode's form C, with the domain in
/// A-labels.
///
/// Before the `@`, a character outside ASCII never becomes an ASCII one, neither by case (the Kelvin sign lower-cases
/// to `k`) nor by form C (U+1FEF becomes a backtick). Otherwise somebody could register a look-alike of a presenter's
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

/// The text case-folded and in form C.
private func folded(_ text: Substring) -> String {
    var folded = String.UnicodeScalarView()
    for scalar in composed(text).unicodeScalars { folded.append(contentsOf: caseFolded(scalar)) }
    return composed(String(folded)[...])
}

/// The text in form C, except that characters outside ASCII which form C would turn into ASCII stay as they are.
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

/// The Greek question mark, the Greek varia and the Kelvin sign: all characters that form C turns into ASCII.
private func isComposedToASCII(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value == 0x37e || scalar.value == 0x1fef || scalar.value == 0x212a
}

/// Folds case like the simple folding of [UAX #21](https://www.unicode.org/reports/tr21/tr21-5.html): takes the lower
/// case of the upper case, so that both sigmas become one, and skips a step whose result would be ASCII.
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

/// The fast path of ``foldedIdentity(_:)`` for nearly all texts. Returns `nil` for the others.
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

/// Whether this is ASCII white space, as Unicode defines it.
private func isWhite(_ character: UInt8) -> Bool { character == 0x20 || character >= 0x09 && character <= 0x0d }

/// The text without white space at either end.
package func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}
