package import Basics

/// A member of a message's data. Messages are made by this list, and described by it.
package struct PayloadMember: Sendable {
    package indirect enum Form: Sendable {
        case text
        case uuid
        case moment
        case choice([String])
        case count
        case minutes
        /// The company's own data.
        case document
        case people([PayloadMember], upTo: Int)
    }

    package enum Presence: Sendable {
        case always
        /// `null` if there is none.
        case nullable
        /// Left out if there is none.
        case optional
    }

    package let name: String
    package let form: Form
    package let presence: Presence
    package let description: String?
    package let example: JSONValue

    init(
        _ name: String,
        _ form: Form = .text,
        _ presence: Presence = .always,
        _ description: String? = nil,
        example: JSONValue
    ) {
        self.name = name
        self.form = form
        self.presence = presence
        self.description = description
        self.example = example
    }
}

/// What the data of messages has, by type.
package enum Payload {
    /// The most participants that a message names.
    static let maxParticipants = 500
    /// The most that they may take, in bytes of JSON text.
    static let maxParticipantBytes = 256 << 10

    /// The members of a type's data, in order.
    package static func members(of type: WebhookType) -> [PayloadMember] {
        switch type {
        case .registrationCreated, .registrationUpdated, .registrationCancelled: registration
        case .sessionJoined: session
        case .sessionLeft, .sessionReplaced: session + sessionEnd
        case .viewerRemoved: removal
        case .roleChanged: role
        case .eventCreated, .eventUpdated, .eventDeleted, .eventStarted: event
        case .eventEnded: event + attendance
        }
    }

    /// The members of `webhook.test`.
    package static let test = [
        PayloadMember("webhookId", .uuid, example: .string("2c9f0c8a-6f53-4bb4-9a0e-0b7d7b1f6f11"))
    ]

    /// A type's data in its order. Leaves out what the type does not have.
    static func data(_ members: [PayloadMember], _ values: [JSONMember]) -> [JSONMember] {
        members.compactMap { member in values[member.name].map { JSONMember(member.name, $0) } }
    }

    private static let event = [
        PayloadMember("uid", .uuid, example: .string("9b2b2c5e-5d0e-4f8e-8a55-6f1d0a8b2c33")),
        PayloadMember("name", example: .string("Product launch")),
        PayloadMember(
            "startDate",
            .moment,
            .nullable,
            "null: a hub that is always open.",
            example: .string("2027-01-15T09:00:00.000Z")
        ),
        PayloadMember("endDate", .moment, .nullable, example: .string("2027-01-15T10:00:00.000Z")),
    ]

    private static let attendance = [
        PayloadMember("participantCount", .count, .always, "All of them.", example: .number(1)),
        PayloadMember(
            "participants",
            .people(participant, upTo: maxParticipants),
            .always,
            "In the order of their arrival, at most \(maxParticipants) and 256 KiB; the event's analytics have all.",
            example: .array([.object(participant.map { JSONMember($0.name, $0.example) })])
        ),
    ]

    static let participant = [
        PayloadMember("registrationId", .text, .optional, "Of a registered viewer.", example: registrationID),
        PayloadMember("userId", .text, .optional, "Of a viewer with an embed token.", example: .string("u-17")),
        PayloadMember("name", .text, .nullable, example: name),
        PayloadMember("email", .text, .nullable, example: email),
        PayloadMember("role", example: .string("attendee")),
        PayloadMember("firstJoin", .moment, example: .string("2027-01-15T08:58:12.000Z")),
        PayloadMember("lastLeave", .moment, .nullable, "null: still there.", example: .null),
        PayloadMember("minutes", .minutes, example: .number(61.5)),
    ]

    private static let registration = [
        PayloadMember("registrationId", .uuid, example: registrationID),
        PayloadMember("name", example: name),
        PayloadMember("email", example: email),
        PayloadMember("metadata", .document, .always, "The registration's.", example: metadata),
        PayloadMember("registeredAt", .moment, example: .string("2026-12-01T12:00:00.000Z")),
    ]

    private static let session = [
        PayloadMember("session", .text, .always, "Its public name.", example: .string("5f0c2d9e8a7b4c31")),
        PayloadMember("userId", example: registrationID),
        PayloadMember("role", example: .string("attendee")),
        PayloadMember("joinedAt", .moment, example: .string("2027-01-15T08:58:12.000Z")),
        PayloadMember("registrationId", .text, .optional, "Of a registered viewer.", example: registrationID),
        PayloadMember("name", .text, .optional, example: name),
        PayloadMember("email", .text, .optional, example: email),
        PayloadMember(
            "metadata",
            .document,
            .optional,
            "The registration's, if the directory has it.",
            example: metadata
        ),
    ]

    private static let sessionEnd = [
        PayloadMember("leftAt", .moment, example: .string("2027-01-15T10:01:40.000Z")),
        PayloadMember("reason", .text, .always, "Such as `left`, `replaced` or `removed`.", example: .string("left")),
    ]

    private static let removal = [
        PayloadMember("removalId", .uuid, example: .string("4d3a7a52-41a4-4f3d-9f0b-8f3f1a2b7c44")),
        PayloadMember("userId", .text, .optional, "Or `email`, or `registrationId`.", example: .string("u-17")),
        PayloadMember("email", .text, .optional, example: email),
        PayloadMember("registrationId", .text, .optional, example: registrationID),
        PayloadMember("until", .moment, .nullable, "null: for good.", example: .null),
        PayloadMember("reason", .text, .nullable, example: .string("spam")),
    ]

    private static let role = [
        PayloadMember("userId", .text, .optional, "Or `email`.", example: .string("u-17")),
        PayloadMember("email", .text, .optional, example: email),
        PayloadMember("role", .choice(ListedRole.allCases.map(\.rawValue)), example: .string("presenter")),
        PayloadMember("previousRole", .choice(ListedRole.allCases.map(\.rawValue)), example: .string("attendee")),
    ]

    private static let registrationID = JSONValue.string("7f8d3c1e-2b4a-4c6d-8e9f-0a1b2c3d4e5f")
    private static let name = JSONValue.string("Ada Lovelace")
    private static let email = JSONValue.string("ada@example.com")
    private static let metadata = JSONValue.object([JSONMember("crm", .string("a-1"))])
}

/// What an event's lists make of a person.
enum ListedRole: String, CaseIterable {
    case attendee
    case presenter
    case organizer
}
