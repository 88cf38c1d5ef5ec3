import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The permitted form of a text. The same numbers and patterns check and describe it.
struct Text: Sendable {
    enum Kind: Sendable {
        /// Any text; in answers only.
        case any
        /// Any text without NUL.
        case plain
        /// A text that is not only white space.
        case words
        /// The same without control characters, so that a header field can carry it.
        case line
        /// A path segment that the gateway lets through, and that nobody could read as another path.
        case segment
        /// The same, with any white space at its ends, which is not part of it.
        case claim
        case email
        /// An e-mail that may be stored: earlier versions accepted more.
        case storedEmail
        /// The same, but described as an e-mail that would be accepted now, which it must be unless it is stored
        /// already.
        case emailUnlessStored
        /// A user id, or an e-mail if it contains an `@`.
        case person
        /// An http or https URL.
        case url
        /// A webhook endpoint.
        case endpoint(isSecure: Bool)
        /// A URL that pages may link to, or show a picture from.
        case pageURL
        /// A colour.
        case color
        /// Where people get help.
        case contact
        /// An RFC 3339 timestamp.
        case moment
        /// The same, or its date alone.
        case momentOrDay
        case uuid
        /// One of these.
        case choice([String])
        /// A list position, of this many hex digits.
        case cursor(digits: Int)
    }

    var kind: Kind
    /// In characters, that is, Unicode scalars.
    var maxLength: Int?
    /// Whether an empty or blank text is accepted. It counts as absent.
    var mayBeBlank = false

