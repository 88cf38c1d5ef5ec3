import Admission
import Directory

/// The schemas that several calls share.
enum CommonSchemas {
    static let name = Schema.words(256)
    /// What goes into a token, and from there into a header field: whatever characters they are, they are no more bytes than
    /// a token may carry.
    static let newUserID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.userID / 4))
    /// A user id that a token may have.
    static let userID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.userID))
    /// A registration that a token may have.
    static let registrationID = Schema.text(Text(kind: .line, maxLength: ClaimLimit.id))
    /// A user id that a token may have, or an e-mail.
    static let person = Schema.text(Text(kind: .person, maxLength: ClaimLimit.userID))
    /// The same as a list may have it: earlier versions took any text with an `@`.
    static let listedPerson = Schema.words(ClaimLimit.userID)
    static let email = Schema.text(Text(kind: .email, maxLength: 254))
    /// What a token may have for an e-mail, which need not be an address.
    static let claimedEmail = Schema.text(Text(kind: .claim, maxLength: ClaimLimit.email))
    static let storedEmail = Schema.text(Text(kind: .storedEmail, maxLength: 254))
    static let timeZone = Schema.named("TimeZone", .choice(TimeZoneNames.all))
    static let secondJoin = Schema.choice(SecondJoin.allCases.map(\.rawValue))
    static let eventType = Schema.choice(EventType.allCases.map(\.rawValue))

    /// A text that may be left out, or blank, which is the same.
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
                description: "What the operator's log calls the request."
            ),
        ])
    )

    /// What the gateway answers itself where a request does not get as far as the API: the members of other errors with
    /// those of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
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

    /// [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2), with the members of other errors.
    static let tokenFault = Schema.named(
        "TokenError",
        .object([
            Schema.Member(name: "error", schema: .anyText, isRequired: true),
            Schema.Member(name: "error_description", schema: .anyText),
            Schema.Member(name: "hasError", schema: .boolean, isRequired: true),
            Schema.Member(name: "errorMessage", schema: .anyText, isRequired: true),
            Schema.Member(name: "code", schema: .anyText, isRequired: true),
            Schema.Member(name: "requestId", schema: .anyText, isRequired: true),
        ])
    )
}
