import Admission
import Basics
import Directory
import HTTPTypes

/// Register: gives people a personal link, one for each e-mail.
struct RegistrationCalls {
    let kind: EventKind

    var calls: [Call] { [register, list, remove] }

    private static let schema = Schema.named(
        "Registration",
        .object([
            Schema.Member(name: "registrationId", schema: .uuid, isRequired: true),
            Schema.Member(name: "name", schema: .anyText, isRequired: true),
            Schema.Member(name: "email", schema: .anyText, isRequired: true),
            Schema.Member(name: "join_url", schema: .anyText, isRequired: true),
            Schema.Member(name: "joinUrl", schema: .anyText, isRequired: true, description: "The same."),
            Schema.Member(
                name: "joinCode",
                schema: .anyText,
                isRequired: true,
                description: "Does the same as `?joinCode=…`, for e-mails and calendars."
            ),
            Schema.Member(name: "metadata", schema: .document, isRequired: true),
            Schema.Member(name: "registeredAt", schema: .moment, isRequired: true),
        ])
    )

    private var register: Call {
        Call(
            method: .post,
            path: "\(kind.path)/{id}/registrant",
            id: "register\(kind.operationNoun)",
            summary: "Registers a person, once per e-mail",
            tag: kind.tag,
            body: .named(
                "NewRegistration",
                .input([
                    Schema.Member(name: "name", schema: CommonSchemas.name, isRequired: true),
                    Schema.Member(
                        name: "email",
                        schema: .text(Text(kind: .emailUnlessStored, maxLength: 254)),
                        isRequired: true
                    ),
                    Schema.Member(name: "metadata", schema: .nullable(.document)),
                    Schema.Member(
                        name: "resend",
                        schema: .nullable(.boolean),
                        description: "If true, repeats the first answer if the e-mail is registered already."
                    ),
                ])
            ),
            success: Call.Success(schema: Self.schema, description: "The registration"),
            faults: [404, 409],
            conflicts: [.alreadyRegistered],
            handler: .company { [kind] incoming, tenant in
                let uid = try incoming.eventID()
                if let fault = Text(kind: .email).fault(in: incoming.body.text("email") ?? "") {
                    guard let known = try await Self.known(kind, incoming, tenant) else {
                        throw Fault.field("email", fault)
                    }
                    return known
                }
                let person = try Self.person(incoming, uid, tenant)
                switch try await incoming.directory.register(person, for: uid, kind, company: tenant.id) {
                case .noEvent: throw Fault.notFound
                case .known(let registration, let event):
                    guard incoming.body.bool("resend") ?? false else { throw Fault.alreadyRegistered }
                    return Answer(try Self.json(registration, event, incoming, tenant))
                case .registered(let registration, let event):
                    return Answer(try Self.json(registration, event, incoming, tenant))
                }
            }
        )
    }

    private var list: Call {
        Call(
            method: .get,
            path: "\(kind.path)/{id}/registrants",
            id: "list\(kind.operationNoun)Registrants",
            summary: "The registrations, in the order of their creation",
            tag: kind.tag,
            query: [PageRequest.limitParameter, PageRequest.cursorParameter(digits: 15)],
            success: Call.Success(schema: .list(Self.schema), description: "The list, or a page of it", isPage: true),
            faults: [404],
            cost: .pageOrAll,
            handler: .company { [kind] incoming, tenant in
                let (uid, page, directory) = (try incoming.eventID(), PageRequest(incoming), incoming.directory)
                let (filter, after) = (RegistrationFilter(), page.cursor.flatMap { Int64($0, radix: 16) })
                guard let limit = page.limit else {
                    let found = try await directory.registrationRows(
                        of: uid,
                        kind,
                        company: tenant.id,
                        filter,
                        after: after
                    )
                    guard let (event, rows) = found else { throw Fault.notFound }
                    return try await PageRequest.answer(rows) { ids in
                        try await directory.registrations(inRows: ids, filter.state).map {
                            try Self.json($0, event, incoming, tenant)
                        }
                    }
                }
                let shown = try await directory.registrations(
                    of: uid,
                    kind,
                    company: tenant.id,
                    filter,
                    limit: limit,
                    after: after
                )
                guard let shown else { throw Fault.notFound }
                return page.answer(
                    try shown.registrations.map { try Self.json($0, shown.event, incoming, tenant) },
                    total: shown.total,
                    next: shown.next.map { String(Hexadecimal.text(UInt64(bitPattern: $0)).dropFirst()) }
                )
            }
        )
    }

    private var remove: Call {
        Call(
            method: .delete,
            path: "\(kind.path)/{id}/registrant",
            id: "remove\(kind.operationNoun)Registrant",
            summary: "Deletes a registration; ends its session",
            tag: kind.tag,
            body: .named(
                "RegistrantEmail",
                .input([Schema.Member(name: "email", schema: CommonSchemas.storedEmail, isRequired: true)])
            ),
            success: Call.Success(status: 204, description: "It is deleted"),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let removed = try await incoming.directory.removeRegistration(
                    email: incoming.body.text("email") ?? "",
                    of: try incoming.eventID(),
                    kind,
                    company: tenant.id
                )
                guard removed ?? false else { throw Fault.notFound }
                return .nothing
            }
        )
    }

    /// The original answer for somebody whose e-mail would no longer be accepted. Returns `nil` if there is none, or if
    /// the call did not ask for it.
    private static func known(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) async throws -> Answer? {
        guard incoming.body.bool("resend") ?? false else { return nil }
        let known = try await incoming.directory.registration(
            email: incoming.body.text("email") ?? "",
            of: try incoming.eventID(),
            kind,
            company: tenant.id
        )
        return try known.map { Answer(try json($0.0, $0.1, incoming, tenant)) }
    }

    private static func person(_ incoming: Incoming, _ uid: String, _ tenant: Tenant) throws -> NewRegistration {
        let (name, email) = (incoming.body.text("name") ?? "", EmailAddress.entered(incoming.body.text("email") ?? ""))
        // The token's size is known before the registration exists, since all ids have the same length.
        let trial = RegisteredPerson(
            event: uid,
            registration: uid,
            name: name,
            email: email,
            registeredAt: incoming.plane.now
        )
        if name.utf8.count + email.utf8.count > 512 {
            let made = try incoming.snapshot.viewerTokens.registration(trial, closesAt: nil, company: tenant.company)
            try TokenSize.check(made.token, [("name", name), ("email", email)])
        }
        return NewRegistration(name: name, email: email, metadata: incoming.body.object("metadata") ?? [])
    }

    private static func json(
        _ registration: Registration,
        _ event: Event,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) throws -> JSONValue {
        let person = RegisteredPerson(
            event: event.uid,
            registration: registration.uid,
            name: registration.name,
            email: registration.email,
            registeredAt: registration.registeredAt
        )
        let made = try incoming.snapshot.viewerTokens.registration(
            person,
            closesAt: event.closesAt,
            company: tenant.company
        )
        let url = ViewerAddress.text(event.kind, event.uid, made, incoming.snapshot)
        return .object([
            JSONMember("registrationId", .string(registration.uid)),
            JSONMember("name", .string(registration.name)), JSONMember("email", .string(registration.email)),
            JSONMember("join_url", .string(url)), JSONMember("joinUrl", .string(url)),
            JSONMember("joinCode", .string(registration.joinCode.text)),
            JSONMember("metadata", .object(registration.metadata)),
            JSONMember("registeredAt", .string(Timestamp.text(registration.registeredAt))),
        ])
    }
}
