/// What a viewer may do in the event.
package enum Role: UInt8, Sendable, CaseIterable {
    case attendee
    case host

    /// The name sent to the upstream.
    package var name: String {
        switch self {
        case .attendee: "attendee"
        case .host: "host"
        }
    }
}

/// The list of an event that makes a viewer a host.
package enum Listing: UInt8, Sendable, CaseIterable {
    case presenter
    case organizer

    /// The name sent to the upstream.
    package var name: String {
        switch self {
        case .presenter: "presenter"
        case .organizer: "organizer"
        }
    }
}
