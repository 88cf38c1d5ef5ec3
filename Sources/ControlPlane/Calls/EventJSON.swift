import Admission
import Basics
import Directory
import GatewayConfiguration

/// Events in answers.
enum EventJSON {
    static func schema(_ kind: EventKind) -> Schema {
        let moment: Schema = kind == .event ? .moment : .nullable(.moment)
        let isAlwaysOpen = kind == .event ? nil : "null if the hub is always open."
        let members = [
            Schema.Member(name: "uid", schema: .uuid, isRequired: true),
            Schema.Member(name: "companyUid", schema: .anyText, isRequired: true),
            Schema.Member(name: "creatorUid", schema: .anyText, isRequired: true),
            Schema.Member(name: "name", schema: .anyText, isRequired: true),
            Schema.Member(name: "picture", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "startDate", schema: moment, isRequired: true, description: isAlwaysOpen),
            Schema.Member(name: "endDate", schema: moment, isRequired: true, description: isAlwaysOpen),
            Schema.Member(name: "timezone", schema: .anyText, isRequired: true),
            Schema.Member(name: "type", schema: CommonSchemas.eventType, isRequired: true),
            Schema.Member(name: "networkingHub", schema: .nullable(.uuid), isRequired: true),
            Schema.Member(name: "presenters", schema: .list(.anyText), isRequired: true),
            Schema.Member(name: "organizers", schema: .list(.anyText), isRequired: true),
            Schema.Member(name: "isRegistrationModeEnabled", schema: .boolean, isRequired: true),
            Schema.Member(name: "secondJoin", schema: .nullable(CommonSchemas.secondJoin), isRequired: true),
            Schema.Member(name: "doorsOpen", schema: .nullable(EventInput.doorsOpen), isRequired: true),
            Schema.Member(name: "doorsClose", schema: .nullable(EventInput.doorsClose), isRequired: true),
            Schema.Member(name: "page", schema: EventPage.schema, isRequired: true),
            Schema.Member(name: "metadata", schema: .document, isRequired: true),
        ]
        let url = Schema.Member(name: "url", schema: .anyText, isRequired: true, description: "Where viewers go.")
        return .named(kind.operationNoun, .object(members + KeptMembers.shown(of: kind) + [url]))
    }

    static func value(_ event: Event, _ snapshot: Snapshot) -> JSONValue {
        let fields = event.fields
        let beginning = [
            JSONMember("uid", .string(event.uid)), JSONMember("companyUid", .string(event.company)),
            JSONMember("creatorUid", .string(event.creator)), JSONMember("name", .string(fields.name)),
            JSONMember("picture", text(fields.picture)),
        ]
        let rest = [
            JSONMember("timezone", .string(fields.timezone)), JSONMember("type", .string(fields.type.rawValue)),
            JSONMember("networkingHub", text(fields.networkingHub)),
            JSONMember("presenters", .array(fields.presenters.map(JSONValue.string))),
            JSONMember("organizers", .array(fields.organizers.map(JSONValue.string))),
            JSONMember("isRegistrationModeEnabled", .bool(fields.isRegistrationModeEnabled)),
            JSONMember("secondJoin", text(fields.secondJoin?.rawValue)),
            JSONMember("doorsOpen", fields.doorsOpen.map { .number(Double($0)) } ?? .null),
            JSONMember("doorsClose", fields.doorsClose.map { .number(Double($0)) } ?? .null),
            JSONMember("page", .object(CompanyPage(fields.page).members)),
            JSONMember("metadata", .object(fields.metadata)),
        ]
        let url = JSONMember("url", .string(url(event.kind, event.uid, snapshot)))
        return .object(beginning + fields.dates + rest + KeptMembers.values(event) + [url])
    }

    /// The URL at which viewers open an event.
    static func url(_ kind: EventKind, _ uid: String, _ snapshot: Snapshot) -> String {
        "\(snapshot.publicURL)/\(kind.rawValue)/\(uid)"
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}

extension EventKind {
    /// The suffix of operation ids.
    var operationNoun: String {
        switch self {
        case .event: "Event"
        case .networking: "NetworkingHub"
        }
    }

    /// The name for human readers.
    var noun: String {
        switch self {
        case .event: "event"
        case .networking: "networking hub"
        }
    }

    var tag: String {
        switch self {
        case .event: "Events"
        case .networking: "Networking hubs"
        }
    }

    /// The common prefix of the paths of its calls.
    var path: String { "/api/v1/\(rawValue)" }
}
