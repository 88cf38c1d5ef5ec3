/// A request that must not pass, or that passes in one reading only.
struct MalformedRequest: Sendable, CustomStringConvertible {
    /// What must become of it.
    enum Outcome: Sendable {
        /// One error, then the end; the upstream gets not one octet.
        case refused
        /// One error, then the end; the upstream may get the beginning, but never a whole request.
        case refusedInBody
        /// The same once more octets follow; until then it could be the beginning of anything.
        case unfinished
        /// Exactly one request at the upstream, with a body of this size.
        case served(body: Int)
        /// Either refused or served, with a body of this size.
        case either(body: Int)
    }

    let name: String
    let octets: [UInt8]
    let outcome: Outcome

    var description: String { name }

    init(_ name: String, _ octets: [UInt8], _ outcome: Outcome = .refused) {
        self.name = name
        self.octets = octets
        self.outcome = outcome
    }

    init(_ name: String, _ text: String, _ outcome: Outcome = .refused) {
        self.init(name, Array(text.utf8), outcome)
    }

    /// A POST with these framing fields and this text behind the head.
    static func post(_ name: String, _ fields: String, _ body: String, _ outcome: Outcome = .refused)
        -> MalformedRequest
    {
        MalformedRequest(name, "POST /public/m HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n\r\n\(body)", outcome)
    }

    /// A GET with one odd line.
    static func line(_ name: String, _ line: String, _ outcome: Outcome = .refused) -> MalformedRequest {
        MalformedRequest(name, "GET /public/m HTTP/1.1\r\nHost: localhost\r\n\(line)\r\n\r\n", outcome)
    }

    /// A chunked POST with this text for chunks.
    static func chunks(_ name: String, _ body: String, _ outcome: Outcome = .refusedInBody) -> MalformedRequest {
        post(name, "Transfer-Encoding: chunked", body, outcome)
    }

    /// A request line, with good fields.
    static func start(_ name: String, _ line: String, _ outcome: Outcome = .refused) -> MalformedRequest {
        MalformedRequest(name, "\(line)\r\nHost: localhost\r\n\r\n", outcome)
    }

    static let all = framing + codings + chunked + lines + starts + hosts + sizes
}
