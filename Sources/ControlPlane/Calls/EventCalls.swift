import Admission
import Basics
import Directory
import HTTPTypes

/// Creates, reads, changes, clones and deletes events and networking hubs.
struct EventCalls {
    let kind: EventKind

    var calls: [Call] { [create, read, change(.post, "update"), change(.patch, "patch"), delete, clone] }

    private var path: String { "\(kind.path)/{id}" }
    private var input: EventInput { EventInput(kind: kind) }
    var shown: Call.Success { Call.Success(schema: EventJSON.schema(kind), description: "The \(kind.noun)") }

    private var create: Call {
        Call(
            method: .post,
            path: "\(kind.path)/create",
            id: "create\(kind.operationNoun)",
            summary: "Makes \(kind == .event ? "an event" : "a networking hub")",
            tag: kind.tag,
            body: .named("New\(kind.operationNoun)", .input(input.made)),
            judge: EventInput.judge,
            success: shown,
            faults: [404],
            links: links,
            handler: .company { [input] incoming, tenant in try await Self.create(input, incoming, tenant) }
        )
    }

    /// Creates what the body describes.
    static func create(_ input: EventInput, _ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        try EventInput.checkIdentity(incoming.body, tenant)
        let fields = try input.fields(incoming.body)
        try EventInput.checkHub(fields, incoming.directory.view, tenant)
        let event = try await incoming.directory.create(
            input.kind,
            fields: fields,
            company: tenant.id,
            creator: tenant.id
        )
        return Answer(EventJSON.value(event, incoming.snapshot))
    }

    /// The calls that can follow with a new event.
    var links: [Call.Link] {
        ["get", "update", "clone", "delete"].map {
            Call.Link(operation: $0 + kind.operationNoun, parameter: "id", member: "uid")
        }
    }

    private var read: Call {
        Call(
            method: .get,
            path: path,
            id: "get\(kind.operationNoun)",
            summary: "The \(kind.noun)",
            tag: kind.tag,
            success: shown,
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let uid = try incoming.eventID()
                guard let event = try await incoming.directory.event(uid, kind, company: tenant.id) else {
                    throw Fault.notFound
                }
                return Answer(EventJSON.value(event, incoming.snapshot))
            }
        )
    }

    private func change(_ method: HTTPRequest.Method, _ verb: String) -> Call {
        Call(
            method: method,
            path: path,
            id: verb + kind.operationNoun,
            summary: "Changes the members of the \(kind.noun) that the body names",
            tag: kind.tag,
            body: .named("\(kind.operationNoun)Changes", .input(input.changed)),
            judge: EventInput.judge,
            success: shown,
            faults: [404],
            handler: .company { [kind, input] incoming, tenant in
                let (uid, body) = (try incoming.eventID(), incoming.body)
                try EventInput.checkIdentity(body, tenant, uid: uid)
                let view = incoming.directory.view
                let event = try await incoming.directory.update(uid, kind, company: tenant.id) { fields in
                    let hub = fields.networkingHub
                    try input.apply(body, to: &fields)
                    try EventInput.checkHub(fields, since: hub, view, tenant)
                }
                guard let event else { throw Fault.notFound }
                return Answer(EventJSON.value(event, incoming.snapshot))
            }
        )
    }

    private var delete: Call {
        Call(
            method: .delete,
            path: path,
            id: "delete\(kind.operationNoun)",
            summary: "Deletes the \(kind.noun); ends the sessions in it",
            tag: kind.tag,
            success: Call.Success(
                schema: .named(
                    "Deleted",
                    .object([
                        Schema.Member(name: "uid", schema: .uuid, isRequired: true),
                        Schema.Member(name: "deleted", schema: .boolean, isRequired: true),
                    ])
                ),
                description: "It is deleted"
            ),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let uid = try incoming.eventID()
                guard try await incoming.directory.remove(uid, kind, company: tenant.id) else { throw Fault.notFound }
                return Answer(.object([JSONMember("uid", .string(uid)), JSONMember("deleted", .bool(true))]))
            }
        )
    }

    private var clone: Call {
        Call(
            method: .post,
            path: "\(path)/clone",
            id: "clone\(kind.operationNoun)",
            summary: "Creates a copy of the \(kind.noun), without its registrations; what the body names is not copied",
            tag: kind.tag,
            body: .named("\(kind.operationNoun)Clone", .input(input.cloned)),
            judge: EventInput.judge,
            success: shown,
            faults: [404],
            links: links,
            handler: .company { [kind, input] incoming, tenant in
                let (uid, body) = (try incoming.eventID(), incoming.body)
                let view = incoming.directory.view
                let event = try await incoming.directory.clone(
                    uid,
                    kind,
                    company: tenant.id,
                    creator: tenant.id
                ) { fields in
                    let hub = fields.networkingHub
                    try input.apply(body, to: &fields)
                    try EventInput.checkHub(fields, since: hub, view, tenant)
                }
                guard let event else { throw Fault.notFound }
                return Answer(EventJSON.value(event, incoming.snapshot))
            }
        )
    }
}
