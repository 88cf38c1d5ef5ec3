import Admission
import Basics
import Directory
import HTTPTypes

/// The calls about viewers removed from an event, until a time or for good.
struct RemovalCalls {
    let kind: EventKind

    var calls: [Call] { [remove, list, lift] }

    private var path: String { "\(kind.path)/{id}/removals" }

    private var remove: Call {
        Call(
            method: .post,
            path: path,
            id: "remove\(kind.operationNoun)Viewer",
            summary:
                "Removes a viewer, who need not have come yet, until a time or for good; repeating it changes the removal",
            tag: kind.tag,
            body: .named(
                "NewRemoval",
                .oneOf(
                    Self.names,
                    isRequired: true,
                    .input([
                        Schema.Member(
                            name: "userId",
                            schema: .nullable(CommonSchemas.userID),
                            description: """
                                One of `userId`, `email` and `registrationId`. Compared byte by byte. At most 1,024 bytes \
                                in UTF-8.
                                """
                        ),
                        Schema.Member(
                            name: "email",
                            schema: .nullable(CommonSchemas.claimedEmail),
                            description: """
                                What the viewer's token has for an e-mail, an address or not; whatever has an `@` is also of \
                                viewers who have it for a user id. Compared without case and blanks at its ends.
                                """
                        ),
                        Schema.Member(name: "registrationId", schema: .nullable(CommonSchemas.registrationID)),
                        Schema.Member(
                            name: "until",
                            schema: .nullable(.moment),
                            description: "When it ends by itself, in the future; null for never."
                        ),
                        Schema.Member(
                            name: "reason",
                            schema: CommonSchemas.optional(.words, 500),
                            description: "For the company only; viewers do not see it."
                        ),
                    ])
                )
            ),
            success: Call.Success(status: 201, schema: RemovalJSON.schema, description: "The removal"),
            faults: [404, 409],
            conflicts: [Self.tooMany(.eventIsFull)],
            links: [Call.Link(operation: "lift\(kind.operationNoun)Removal", parameter: "removal", member: "id")],
            handler: .company { [kind] incoming, tenant in
                let uid = try await Self.event(kind, incoming, tenant)
                let person = try Self.person(incoming.body)
                let until = incoming.body.text("until").flatMap(RFC3339.parse)
                if let until, until <= incoming.plane.now { throw Fault.field("until", "must be in the future") }
                do {
                    let removal = try await incoming.directory.remove(
                        person,
                        from: uid,
                        company: tenant.id,
                        until: until,
                        reason: incoming.body.words("reason")
                    )
                    incoming.plane.sendAway(removal)
                    return Answer(RemovalJSON.value(removal), status: .created)
                } catch let fault as RemovalFault {
                    throw Self.tooMany(fault)
                }
            }
        )
    }

    private var list: Call {
        Call(
            method: .get,
            path: path,
            id: "list\(kind.operationNoun)Removals",
            summary: "Who is kept out, in the order of their removal",
            tag: kind.tag,
            success: Call.Success(schema: .list(RemovalJSON.schema), description: "The removals that have not ended"),
            faults: [404],
            cost: .list,
            handler: .company { [kind] incoming, tenant in
                let uid = try await Self.event(kind, incoming, tenant)
                let removals = try await incoming.directory.removals(company: tenant.id, event: uid)
                return Answer(.array(removals.map(RemovalJSON.value)))
            }
        )
    }

    private var lift: Call {
        Call(
            method: .delete,
            path: "\(path)/{removal}",
            id: "lift\(kind.operationNoun)Removal",
            summary: "Lifts a removal: the viewer may come back",
            tag: kind.tag,
            success: Call.Success(status: 204, description: "It is lifted"),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let uid = try await Self.event(kind, incoming, tenant)
                let id = try incoming.uuid(at: 1)
                guard let removal = try await incoming.directory.lift(id, company: tenant.id, event: uid) else {
                    throw Fault.notFound
                }
                incoming.plane.tellLifted(removal)
                return .nothing
            }
        )
    }

    /// The event's uid, if the company has that event.
    private static func event(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) async throws -> String {
        let uid = try incoming.eventID()
        guard try await incoming.directory.event(uid, kind, company: tenant.id) != nil else { throw Fault.notFound }
        return uid
    }

    private static func tooMany(_ fault: RemovalFault) -> Fault {
        let text = "\(fault)"
        return Fault(.conflict, "too_many_removals", text.prefix(1).uppercased() + text.dropFirst())
    }

    /// The members of which a body has exactly one.
    private static let names = ["userId", "email", "registrationId"]

    private static func person(_ body: Members) throws(Fault) -> RemovedPerson {
        if let user = try named("userId", in: body, ClaimLimit.userID) { return RemovedPerson(.user, user) }
        if let email = try named("email", in: body, ClaimLimit.email) { return RemovedPerson(.email, trimmed(email)) }
        return RemovedPerson(.registration, try named("registrationId", in: body, ClaimLimit.id) ?? "")
    }

    /// - Parameter limit: in bytes: tokens are let in with no more.
    private static func named(_ name: String, in body: Members, _ limit: Int) throws(Fault) -> String? {
        guard let text = body.text(name) else { return nil }
        guard text.utf8.count <= limit else {
            throw Fault.field(name, "longer than \(limit) bytes in UTF-8, so no viewer has it")
        }
        return text
    }
}

/// Removals in answers.
enum RemovalJSON {
    static let members = [
        Schema.Member(name: "id", schema: .uuid, isRequired: true),
        Schema.Member(name: "userId", schema: .anyText, description: "Or `email`, or `registrationId`."),
        Schema.Member(name: "email", schema: .anyText),
        Schema.Member(name: "registrationId", schema: .anyText),
        Schema.Member(name: "until", schema: .nullable(.moment), isRequired: true, description: "null: for good."),
        Schema.Member(name: "reason", schema: .nullable(.anyText), isRequired: true),
        Schema.Member(name: "removedAt", schema: .moment, isRequired: true),
    ]

    static let schema = Schema.named("Removal", .object(members))

    static func value(_ removal: Removal) -> JSONValue { .object(values(removal)) }

    static func values(_ removal: Removal) -> [JSONMember] {
        [
            JSONMember("id", .string(removal.id)),
            JSONMember(removal.person.memberName, .string(removal.person.text)),
            JSONMember("until", removal.until.map { .string(Timestamp.text($0)) } ?? .null),
            JSONMember("reason", removal.reason.map(JSONValue.string) ?? .null),
            JSONMember("removedAt", .string(Timestamp.text(removal.createdAt))),
        ]
    }
}
