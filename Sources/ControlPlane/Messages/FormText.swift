import JOSE

/// Texts in the encoding of forms, queries and paths.
enum FormText {
    private static let maxMembers = 64

    /// The members of an `application/x-www-form-urlencoded` text or of a query, the first of each name.
    ///
    /// - Parameters:
    ///   - unique: names that must not come twice, because they mean something
    ///     ([RFC 6749, section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
    ///   - plusIsSpace: as in forms; in a query a plus is a plus
    ///     ([RFC 3986, section 3.4](https://www.rfc-editor.org/rfc/rfc3986#section-3.4)).
    static func members(
        _ bytes: some Sequence<UInt8>,
        unique: [String],
        plusIsSpace: Bool
    ) throws(Fault) -> [JSONMember] {
        let parts = Array(bytes).split(separator: UInt8(ascii: "&"), maxSplits: maxMembers)
        guard parts.count <= maxMembers else { throw .malformed("There are too many parameters") }
        var members: [JSONMember] = []
        for part in parts {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let value = part.dropFirst(name.count + 1)
            guard let name = decode(name, plusIsSpace: plusIsSpace), let value = decode(value, plusIsSpace: plusIsSpace)
            else {
                throw .malformed("A text is not percent-encoded UTF-8")
            }
            guard members[name] == nil else {
                if unique.contains(where: { $0.hasSameBytes(as: name) }) { throw .field(name, "given twice") }
                continue
            }
            members.append(JSONMember(name, .string(value)))
        }
        return members
    }

    /// A text without its percent-encoding; nil where that is broken, or what it stands for is not UTF-8.
    static func decode(_ text: some Sequence<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
