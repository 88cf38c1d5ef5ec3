import Admission
import Basics
import Directory

/// Members that the platform's clients send. The gateway has no use for those of the first kind; it keeps them and
/// returns them in answers.
enum KeptMembers {
    private static let maxRooms = 200

    /// What is kept.
    static func kept(of kind: EventKind) -> [Schema.Member] {
        switch kind {
        case .event: ofEvents
        case .networking: ofHubs
        }
    }

    private static let ofEvents =
        [
            ("autoSelectLatestReplay", "Whether the latest replay is shown."),
            ("disableEventRecording", "Whether the event is not recorded."),
            ("isAttendeeRegistrationModeEnabled", "Whether attendees need a code. Here all of them need their link."),
            ("isPresenterRegistrationModeEnabled", "Whether presenters need a code. Here all of them need their link."),
        ].map { Schema.Member(name: $0.0, schema: .nullable(.boolean), description: kept($0.1)) } + [
            Schema.Member(
                name: "closeCaptioningSettings",
                schema: .nullable(
                    .input([
                        Schema.Member(
                            name: "transcription",
                            schema: .nullable(.input([Schema.Member(name: "enabled", schema: .nullable(.boolean))]))
                        )
                    ])
                ),
                description: kept("Automatic captions.")
            ),
            Schema.Member(
                name: "bannerUrl",
                schema: CommonSchemas.optional(.url, 2048),
                description: kept("A picture for the event's page.")
            ),
        ]

    private static let ofHubs = [
        Schema.Member(name: "networkingHubRooms", schema: .nullable(rooms), description: kept("The hub's rooms.")),
        Schema.Member(name: "whitelabel", schema: .nullable(whitelabel), description: kept("What the hub hides.")),
    ]

    static let rooms = Schema.list(
        .named(
            "NetworkingHubRoom",
            .input([
                Schema.Member(name: "name", schema: CommonSchemas.name, isRequired: true),
                Schema.Member(name: "maxSlots", schema: .integer(0...1_000_000), isRequired: true),
            ])
        ),
        upTo: maxRooms
    )

    static let whitelabel = Schema.named(
        "NetworkingHubWhitelabel",
        .input(hidden.map { Schema.Member(name: $0, schema: .nullable(.boolean)) })
    )

    private static let hidden = ["hidePagination", "hideChat", "hideRandomUserMingle"]

    private static func kept(_ description: String) -> String { "\(description) Kept and returned, without effect." }

    /// What is kept, and what has another name or no place here.
    static func all(of kind: EventKind) -> [Schema.Member] {
        switch kind {
        case .event: ofEvents + [hosts] + secrets
        case .networking: [friendlyName] + ofHubs
        }
    }

    private static let friendlyName = Schema.Member(
        name: "friendlyName",
        schema: .nullable(CommonSchemas.name),
        description: "The same as name. In a change, the one of the two that differs from the present name counts."
    )

    private static let hosts = Schema.Member(
        name: "hosts",
        schema: .nullable(.list(CommonSchemas.person, upTo: EventInput.maxPeople)),
        description: "The same as organizers, which wins."
    )

    /// Nobody must believe that a passcode guards an event.
    private static let secrets =
        ["attendeePasscode", "presenterPasscode", "hostPasscode", "privateEventInfo"].map { name in
            Schema.Member(
                name: name,
                schema: .nothing("there are no passcodes here, every viewer has a link of their own"),
                description: "Always null: there are no passcodes here, every viewer has a link of their own."
            )
        }

    /// Keeps what the body names. `null` removes it.
    static func apply(_ body: Members, _ kind: EventKind, to fields: inout EventFields) {
        for member in kept(of: kind) where body.has(member.name) {
            fields.extras.removeAll { $0.name.hasSameBytes(as: member.name) }
            if let value = body.value(member.name) { fields.extras.append(JSONMember(member.name, value)) }
        }
    }

    /// What an answer says of it.
    static func values(_ event: Event) -> [JSONMember] {
        let extras = event.fields.extras
        switch event.kind {
        case .event:
            return ofEvents.map { JSONMember($0.name, extras[$0.name] ?? .null) } + [
                JSONMember("privateEventInfo", .null)
            ]
        case .networking:
            var hides: [JSONMember] = []
            if case .object(let members)? = extras["whitelabel"] { hides = members }
            return [
                JSONMember("friendlyName", .string(event.fields.name)), JSONMember("company", .string(event.company)),
                JSONMember("networkingHubRooms", extras["networkingHubRooms"] ?? .array([])),
                JSONMember(
                    "whitelabel",
                    .object(
                        hidden.map { name in
                            JSONMember(name, hides[name].flatMap { $0 == .null ? nil : $0 } ?? .bool(false))
                        }
                    )
                ),
            ]
        }
    }

    /// Their schemas in answers.
    static func shown(of kind: EventKind) -> [Schema.Member] {
        switch kind {
        case .event:
            ofEvents.map {
                Schema.Member(name: $0.name, schema: $0.schema, isRequired: true, description: $0.description)
            } + [
                Schema.Member(
                    name: "privateEventInfo",
                    schema: .nothing("there are no passcodes"),
                    isRequired: true,
                    description: "Always null."
                )
            ]
        case .networking:
            [
                Schema.Member(name: "friendlyName", schema: .anyText, isRequired: true, description: "The name."),
                Schema.Member(name: "company", schema: .anyText, isRequired: true, description: "The company's id."),
                Schema.Member(name: "networkingHubRooms", schema: rooms, isRequired: true),
                Schema.Member(name: "whitelabel", schema: whitelabel, isRequired: true),
            ]
        }
    }
}
