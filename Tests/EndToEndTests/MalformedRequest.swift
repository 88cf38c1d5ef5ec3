/// A request that must not pass, or that passes in one reading only.
struct MalformedRequest: Sendable, CustomStringConvertible {
    /// The required outcome.
    enum Outcome: Sendable {
        /// One error, then the end; the upstream gets not a single byte.
        case refused
        /// One error, then the end; the upstream may get the beginning, but never a complete request.
        case refusedInBody
        /// The same once more bytes follow; until then it could be the beginning of anything.
        case unfinished
        /// Exactly one request at the upstream, with a body of this size.
        case served(body: Int)
        /// Either refused or served, with a body of this size.
        case either(body: Int)
    }

    let name: String
    let bytes: [UInt8]
    let outcome: Outcome

    var description: String { name }

    init(_ name: String, _ bytes: [UInt8], _ outcome: Outcome = .refused) {
        self.name = name
        self.bytes = bytes
        self.outcome = outcome
    }

    init(_ name: String, _ text: String, _ outcome: Outcome = .refused) {
        self.init(name, Array(text.utf8), outcome)
    }

    /// A POST with these framing fields and this text after the head.
    static func post(_ name: String, _ fields: String, _ body: String, _ outcome: Outcome = .refused)
        -> MalformedRequest
    {
        MalformedRequest(name, "POST /public/m HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n\r\n\(body)", outcome)
    }

    /// A GET with one odd line.
    static func line(_ name: String, _ line: String, _ outcome: Outcome = .refused) -> MalformedRequest {
        MalformedRequest(name, "GET /public/m HTTP/1.1\r\nHost: localhost\r\n\(line)\r\n\r\n", outcome)
    }

    /// A chunked POST with this text as its chunks.
    static func chunks(_ name: String, _ body: String, _ outcome: Outcome = .refusedInBody) -> MalformedRequest {
        post(name, "Transfer-Encoding: chunked", body, outcome)
    }

    /// A request line with valid fields.
    static func start(_ name: String, _ line: String, _ outcome: Outcome = .refused) -> MalformedRequest {
        MalformedRequest(name, "\(line)\r\nHost: localhost\r\n\r\n", outcome)
    }

    static let all = framing + codings + chunked + lines + starts + hosts + sizes
}