    /// What is wrong with a text. Returns `nil` if it is valid.
    func fault(in text: String) -> String? {
        if mayBeBlank, Self.isBlank(text) { return isTooLong(text) ? tooLong : nil }
        if isTooLong(text) { return tooLong }
        switch kind {
        case .any: return nil
        case .plain: return text.utf8.contains(0) ? Self.hasNUL : nil
        case .words:
            if text.utf8.contains(0) { return Self.hasNUL }
            return Self.isBlank(text) ? "must not be blank" : nil
        case .line:
            if text.unicodeScalars.contains(where: Self.isControl) { return "must not hold control characters" }
            return Self.isBlank(text) ? "must not be blank" : nil
        case .claim:
            let text = trimmed(text)
            if text.unicodeScalars.contains(where: Self.isControl) { return "must not hold control characters" }
            return text.isEmpty ? "must not be blank" : nil
        case .segment: return Self.isSegment(text) ? nil : "not what a path can carry"
        case .email: return Self.isEmail(text) ? nil : Self.noEmail
        case .person:
            if text.utf8.contains(0) { return Self.hasNUL }
            if text.utf8.contains(UInt8(ascii: "@")) { return Self.isEmail(text) ? nil : Self.noEmail }
            return Self.isBlank(text) ? "must not be blank" : nil
        case .storedEmail, .emailUnlessStored: return Self.isStoredEmail(text) ? nil : Self.noEmail
        case .url: return WebURL.isValid(text) ? nil : "not an http or https URL"
        case .endpoint(let isSecure):
            guard let endpoint = WebhookEndpoint(text), endpoint.isSecure || !isSecure else {
                return "not an \(isSecure ? "https" : "http or https") URL that messages can be posted to"
            }
            return text.utf8.contains(UInt8(ascii: "#")) ? "must not have a fragment, which is never sent" : nil
        case .pageURL:
            guard WebhookEndpoint(text)?.isSecure == true, !text.utf8.contains(UInt8(ascii: "#")) else {
                return "not an https URL without a fragment"
            }
            return nil
        case .color: return (try? PageColor(parsing: text)) == nil ? "not a colour, such as #1d4ed8" : nil
        case .contact:
            let isGood =
                text.contains("://")
                ? Text(kind: .pageURL).fault(in: text) == nil : (try? PageContact(parsing: text)) != nil
            return isGood
                ? nil : "not an e-mail address, a telephone number such as tel:+49301234567, or an https URL"
        case .moment:
            return RFC3339.parse(text) == nil
                ? "not a date and time of RFC 3339, such as 2026-11-22T17:00:00Z" : nil
        case .momentOrDay:
            return Self.momentOrDay(text) == nil
                ? "not a date of RFC 3339, such as 2026-11-22 or 2026-11-22T17:00:00Z" : nil
        case .uuid: return Self.isUUID(text) ? nil : "not a UUID"
        case .choice(let choices):
            if choices.contains(where: { $0.hasSameBytes(as: text) }) { return nil }
            return choices.count > 16
                ? "not a name of the IANA time zone database, such as Europe/Berlin"
                : "must be one of \(choices.map { "\"\($0)\"" }.joined(separator: ", "))"
        case .cursor: return isCursor(text) ? nil : "not one that a list gave"
        }
    }

    /// A moment; of a date alone, the start of the day in UTC.
    static func momentOrDay(_ text: String) -> Milliseconds? {
        RFC3339.parse(text.utf8.count == 10 ? text + "T00:00:00Z" : text)
    }

    private static let noEmail = "not an e-mail address, such as name@example.com"
    private static let hasNUL = "must not hold the character NUL"
    private var tooLong: String { "longer than \(maxLength ?? 0) characters" }

    private func isTooLong(_ text: String) -> Bool {
        guard let maxLength, text.utf8.count > maxLength else { return false }
        return text.unicodeScalars.count > maxLength
    }

    private func isCursor(_ text: String) -> Bool {
        guard case .cursor(let digits) = kind, text.utf8.count == digits else { return false }
        return text.utf8.allSatisfy { $0.hexValue != nil && $0 == $0.lowercased }
    }

    private static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        return text.utf8.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : byte.hexValue != nil
        }
    }

    private static func isSegment(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: ".") else { return false }
        return text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && $0.value != 0x7f && !"/\\%;".unicodeScalars.contains($0)
        }
    }

    /// Whether this is an e-mail. Ignores surrounding white space.
    private static func isEmail(_ text: String) -> Bool {
        trimmed(text).utf8.count <= 254 && EmailAddress.canonical(text) != nil
    }

    /// Whether the first version accepted this as an e-mail.
    private static func isStoredEmail(_ text: String) -> Bool {
        let text = trimmed(text)
        guard text.utf8.count <= 254 else { return false }
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && !text.unicodeScalars.contains { isControl($0) || isWhite($0) }
    }

    // MARK: White space and controls

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
    }

    /// The same, as the inside of a character class.
    private static let controls = #"\u0000-\u001f\u007f-\u009f"#

    static func isBlank(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(isWhite) }

    /// Unicode's White_Space and the four separators that some regular expressions also count as white space. They are
    /// listed individually because the meaning of `\s` depends on the reader of the pattern.
    static func isWhite(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000: true
        default: false
        }
    }

    /// The same, as the inside of a character class.
    private static let white =
        #"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"#

    /// Unicode's White_Space alone, which e-mails may have at their ends.
    private static let blanks =
        #"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"#

    // MARK: What the document says

    /// A regular expression equivalent to ``fault(in:)``.
    private var pattern: String? {
        let pattern: String? =
            switch kind {
            case .plain: #"[^\u0000]*"#
            case .words: "[^\\u0000]*[^\\u0000\(Self.white)][^\\u0000]*"
            case .line: "[^\(Self.controls)]*[^\(Self.controls)\(Self.white)][^\(Self.controls)]*"
            case .claim:
                "[\(Self.blanks)]*[^\(Self.controls)\(Self.white)]([^\(Self.controls)]*[^\(Self.controls)\(Self.white)])?"
                    + "[\(Self.blanks)]*"
            case .segment: "[^.\(Self.notInSegments)][^\(Self.notInSegments)]*"
            case .storedEmail:
                "[\(Self.blanks)]*[^@\(Self.controls)\(Self.white)]+@[^@\(Self.controls)\(Self.white)]+[\(Self.blanks)]*"
            case .url: "https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?([/?#][^\(Self.controls)\(Self.white)]*)?"
            case .endpoint(isSecure: true): Self.pageURL
            case .endpoint: "[Hh][Tt][Tt][Pp][Ss]?" + Self.afterScheme
            case .pageURL: Self.pageURL
            case .color: "#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"
            case .contact: "(tel:[+]?[0-9-]{3,20}|[A-Za-z0-9.+_-]+@[A-Za-z0-9.+_-]+|\(Self.pageURL))"
            case .cursor(let digits): "[0-9a-f]{\(digits)}"
            case .any, .email, .emailUnlessStored, .person, .moment, .momentOrDay, .uuid, .choice: nil
            }
        return pattern.map { mayBeBlank ? "^([\(Self.white)]*|\($0))$" : "^\($0)$" }
    }

    private static let pageURL = "[Hh][Tt][Tt][Pp][Ss]" + afterScheme

    private static let afterScheme =
        "://(\(hostName)|\(address)|\(addressV6))(:\(port))?" + #"([/?][!"$-\[\]-~]*)?"#

    private static let notInSegments = #"/\\%;\u0000-\u001f\u007f"#

    /// An e-mail. No regular expression of bearable size has what makes one: lengths in bytes, and domains of all
    /// scripts.
    private static let email = JSONValue.object([
        JSONMember("type", .string("string")), JSONMember("format", .string("idn-email")),
    ])

    /// A user id as ``Kind/person`` has it.
    private static let userID = matching("^[^\\u0000@]*[^\\u0000@\(white)][^\\u0000@]*$")

    private static func matching(_ pattern: String) -> JSONValue {
        .object([JSONMember("type", .string("string")), JSONMember("pattern", .string(pattern))])
    }

    /// 1 to 65535, in at most five digits.
    private static let port =
        "(0{0,4}[1-9]|0{0,3}[1-9][0-9]|0{0,2}[1-9][0-9]{2}|0?[1-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}"
        + "|655[0-2][0-9]|6553[0-5])"

    /// A host name whose last label is not all digits.
    private static let hostName =
        "([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)*([A-Za-z_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        + "|[0-9]{1,30}([A-Za-z_]|-{1,9}[A-Za-z0-9_])([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?)"

    private static let address: String = {
        let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
        return "(\(octet)\\.){3}\(octet)"
    }()

    /// An IPv6 address in brackets: eight groups, or fewer and a gap. The last two may be an IPv4 address.
    private static let addressV6: String = {
        let group = "[0-9A-Fa-f]{1,4}"
        let whole = "(\(group):){6}(\(group):\(group)|\(address))"
        let withGap = (0...7).map { count in
            let (head, left) = (count == 0 ? "" : "\(group)(:\(group)){\(count - 1)}", 7 - count)
            var tails: [String] = []
            if left > 0 { tails.append("\(group)(:\(group)){0,\(left - 1)}") }
            if left > 1 { tails.append("(\(group):){0,\(left - 2)}\(address)") }
            return "\(head)::" + (tails.isEmpty ? "" : "(\(tails.joined(separator: "|")))?")
        }
        return "\\[(\(([whole] + withGap).joined(separator: "|")))\\]"
    }()

    /// As JSON Schema.
    var members: [JSONMember] {
        var members = [JSONMember("type", .string("string"))]
        switch kind {
        case .moment: members.append(JSONMember("format", .string("date-time")))
        case .momentOrDay:
            let forms = ["date-time", "date"].map { format in
                JSONValue.object([JSONMember("type", .string("string")), JSONMember("format", .string(format))])
            }
            members.append(JSONMember("anyOf", .array(forms)))
        case .uuid: members.append(JSONMember("format", .string("uuid")))
        case .choice(let choices): members.append(JSONMember("enum", .array(choices.map(JSONValue.string))))
        case .email where mayBeBlank:
            members.append(JSONMember("anyOf", .array([Self.email, Self.matching("^[\(Self.white)]*$")])))
        case .email, .emailUnlessStored: members.append(JSONMember("format", .string("idn-email")))
        case .person: members.append(JSONMember("anyOf", .array([Self.email, Self.userID])))
        default: break
        }
        if let pattern { members.append(JSONMember("pattern", .string(pattern))) }
        if let maxLength { members.append(JSONMember("maxLength", .number(Double(maxLength)))) }
        return members
    }
}
