import HTTPTypes
import JOSE

/// One call of the API: what serves it, and what the OpenAPI document says of it.
struct Call: Sendable {
    enum Handler: Sendable {
        /// Of anybody.
        case open(@Sendable (Incoming) async throws -> Answer)
        /// Of whoever has an API token: the company that it opens.
        case company(@Sendable (Incoming, Tenant) async throws -> Answer)
    }

    /// A part of the query.
    struct Parameter: Sendable {
        let name: String
        let schema: Schema
        let description: String
        var isRequired = false
    }

    /// What a call answers when all went well.
    struct Success: Sendable {
        var status = 200
        /// Nil: no body.
        var schema: Schema?
        let description: String
        /// Besides `application/json`.
        var otherMediaType: String?
        /// Whether it is a part of a list, that `Link` leads on from.
        var isPage = false
    }

    /// Where a value of an answer is a parameter of another call.
    struct Link: Sendable {
        let operation: String
        let parameter: String
        let member: String
    }

    /// What a call may take of the database and of memory, so that few of its kind are served at once.
    enum Cost: Sendable {
        case little
        /// A part of a list, or a list that is seldom long.
        case list
        /// All that there is, however much.
        case much
    }

    let method: HTTPRequest.Method
    /// With `{name}` for what varies.
    let path: String
    /// `operationId`.
    let id: String
    let summary: String
    let tag: String
    var query: [Parameter] = []
    var body: Schema?
    /// Bytes of the longest body.
    var maxBody = 256 << 10
    /// Whether the body may be a form.
    var takesForms = false
    /// Looks at a body before its schema does, where a fault has a name of its own.
    var inspect: (@Sendable ([JSONMember]) throws(Fault) -> Void)?
    /// Whether errors have the form of [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) too.
    var hasOAuthFaults = false
    let success: Success
    /// The statuses of errors that only this call has.
    var faults: [Int] = []
    var links: [Link] = []
    var cost = Cost.little
    let handler: Handler

    var needsToken: Bool {
        if case .company = handler { true } else { false }
    }
}
