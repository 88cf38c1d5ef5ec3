import Basics
import HTTPTypes

/// One call of the API: its handler, and what the OpenAPI document says about it.
struct Call: Sendable {
    enum Handler: Sendable {
        /// Open to anybody.
        case open(@Sendable (Incoming) async throws -> Answer)
        /// Open to clients with an API token, for the company that it belongs to.
        case company(@Sendable (Incoming, Tenant) async throws -> Answer)
    }

    /// A query parameter.
    struct Parameter: Sendable {
        let name: String
        let schema: Schema
        let description: String
        var isRequired = false

        /// Whether its value is what people write, in which programs that encode queries like forms have a plus for
        /// each space. E-mails and times have pluses of their own, and no spaces.
        var isFreeText: Bool {
            if case .text(let rule) = schema, case .words = rule.kind { true } else { false }
        }
    }

    /// The answer of a call that succeeded.
    struct Success: Sendable {
        var status = 200
        /// `nil` if there is no body.
        var schema: Schema?
        let description: String
        var mediaType = "application/json"
        /// A media type offered besides ``mediaType``.
        var otherMediaType: String?
        /// An example, if its schema alone does not make a good one.
        var example: JSONValue?
        /// One in ``otherMediaType``.
        var otherExample: String?
        /// Whether it is a list, with the number of its entries, and a `Link` to the next page if it has one.
        var isPage = false
    }

    /// Names a value of the answer that is a parameter of another call.
    struct Link: Sendable {
        let operation: String
        let parameter: String
        let member: String
    }

    /// How much database and memory a call may use. Few calls of the expensive kinds are served at once.
    enum Cost: Sendable {
        case little
        /// A list that is seldom long.
        case list
        /// A page of a list that begins at its place in an index; or all of a list, without a `limit` or to search it
        /// for `q`.
        case pageOrAll
        /// A complete result of any size.
        case much
    }

    let method: HTTPRequest.Method
    /// With `{name}` for the variable parts.
    let path: String
    /// `operationId`.
    let id: String
    let summary: String
    let tag: String
    var query: [Parameter] = []
    /// If it is a list, the handler judges the elements, since each has an answer of its own.
    var body: Schema?
    /// The largest body of most calls, in bytes.
    static let usualBody = 256 << 10
    /// The largest body, in bytes.
    var maxBody = Call.usualBody
    /// Whether the body may be a form.
    var takesForms = false
    /// Inspects a body before its schema is checked, for faults that have a name of their own.
    var inspect: (@Sendable ([JSONMember]) throws(Fault) -> Void)?
    /// Finds what is wrong between the members of a body, each of which may be wrong in itself.
    var judge: (@Sendable (Members, inout Problems) -> Void)?
    /// Whether errors also have the form of
    /// [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2).
    var hasOAuthFaults = false
    let success: Success
    /// The error statuses that are specific to this call.
    var faults: [Int] = []
    /// The errors with status 409 that are specific to this call.
    var conflicts: [Fault] = []
    /// Whether it makes links for viewers, which a key of the company signs.
    var makesLinks = false
    var links: [Link] = []
    var cost = Cost.little
    let handler: Handler

    /// Whether an `Idempotency-Key` makes it safe to repeat.
    var mayBeNamed: Bool { needsToken && method == .post }

    /// Whether its body may be larger than that of most calls.
    var hasLargeBody: Bool { maxBody > Self.usualBody }

    var needsToken: Bool {
        if case .company = handler { true } else { false }
    }
}
