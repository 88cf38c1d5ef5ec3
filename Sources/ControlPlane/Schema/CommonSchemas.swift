import Admission
import Directory

/// Schemas that several calls share.
enum CommonSchemas {
    static let name = Schema.words(256)
    /// A user id that goes into a token, and from there into a header field. Its length limit keeps it within the bytes
    /// that a token may carry, whatever its characters are.
    static let newUserID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.userID / 4))
    /// A user id that a token may contain.
    static let userID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.userID))
    /// A registration id that a token may contain.
    static let registrationID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.id))
    /// A user id that a token may contain, or an e-mail.
    static let person = Schema.text(Text(kind: .person, maxLength: ClaimLimit.userID))
    /// The same as stored in a list: earlier versions accepted any text with an `@`.
    static let listedPerson = Schema.words(ClaimLimit.userID)
    /// A variable part of a path that is not an id of ours.
    static let pathPart = Schema.text(Text(kind: .segment, maxLength: ClaimLimit.userID))
    static let email = Schema.text(Text(kind: .email, maxLength: 254))
    /// An e-mail claim that a token may contain. It need not be an address.
    static let claimedEmail = Schema.text(Text(kind: .claim, maxLength: ClaimLimit.email))
    static let storedEmail = Schema.text(Text(kind: .storedEmail, maxLength: 254))
    static let timeZone = Schema.named("TimeZone", .choice(TimeZoneNames.all))
    static let secondJoin = Schema.choice(SecondJoin.allCases.map(\.rawValue))
    static let eventType = Schema.choice(EventType.allCases.map(\.rawValue))

    /// A text that may be absent or blank, with the same meaning.
    static func optional(_ kind: Text.Kind, _ maxLength: Int) -> Schema {
        .nullable(.text(Text(kind: kind, maxLength: maxLength, mayBeBlank: true)))
    }

    static let fault = Schema.named(
        "Error",
        .object([
            Schema.Member(name: "hasError", schema: .boolean, isRequired: true),
            Schema.Member(name: "errorMessage", schema: .anyText, isRequired: true, description: "For people."),
            Schema.Member(name: "code", schema: .anyText, isRequired: true, description: "For programs."),
            Schema.Member(
                name: "requestId",
                schema: .anyText,
                isRequired: true,
                description: "The request's id in the operator's log."
            ),
            registrationInTheWay, problems,
        ])
    )

    static let registrationInTheWay = Schema.Member(
        name: "registrationId",
        schema: .uuid,
        description: "For `already_registered`: the registration that has the e-mail."
    )

    static let problems = Schema.Member(
        name: "problems",
        schema: .list(
            .object([
                Schema.Member(
                    name: "field",
                    schema: .anyText,
                    isRequired: true,
                    description: """
                        The member of the body or the parameter of the query, such as `presenters[1]`; empty for the whole \
                        body or query.
                        """
                ),
                Schema.Member(name: "message", schema: .anyText, isRequired: true),
            ]),
            upTo: Problems.maxCount
        ),
        description: """
            Everything that is wrong with the body or the query, for status 400; whoever is in the way, for 409. Only the \
            first \(Problems.maxCount) are named: if there are as many, there may be more.
            """
    )

    /// The gateway's own answer if a request does not reach the API: the members of other errors and those of
    /// [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
    static let problem = Schema.named(
        "Problem",
        .object([
            Schema.Member(name: "type", schema: .anyText, isRequired: true),
            Schema.Member(name: "title", schema: .anyText, isRequired: true),
            Schema.Member(name: "status", schema: .integer(400...599), isRequired: true),
            Schema.Member(name: "detail", schema: .anyText, isRequired: true),
            Schema.Member(name: "hasError", schema: .boolean, isRequired: true),
            Schema.Member(
                name: "errorMessage",
                schema: .anyText,
                isRequired: true,
                description: "The same as `detail`."
            ),
            Schema.Member(name: "code", schema: .anyText, isRequired: true),
            Schema.Member(name: "requestId", schema: .anyText, isRequired: true),
        ])
    )

    /// An error of [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2), with the members of
    /// other errors.
    static let tokenFault = Schema.named(
        "TokenError",
        .object([
            Schema.Member(name: "error", schema: .anyText, isRequired: true),
            Schema.Member(name: "error_description", schema: .anyText),
            Schema.Member(name: "hasError", schema: .boolean, isRequired: true),
            Schema.Member(name: "errorMessage", schema: .anyText, isRequired: true),
            Schema.Member(name: "code", schema: .anyText, isRequired: true),
            Schema.Member(name: "requestId", schema: .anyText, isRequired: true),
            problems,
        ])
    )
}
