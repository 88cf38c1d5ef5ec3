import Admission
import Basics
import Directory

/// People to register, and changes to them, in bodies.
enum RegistrationInput {
    /// - Parameter email: which e-mails are accepted.
    static func members(email: Text.Kind) -> [Schema.Member] {
        [
            Schema.Member(name: "name", schema: CommonSchemas.name, isRequired: true),
            Schema.Member(name: "email", schema: .text(Text(kind: email, maxLength: 254)), isRequired: true),
            Schema.Member(name: "metadata", schema: .nullable(.document)),
            Schema.Member(
                name: "resend",
                schema: .nullable(.boolean),
                description: """
                    If true and the e-mail is registered already, the answer has that registration. Its name becomes the \
                    one given, and so does its metadata, if any is given.
                    """
            ),
            Schema.Member(
                name: "resendInvite",
                schema: .nullable(.boolean),
                description: "The platform's name for `resend`."
            ),
            Schema.Member(
                name: "ignoreCustomQuestions",
                schema: .nullable(.boolean),
                description: "Sent by the platform's clients. Without effect: there are no questions here."
            ),
        ]
    }

    static let changes = [
        Schema.Member(name: "name", schema: CommonSchemas.name),
        Schema.Member(name: "email", schema: CommonSchemas.email),
        Schema.Member(name: "metadata", schema: .document),
    ]

    /// Whether the answer is to have the registration that the e-mail has already.
    static func isResend(_ body: Members) -> Bool {
        body.bool("resend") ?? false || body.bool("resendInvite") ?? false
    }

    static func person(_ body: Members, _ incoming: Incoming, _ uid: String, _ tenant: Tenant) throws
        -> NewRegistration
    {
        let person = NewRegistration(
            name: body.text("name") ?? "",
            email: EmailAddress.entered(body.text("email") ?? ""),
            metadata: body.object("metadata"),
            changesKnown: isResend(body)
        )
        try checkSize(name: person.name, email: person.email, incoming, uid, tenant)
        return person
    }

    /// Checks that a token with these texts fits into a cookie. All ids have the same length.
    static func checkSize(
        name: String,
        email: String,
        _ incoming: Incoming,
        _ uid: String,
        _ tenant: Tenant
    ) throws {
        guard name.utf8.count + email.utf8.count > 512 else { return }
        let trial = RegisteredPerson(
            event: uid,
            registration: uid,
            name: name,
            email: email,
            registeredAt: incoming.plane.now
        )
        let made = try incoming.snapshot.viewerTokens.registration(trial, closesAt: nil, company: tenant.company)
        try TokenSize.check(made.token, [("name", name), ("email", email)])
    }
}
