package import Admission
package import JOSE

/// A webinar or a networking hub as its company made it.
package struct Event: Sendable, Equatable {
    /// A UUID in lower case: what paths and tokens call the event.
    package let uid: String
    package let kind: EventKind
    /// The company whose event it is.
    package let company: String
    /// Who made it: the API client's id.
    package let creator: String
    package let createdAt: Milliseconds
    package var fields: EventFields
}

/// Where the people of an event are.
package enum EventType: String, Sendable, CaseIterable {
    case virtual = "Virtual"
    case liveStreamInPerson = "LiveStreamInPerson"
}

/// What a company may say of an event, and change later.
package struct EventFields: Sendable, Equatable {
    package var name: String
    /// The address of a picture.
    package var picture: String?
    package var startsAt: Milliseconds
    package var endsAt: Milliseconds
    /// A name of the IANA time zone database: where people read the dates.
    package var timezone: String
    package var type: EventType = .virtual
    /// The networking hub that belongs to a webinar, by its uid.
    package var networkingHub: String?
    /// User ids and e-mails as they were entered, each person once.
    package var presenters: [String] = []
    package var organizers: [String] = []
    package var isRegistrationModeEnabled = false
    /// The event's own rule for a second join; nil: the configured one.
    package var secondJoin: SecondJoin?
    /// How many minutes before the start attendees are let in; nil: at any time before it.
    package var doorsOpen: Int?
    /// How many minutes after the end attendees are let in and stay; nil: at any time after it.
    package var doorsClose: Int?
    /// The company's own data, returned as it came.
    package var metadata: [JSONMember] = []

    package init(name: String, startsAt: Milliseconds, endsAt: Milliseconds, timezone: String) {
        self.name = name
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.timezone = timezone
    }
}
