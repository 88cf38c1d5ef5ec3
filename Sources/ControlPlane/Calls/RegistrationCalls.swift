import Admission
import Basics
import Directory
import HTTPTypes

/// Register: gives people a personal link, one for each e-mail. Shows, changes and cancels single registrations.
struct RegistrationCalls {
    let kind: EventKind

    var calls: [Call] { [register, read, change, cancel, removeEmail] }

    private var path: String { "\(kind.path)/{id}/registrant" }
    private var shown: Call.Success { Call.Success(schema: RegistrationJSON.shown, description: "The registration") }

    private var register: Call {
        Call(
            method: .post,
            path: path,
            id: "register\(kind.operationNoun)",
            summary: "Registers a person, once per e-mail",
            tag: kind.tag,
            body: .named("NewRegistration", .input(RegistrationInput.members(email: .emailUnlessStored))),
            success: Call.Success(schema: RegistrationJSON.schema, description: "The registration"),
            faults: [404, 409],
            conflicts: [.alreadyRegistered(Examples.registration), .eventOver, .registrationExpired],
            makesLinks: true,
            links: ["get", "patch", "cancel"].map {
                Call.Link(
                    operation: "\($0)\(kind.operationNoun)Registrant",
                    parameter: "registrationId",
                    member: "registrationId"
                )
            },
            handler: .company { [kind] incoming, tenant in
                let (uid, body) = (try incoming.eventID(), incoming.body)
                if let fault = Text(kind: .email).fault(in: body.text("email") ?? "") {
                    guard let known = try await Self.known(kind, incoming, tenant) else {
                        throw Fault.field("email", fault)
                    }
                    return known
                }
                let person = try RegistrationInput.person(body, incoming, uid, tenant)
                try await OpenLink.check(person, kind, uid, incoming, tenant)
                switch try await incoming.directory.register(person, for: uid, kind, company: tenant.id) {
                case .noEvent: throw Fault.notFound
                case .known(let registration, let event, let changed):
                    guard person.changesKnown else { throw Fault.alreadyRegistered(registration.uid) }
                    return Answer(
                        try RegistrationJSON.value(registration, event, incoming, tenant, changed: changed)
                    )
                case .registered(let registration, let event):
                    return Answer(try RegistrationJSON.value(registration, event, incoming, tenant))
                }
            }
        )
    }

    /// The answer for somebody who is registered with an e-mail that would no longer be accepted. Returns `nil` if there
    /// is nobody, or if the call did not ask for it.
    private static func known(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) async throws -> Answer? {
        let body = incoming.body
        guard RegistrationInput.isResend(body) else { return nil }
        let (uid, name, email) = (try incoming.eventID(), body.text("name") ?? "", body.text("email") ?? "")
        try RegistrationInput.checkSize(name: name, email: email, incoming, uid, tenant)
        let person = NewRegistration(name: name, email: email, changesKnown: true)
        try await OpenLink.check(person, kind, uid, incoming, tenant)
        let outcome = try await incoming.directory.changeRegistration(
            .email(email),
            of: uid,
            kind,
            company: tenant.id,
            RegistrationChanges(name: name, metadata: body.object("metadata"))
        )
        guard case .changed(let registration, let event, let changed) = outcome else { return nil }
        return Answer(try RegistrationJSON.value(registration, event, incoming, tenant, changed: changed))
    }

    private var read: Call {
        Call(
            method: .get,
            path: "\(path)/{registrationId}",
            id: "get\(kind.operationNoun)Registrant",
            summary: "A registration",
            tag: kind.tag,
            query: [RegistrationJSON.include],
            success: shown,
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let (registration, event) = try await Self.found(kind, incoming, tenant)
                return Answer(try RegistrationJSON.shownValue(registration, event, incoming, tenant))
            }
        )
    }

    private var change: Call {
        Call(
            method: .patch,
            path: "\(path)/{registrationId}",
            id: "patch\(kind.operationNoun)Registrant",
            summary: """
                Changes the members of a registration that the body names. Its links stay valid, and show the name and \
                e-mail that they were made with; the join code shows the new ones from the next join on
                """,
            tag: kind.tag,
            query: [RegistrationJSON.include],
            body: .named("RegistrationChanges", .input(RegistrationInput.changes)),
            success: shown,
            faults: [404, 409],
            conflicts: [.emailTaken(by: Examples.registration)],
            handler: .company { [kind] incoming, tenant in
                let (before, event) = try await Self.found(kind, incoming, tenant)
                let body = incoming.body
                let changes = RegistrationChanges(
                    name: body.text("name"),
                    email: body.text("email").map(EmailAddress.entered),
                    metadata: body.object("metadata")
                )
                try RegistrationInput.checkSize(
                    name: changes.name ?? before.name,
                    email: changes.email ?? before.email,
                    incoming,
                    event.uid,
                    tenant
                )
                let outcome = try await incoming.directory.changeRegistration(
                    .id(before.uid),
                    of: event.uid,
                    kind,
                    company: tenant.id,
                    changes
                )
                switch outcome {
                case .none: throw Fault.notFound
                case .taken(let other): throw Fault.emailTaken(by: other)
                case .changed(let registration, let event, _):
                    return Answer(try RegistrationJSON.shownValue(registration, event, incoming, tenant))
                }
            }
        )
    }

    private var cancel: Call {
        Call(
            method: .delete,
            path: "\(path)/{registrationId}",
            id: "cancel\(kind.operationNoun)Registrant",
            summary: "Deletes a registration; ends its session",
            tag: kind.tag,
            success: Call.Success(status: 204, description: "It is deleted"),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                try await Self.remove(.id(try incoming.uuid(at: 1)), kind, incoming, tenant)
            }
        )
    }

    private var removeEmail: Call {
        Call(
            method: .delete,
            path: path,
            id: "remove\(kind.operationNoun)Registrant",
            summary: "Deletes the registration of an e-mail; ends its session",
            tag: kind.tag,
            body: .named(
                "RegistrantEmail",
                .input([Schema.Member(name: "email", schema: CommonSchemas.storedEmail, isRequired: true)])
            ),
            success: Call.Success(status: 204, description: "It is deleted"),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                try await Self.remove(.email(incoming.body.text("email") ?? ""), kind, incoming, tenant)
            }
        )
    }

    private static func remove(
        _ name: RegistrationName,
        _ kind: EventKind,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws -> Answer {
        let removed = try await incoming.directory.removeRegistration(
            name,
            of: try incoming.eventID(),
            kind,
            company: tenant.id
        )
        guard removed ?? false else { throw Fault.notFound }
        return .nothing
    }

    private static func found(
        _ kind: EventKind,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws -> (Registration, Event) {
        let found = try await incoming.directory.registration(
            .id(try incoming.uuid(at: 1)),
            of: try incoming.eventID(),
            kind,
            company: tenant.id
        )
        guard let found else { throw Fault.notFound }
        return found
    }
}
