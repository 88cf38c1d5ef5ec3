import Basics

/// Forms and queries.
enum FormText {
    private static let maxMembers = 64
    private static let notEncoded = Fault.malformed("A text is not percent-encoded UTF-8")

    /// The members of an `application/x-www-form-urlencoded` text or of a query. If a name repeats, the first counts.
    ///
    /// - Parameters:
    ///   - unique: known names, which must not repeat
    ///     ([RFC 6749, section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
    ///   - plusIsSpace: true for forms; in a query a plus is a plus
    ///     ([RFC 3986, section 3.4](https://www.rfc-editor.org/rfc/rfc3986#section-3.4)).
    ///   - spaced: names in whose values a plus is a space in any case.
    static func members(
        _ bytes: some Sequence<UInt8>,
        unique: [String],
        plusIsSpace: Bool,
        spaced: [String] = []
    ) throws(Fault) -> [JSONMember] {
        let parts = Array(bytes).split(separator: UInt8(ascii: "&"), maxSplits: maxMembers)
        guard parts.count <= maxMembers else { throw .malformed("There are too many parameters") }
        var members: [JSONMember] = []
        for part in parts {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let value = part.dropFirst(name.count + 1)
            guard let name = percentDecoded(name.span, plusIsSpace: plusIsSpace) else { throw notEncoded }
            let isSpaced = plusIsSpace || spaced.contains { $0.hasSameBytes(as: name) }
            guard let value = percentDecoded(value.span, plusIsSpace: isSpaced) else { throw notEncoded }
            guard members[name] == nil else {
                if unique.contains(where: { $0.hasSameBytes(as: name) }) { throw .field(name, "given twice") }
                continue
            }
            members.append(JSONMember(name, .string(value)))
        }
        return members
    }
}
