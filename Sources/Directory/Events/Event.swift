package import Admission
package import Basics

/// A webinar or a networking hub as its company created it.
package struct Event: Sendable, Equatable {
    /// A UUID in lower case, used in paths and tokens.
    package let uid: String
    package let kind: EventKind
    /// The company that owns the event.
    package let company: String
    /// The id of the API client that created it.
    package let creator: String
    package let createdAt: Milliseconds
    package var fields: EventFields
}

/// Where an event's people are.
package enum EventType: String, Sendable, CaseIterable {
    case virtual = "Virtual"
    case liveStreamInPerson = "LiveStreamInPerson"
}

/// What a company may say about an event, and change later.
package struct EventFields: Sendable, Equatable {
    package var name: String
    /// The URL of a picture.
    package var picture: String?
    package var startsAt: Milliseconds
    package var endsAt: Milliseconds
    /// A name from the IANA time zone database: the zone in which people read the dates.
    package var timezone: String
    package var type: EventType = .virtual
    /// The uid of the networking hub that belongs to a webinar.
    package var networkingHub: String?
    /// User ids and e-mails as entered, each person once.
    package var presenters: [String] = []
    package var organizers: [String] = []
    package var isRegistrationModeEnabled = false
    /// The event's own rule for a second join; `nil` for the configured one.
    package var secondJoin: SecondJoin?
    /// How many minutes before the start attendees are let in; `nil` for no limit.
    package var doorsOpen: Int?
    /// How many minutes after the end attendees are let in and may stay; `nil` for no limit.
    package var doorsClose: Int?
    /// The company's own data, returned unchanged.
    package var metadata: [JSONMember] = []
    /// What the gateway's pages show that differs from the company's: names and texts.
    package var page: [JSONMember] = []
    /// What the platform's clients say about an event and the gateway has no use for, returned unchanged.
    package var extras: [JSONMember] = []

    package init(name: String, startsAt: Milliseconds, endsAt: Milliseconds, timezone: String) {
        self.name = name
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.timezone = timezone
    }
}

extension EventFields {
    /// The dates of a networking hub that is always open. The last one is past all that clients can write.
    package static let always = 0..<Timestamp.last + 1

    /// Whether it begins and ends; false for a networking hub that is always open.
    package var hasDates: Bool { Event.hasDates(endsAt: endsAt) }

    /// The dates in answers and messages; null if it has none.
    package var dates: [JSONMember] {
        func text(_ moment: Milliseconds) -> JSONValue { hasDates ? .string(Timestamp.text(moment)) : .null }
        return [JSONMember("startDate", text(startsAt)), JSONMember("endDate", text(endsAt))]
    }
}
