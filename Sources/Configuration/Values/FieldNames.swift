import Basics

/// Names that are used in requests.
enum FieldNames {
    /// Fields of requests that do not carry the identity. A prefix that matched one of these would remove it.
    private static let taken = [
        "accept-encoding", "access-control-request-method", "authorization", "cache-control", "content-length",
        "content-security-policy", "cookie", "forwarded", "gateway-session", "if-none-match", "last-event-id",
        "origin", "proxy-authorization", "sec-fetch-mode", "sec-websocket-key", "transfer-encoding",
        "upgrade-insecure-requests",
        "user-agent", "x-forwarded-for", "x-real-ip", "x-request-id", "x-requested-with",
    ]

    /// Reads the prefix of the identity fields: letters, digits and `-`, ending in `-`.
    static func readPrefix(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }), text.hasSuffix("-"),
            text.utf8.first?.isLetterOrDigit == true, text.utf8.count <= 64
        else {
            throw ValueFault("\(quoted(text)) is not letters, digits and - that end in -, such as \"X-Gateway-\"")
        }
        let lowercase = text.lowercased()
        if let field = taken.first(where: { $0.hasPrefix(lowercase) }) {
            throw ValueFault("\(quoted(text)) would take \(field) from requests")
        }
        return text
    }

    /// The names of the identity fields without their prefix, in lower case.
    static let identity = [
        "user-id", "user-name", "user-email", "user-avatar", "role", "listed-as", "event", "company", "registration",
        "session", "assertion",
    ]

    /// Reads the part after the prefix in an identity field's name.
    static func readSuffix(_ text: String) throws(ValueFault) -> String {
        guard (1...64).contains(text.utf8.count), text.utf8.first?.isLetterOrDigit == true,
            text.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "-") })
        else { throw ValueFault("\(quoted(text)) is no field name of letters, digits and -, such as \"Tier\"") }
        return text
    }

    /// Reads the name of a query member: characters that need no encoding.
    static func readQueryName(_ text: String) throws(ValueFault) -> String {
        guard !text.isEmpty, text.utf8.count <= 64,
            text.utf8.allSatisfy({ $0.isLetterOrDigit || "-._~".utf8.contains($0) })
        else { throw ValueFault("\(quoted(text)) is not a name of letters, digits, -, ., _ and ~") }
        return text
    }
}
