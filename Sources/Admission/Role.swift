/// What a viewer may do in the event.
package enum Role: UInt8, Sendable, CaseIterable {
    case attendee
    case host

    /// The name that the upstream is told.
    package var name: String {
        switch self {
        case .attendee: "attendee"
        case .host: "host"
        }
    }
}

/// Which of an event's lists makes somebody a host.
package enum Listing: UInt8, Sendable, CaseIterable {
    case presenter
    case organizer

    /// The name that the upstream is told.
    package var name: String {
        switch self {
        case .presenter: "presenter"
        case .organizer: "organizer"
        }
    }
}
