import Admission
import Basics
import Directory
import HTTPTypes

/// Calls of the platform that have no counterpart among the gateway's own.
enum PlatformCalls {
    static let calls = [children, createHub, participants]

    private static let children = Call(
        method: .get,
        path: "/api/v1/company/{companyId}/list",
        id: "listCompanies",
        summary: "The company's child companies, of which there are none",
        tag: "Company",
        success: Call.Success(schema: .list(CompanyCalls.schema), description: "An empty list"),
        faults: [404],
        handler: .company { incoming, tenant in
            try incoming.checkOwnCompany(tenant)
            return Answer(.array([]))
        }
    )

    /// A hub in the platform's form: it has no dates.
    private static let createHub = Call(
        method: .post,
        path: "/api/v1/networking",
        id: "createHub",
        summary: "Makes a networking hub that is always open",
        tag: EventKind.networking.tag,
        body: .named(
            "NewHub",
            .input([
                Schema.Member(name: "friendlyName", schema: CommonSchemas.name, isRequired: true),
                Schema.Member(
                    name: "organizers",
                    schema: .nullable(.list(CommonSchemas.person, upTo: EventInput.maxPeople)),
                    isRequired: true,
                    description: "User ids or e-mails."
                ),
                Schema.Member(
                    name: "networkingHubRooms",
                    schema: KeptMembers.rooms,
                    isRequired: true,
                    description: "The hub's rooms. Kept and returned, without effect."
                ),
                Schema.Member(
                    name: "company",
                    schema: .nullable(.text(Text(kind: .plain, maxLength: 64))),
                    description: "The company of the token."
                ),
                Schema.Member(
                    name: "whitelabel",
                    schema: .nullable(KeptMembers.whitelabel),
                    description: "What the hub hides. Kept and returned, without effect."
                ),
            ])
        ),
        success: EventCalls(kind: .networking).shown,
        faults: [404],
        links: EventCalls(kind: .networking).links,
        handler: .company { incoming, tenant in
            try await EventCalls.create(EventInput(kind: .networking), incoming, tenant)
        }
    )

    private static let participants = Call(
        method: .get,
        path: "\(EventKind.networking.path)/{id}/participantsList",
        id: "listNetworkingHubParticipants",
        summary: "Who is there now, each person once, in the order of arrival",
        tag: EventKind.networking.tag,
        success: Call.Success(
            schema: .list(
                .named(
                    "HubParticipant",
                    .object([
                        Schema.Member(
                            name: "meta",
                            schema: .object(
                                ["userId", "username", "email", "avatar"].map {
                                    Schema.Member(name: $0, schema: .anyText, isRequired: true)
                                }
                            ),
                            isRequired: true,
                            description: "What is not known is empty."
                        ),
                        Schema.Member(
                            name: "when",
                            schema: .integer(0...Int(Timestamp.last)),
                            isRequired: true,
                            description: "The arrival, in milliseconds since 1970."
                        ),
                    ])
                )
            ),
            description: "The people"
        ),
        faults: [404],
        cost: .list,
        handler: .company { incoming, tenant in
            let live = try await AttendanceCalls.live(.networking, incoming, tenant)
            var known: Set<ExactText> = []
            let first = live.filter { known.insert(ExactText($0.viewer.userID)).inserted }
            return Answer(.array(first.map(participant)))
        }
    )

    private static func participant(_ session: LiveSession) -> JSONValue {
        let viewer = session.viewer
        return .object([
            JSONMember(
                "meta",
                .object([
                    JSONMember("userId", .string(viewer.userID)), JSONMember("username", .string(viewer.name ?? "")),
                    JSONMember("email", .string(viewer.email ?? "")),
                    JSONMember("avatar", .string(viewer.avatar ?? "")),
                ])
            ),
            JSONMember("when", .number(Double(session.id.joinedAt))),
        ])
    }
}
