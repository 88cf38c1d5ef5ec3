import Admission
import Basics
import Directory

/// Registrations in answers.
enum RegistrationJSON {
    private static let head = [
        Schema.Member(name: "registrationId", schema: .uuid, isRequired: true),
        Schema.Member(name: "name", schema: .anyText, isRequired: true),
        Schema.Member(name: "email", schema: .anyText, isRequired: true),
    ]

    private static let tail = [
        Schema.Member(name: "metadata", schema: .document, isRequired: true),
        Schema.Member(name: "registeredAt", schema: .moment, isRequired: true),
    ]

    /// What lets somebody join.
    private static func link(isRequired: Bool) -> [Schema.Member] {
        [
            Schema.Member(name: "join_url", schema: .anyText, isRequired: isRequired),
            Schema.Member(name: "joinUrl", schema: .anyText, isRequired: isRequired, description: "The same."),
            Schema.Member(
                name: "joinCode",
                schema: .anyText,
                isRequired: isRequired,
                description: "Does the same as `?joinCode=…`, for e-mails and calendars."
            ),
        ]
    }

    /// The answer of Register.
    static let schema = Schema.named(
        "Registration",
        .object(
            head + link(isRequired: true) + tail + [
                Schema.Member(
                    name: "changed",
                    schema: .list(.choice(RegistrationMember.allCases.map(\.rawValue))),
                    description: "What `resend` has changed in a registration that existed; absent if nothing."
                )
            ]
        )
    )

    /// A registration that is shown to its company.
    static let shown = Schema.named(
        "ShownRegistration",
        .object(
            head + link(isRequired: false) + tail + [
                Schema.Member(name: "removedAt", schema: .moment, description: "Only of those that were removed.")
            ]
        )
    )

    static let include = Call.Parameter(
        name: "include",
        schema: .choice(["join_url"]),
        description: "Adds `join_url`, `joinUrl` and `joinCode`, which let anybody in who has them."
    )

    /// - Parameter changed: what the call has changed in a registration that existed.
    static func value(
        _ registration: Registration,
        _ event: Event,
        _ incoming: Incoming,
        _ tenant: Tenant,
        changed: [RegistrationMember] = []
    ) throws -> JSONValue {
        var members = try members(registration, event, incoming, tenant, hasLink: true)
        if !changed.isEmpty {
            members.append(JSONMember("changed", .array(changed.map { .string($0.rawValue) })))
        }
        return .object(members)
    }

    /// A registration with its link if the caller asks for that.
    static func shownValue(
        _ registration: Registration,
        _ event: Event,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) throws -> JSONValue {
        let hasLink = incoming.query.has(include.name) && registration.removedAt == nil
        var members = try members(registration, event, incoming, tenant, hasLink: hasLink)
        if let removedAt = registration.removedAt {
            members.append(JSONMember("removedAt", .string(Timestamp.text(removedAt))))
        }
        return .object(members)
    }

    private static func members(
        _ registration: Registration,
        _ event: Event,
        _ incoming: Incoming,
        _ tenant: Tenant,
        hasLink: Bool
    ) throws -> [JSONMember] {
        var members = [
            JSONMember("registrationId", .string(registration.uid)), JSONMember("name", .string(registration.name)),
            JSONMember("email", .string(registration.email)),
        ]
        if hasLink {
            let made = try incoming.snapshot.viewerTokens.registration(
                registration.person(at: event.uid),
                closesAt: event.closesAt,
                company: tenant.company
            )
            let url = ViewerAddress.text(event.kind, event.uid, made, incoming.snapshot)
            members += [
                JSONMember("join_url", .string(url)), JSONMember("joinUrl", .string(url)),
                JSONMember("joinCode", .string(registration.joinCode.text)),
            ]
        }
        return members + [
            JSONMember("metadata", .object(registration.metadata)),
            JSONMember("registeredAt", .string(Timestamp.text(registration.registeredAt))),
        ]
    }
}
