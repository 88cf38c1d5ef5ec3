/// A field of the access log, by its name in formats.
package enum AccessField: String, Sendable, CaseIterable {
    case time
    /// In the form of the Common Log Format, as in `10/Oct/2000:13:55:36 +0000`.
    case timeCommon = "time_common"
    case client, method, path
    case version = "protocol"
    case status
    case duration = "duration_ms"
    case connectTime = "connect_ms"
    case headTime = "head_ms"
    case requestBytes = "request_bytes"
    case responseBytes = "response_bytes"
    case tls
    case serverName = "server_name"
    case route, upstream, company, token
    case tokenHash = "token_sha256"
    case event, session, role, verdict, refusal, fault, cut, referer
    case userAgent = "user_agent"
    case requestID = "request_id"
    case traceID = "trace_id"

    /// Whether its values are numbers.
    package var isNumber: Bool {
        switch self {
        case .status, .duration, .connectTime, .headTime, .requestBytes, .responseBytes: true
        default: false
        }
    }
}

/// How a line of the access log looks.
package enum AccessFormat: Sendable {
    case json, text
    /// That of nginx and Apache's httpd, which many programs read.
    case combined
    case template(AccessTemplate)

    /// The formats that have a name.
    static let named: [(name: String, format: AccessFormat)] = [
        ("json", .json), ("text", .text), ("combined", .combined),
    ]
}

/// A format of the operator's own: text with fields in braces.
package struct AccessTemplate: Sendable {
    package enum Part: Sendable {
        case literal(String)
        case field(AccessField)
    }

    package let parts: [Part]
    /// The template in the form of the configuration.
    package let text: String

    /// Whether a quotation mark is left open at the end of a line. Those in values are escaped.
    var hasOpenQuote: Bool {
        let literals = parts.map { part in if case .literal(let text) = part { text } else { "" } }
        let count = literals.reduce(0) { $0 + $1.utf8.count { $0 == UInt8(ascii: "\"") } }
        return !count.isMultiple(of: 2)
    }
}
