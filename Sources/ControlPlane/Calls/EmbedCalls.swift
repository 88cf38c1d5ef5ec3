import Admission
import Basics
import Directory
import HTTPTypes
import JOSE

/// Get Embed: makes tokens for users whom the company's own site knows.
struct EmbedCalls {
    let kind: EventKind
    /// The longest lifetime that the operator allows, in seconds; at least ``minLifetime``.
    let maxLifetime: Int64

    var calls: [Call] { [code, full] }

    private static let minLifetime: Int64 = 60

    private var request: Schema {
        .named(
            "EmbedRequest",
            .input([
                Schema.Member(name: "userId", schema: CommonSchemas.newUserID, isRequired: true),
                Schema.Member(name: "userName", schema: CommonSchemas.optional(.plain, 256)),
                Schema.Member(
                    name: "userDisplayName",
                    schema: CommonSchemas.optional(.plain, 256),
                    description: "The same as userName, which wins."
                ),
                Schema.Member(name: "userEmail", schema: CommonSchemas.optional(.email, 254)),
                Schema.Member(
                    name: "userAvatar",
                    schema: CommonSchemas.optional(.url, 1024),
                    description: "If absent, the Gravatar of the e-mail."
                ),
                Schema.Member(
                    name: "eventSpecific",
                    schema: .nullable(.boolean),
                    description: "true (the default) for this event only, false for all that the company made."
                ),
                Schema.Member(
                    name: "embedLifetime",
                    schema: .nullable(.integer(Int(Self.minLifetime)...Int(maxLifetime))),
                    description: """
                        How long the address lets somebody in, in seconds; the operator of the gateway sets the most. By \
                        default until an hour after the event's end, and at least an hour.
                        """
                ),
            ])
        )
    }

    private var code: Call {
        Call(
            method: .post,
            path: "\(kind.path)/{id}/embedCode",
            id: "create\(kind.operationNoun)EmbedCode",
            summary: "The address that shows the \(kind.noun) to a user in an iframe",
            tag: kind.tag,
            body: request,
            success: Call.Success(
                schema: .anyText,
                description: "The address",
                example: .string(Examples.embedURL)
            ),
            faults: [404, 409],
            conflicts: [.eventOver],
            makesLinks: true,
            handler: .company { [kind] incoming, tenant in
                Answer(.string(try Embed(kind, incoming, tenant).url))
            }
        )
    }

    private var full: Call {
        Call(
            method: .post,
            path: "\(kind.path)/{id}/embed",
            id: "create\(kind.operationNoun)Embed",
            summary: "The same address with the token and its validity",
            tag: kind.tag,
            body: request,
            success: Call.Success(
                schema: .named(
                    "Embed",
                    .object([
                        Schema.Member(name: "url", schema: .anyText, isRequired: true),
                        Schema.Member(name: "token", schema: .anyText, isRequired: true),
                        Schema.Member(name: "expiresAt", schema: .moment, isRequired: true),
                        Schema.Member(name: "role", schema: .choice(Role.allCases.map(\.name)), isRequired: true),
                    ])
                ),
                description: "The address, its token and the user's present role"
            ),
            faults: [404, 409],
            conflicts: [.eventOver],
            makesLinks: true,
            handler: .company { [kind] incoming, tenant in
                let embed = try Embed(kind, incoming, tenant)
                return Answer(
                    .object([
                        JSONMember("url", .string(embed.url)), JSONMember("token", .string(embed.made.token)),
                        JSONMember("expiresAt", .string(Timestamp.text(embed.made.expiresAt * 1000))),
                        JSONMember("role", .string(embed.role.name)),
                    ])
                )
            }
        )
    }
}

/// An embed token that was made.
private struct Embed {
    let url: String
    let made: ViewerTokens.Made
    let role: Role

    init(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) throws {
        let uid = try incoming.eventID()
        // The view has every answered commit, so the database need not be queried.
        guard let event = incoming.directory.view.event(uid), event.kind == kind,
            event.company.hasSameBytes(as: tenant.id)
        else { throw Fault.notFound }
        let body = incoming.body
        let now = incoming.plane.now / 1000
        let tokens = incoming.snapshot.viewerTokens
        let eventSpecific = body.bool("eventSpecific") ?? true
        let email = body.words("userEmail").map(EmailAddress.entered)
        let user = ViewerTokens.User(
            id: trimmed(body.text("userId") ?? ""),
            name: body.words("userName") ?? body.words("userDisplayName"),
            email: email,
            avatar: body.words("userAvatar") ?? email.map(Gravatar.address)
        )
        made = try tokens.embed(
            user,
            event: uid,
            eventSpecific: eventSpecific,
            lifetime: body.integer("embedLifetime").map(Int64.init)
                ?? (eventSpecific ? Self.lifetime(for: event, now: now) : nil),
            company: tenant.company,
            now: now
        )
        try TokenSize.check(
            made.token,
            [
                ("userId", user.id), (body.words("userName") == nil ? "userDisplayName" : "userName", user.name),
                ("userEmail", email), ("userAvatar", body.words("userAvatar")),
            ]
        )
        url = ViewerAddress.text(kind, uid, made, incoming.snapshot)
        // In the form in which admission compares them.
        let canonical = email.flatMap(EmailAddress.canonical).map { ExactText($0) }
        let identities = [listedIdentity(user.id)] + (canonical.map { [$0] } ?? [])
        role = event.listing(of: identities) == nil ? .attendee : .host
        // One for all events of the company may be used elsewhere.
        if eventSpecific { try OpenLink.check(event, role, at: incoming.plane.now) }
    }

    /// Until an hour after the event's end, and at least an hour; in seconds. Returns `nil` if it has no end.
    private static func lifetime(for event: EventRecord, now: Int64) -> Int64? {
        event.endsAt.map { max($0 / 1000 + 3600 - now, 3600) }
    }
}

/// The URLs that viewers open.
enum ViewerAddress {
    static func text(_ kind: EventKind, _ uid: String, _ made: ViewerTokens.Made, _ snapshot: Snapshot) -> String {
        "\(EventJSON.url(kind, uid, snapshot))?\(snapshot.tokenMember)=\(made.token)"
    }
}

/// Limits the size of tokens: browsers keep cookies of four kilobytes, and the session holds the token's data too.
enum TokenSize {
    private static let limit = 3700

    /// - Parameter fields: the texts in the token, by the caller's names for them.
    static func check(_ token: String, _ fields: [(name: String, value: String?)]) throws(Fault) {
        guard token.utf8.count > limit else { return }
        let longest = fields.max { ($0.value?.utf8.count ?? 0) < ($1.value?.utf8.count ?? 0) }
        throw .field(longest?.name ?? "", "too long: the token would not fit into a cookie")
    }
}

/// The pictures that people have published for their e-mail address.
enum Gravatar {
    static func address(of email: String) -> String {
        let hash = SHA256.hash(trimmed(email).lowercased().utf8Span.span)
        return "https://www.gravatar.com/avatar/\(Hexadecimal.text(hash))"
    }
}
