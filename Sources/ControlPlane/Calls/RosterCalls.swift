import Admission
import Basics
import Directory
import HTTPTypes

/// Adds and removes an event's organizers and presenters, one at a time. Repeating a call changes nothing.
struct RosterCalls {
    let kind: EventKind

    var calls: [Call] { Listing.allCases.flatMap { [add($0), remove($0), removeNamed($0)] } }

    private func success(_ listing: Listing) -> Call.Success {
        Call.Success(
            schema: .list(.anyText),
            description: "The whole list after the change",
            example: .array([CommonSchemas.person.example(listing.name, in: "")])
        )
    }

    /// The body that names the person.
    private func body(_ listing: Listing, _ name: String, _ schema: Schema) -> Schema {
        .named(
            "\(name)\(listing.noun)",
            .input([
                Schema.Member(
                    name: listing.name,
                    schema: schema,
                    isRequired: true,
                    description: "A user id or an e-mail.",
                    absence: "Missing \(listing.name) field in request"
                )
            ])
        )
    }

    private func add(_ listing: Listing) -> Call {
        Call(
            method: .put,
            path: "\(kind.path)/{id}/\(listing.name)",
            id: "add\(kind.operationNoun)\(listing.noun)",
            summary: "Adds \(listing.phrase)",
            tag: kind.tag,
            body: body(listing, "New", CommonSchemas.person),
            success: success(listing),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let person = EventInput.entered(incoming.body.text(listing.name) ?? "")
                return try await Self.change(kind, listing, incoming, tenant) { fields throws(Fault) in
                    let identity = listedIdentity(person)
                    guard !fields[listing].contains(where: { EventInput.identity($0) == identity }) else { return }
                    try EventInput.check(person, isNotIn: listing.other, of: fields)
                    guard fields[listing].count < EventInput.maxPeople else {
                        throw .field(listing.name, "the list has \(EventInput.maxPeople) entries already")
                    }
                    fields[listing].append(person)
                }
            }
        )
    }

    private func remove(_ listing: Listing) -> Call {
        Call(
            method: .delete,
            path: "\(kind.path)/{id}/\(listing.name)/{who}",
            id: "remove\(kind.operationNoun)\(listing.noun)",
            summary: "Removes \(listing.phrase), by user id or e-mail",
            tag: kind.tag,
            success: success(listing),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let who = incoming.parameters[1]
                if who.unicodeScalars.count > ClaimLimit.userID {
                    throw Fault.field("who", "longer than \(ClaimLimit.userID) characters")
                }
                return try await Self.remove(who, kind, listing, incoming, tenant)
            }
        )
    }

    /// Removes a person whose id no path can contain, such as one with a slash.
    private func removeNamed(_ listing: Listing) -> Call {
        Call(
            method: .delete,
            path: "\(kind.path)/{id}/\(listing.name)",
            id: "removeNamed\(kind.operationNoun)\(listing.noun)",
            summary: "Removes \(listing.phrase), even if the id has a slash or backslash, which no path may contain",
            tag: kind.tag,
            body: body(listing, "Listed", CommonSchemas.listedPerson),
            success: success(listing),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                try await Self.remove(incoming.body.text(listing.name) ?? "", kind, listing, incoming, tenant)
            }
        )
    }

    private static func remove(
        _ person: String,
        _ kind: EventKind,
        _ listing: Listing,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws -> Answer {
        let identity = EventInput.identity(person)
        return try await change(kind, listing, incoming, tenant) { fields throws(Fault) in
            fields[listing].removeAll { EventInput.identity($0) == identity }
        }
    }

    private static func change(
        _ kind: EventKind,
        _ listing: Listing,
        _ incoming: Incoming,
        _ tenant: Tenant,
        _ edit: @escaping @Sendable (inout EventFields) throws(Fault) -> Void
    ) async throws -> Answer {
        let uid = try incoming.eventID()
        let event = try await incoming.directory.update(uid, kind, company: tenant.id) { try edit(&$0) }
        guard let event else { throw Fault.notFound }
        return Answer(.array(event.fields[listing].map(JSONValue.string)))
    }
}

extension Listing {
    /// The suffix of operation ids.
    fileprivate var noun: String {
        switch self {
        case .presenter: "Presenter"
        case .organizer: "Organizer"
        }
    }

    fileprivate var phrase: String {
        switch self {
        case .presenter: "a presenter"
        case .organizer: "an organizer"
        }
    }
}

extension EventFields {
    fileprivate subscript(listing: Listing) -> [String] {
        get {
            switch listing {
            case .presenter: presenters
            case .organizer: organizers
            }
        }
        set {
            switch listing {
            case .presenter: presenters = newValue
            case .organizer: organizers = newValue
            }
        }
    }
}
