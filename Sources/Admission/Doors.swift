package import Basics

/// The time in which an event lets attendees in. Hosts may come in at any time.
package struct Doors: Sendable, Equatable {
    /// `nil` if they have always been open.
    package var opensAt: Milliseconds?
    /// `nil` if they stay open.
    package var closesAt: Milliseconds?

    package init(opensAt: Milliseconds? = nil, closesAt: Milliseconds? = nil) {
        self.opensAt = opensAt
        self.closesAt = closesAt
    }

    /// Why an attendee is not let in. Returns `nil` if the doors are open.
    func refusal(at now: Milliseconds) -> Refusal? {
        if let closesAt, now >= closesAt { return .eventOver }
        if let opensAt, now < opensAt { return .notOpen }
        return nil
    }
}
