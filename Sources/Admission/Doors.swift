/// The time in which an event lets attendees in; hosts come in at any time.
package struct Doors: Sendable, Equatable {
    /// Nil: they have always been open.
    package var opensAt: Milliseconds?
    /// Nil: they stay open.
    package var closesAt: Milliseconds?

    package init(opensAt: Milliseconds? = nil, closesAt: Milliseconds? = nil) {
        self.opensAt = opensAt
        self.closesAt = closesAt
    }

    /// Why an attendee is not let in; nil: the doors are open.
    func refusal(at now: Milliseconds) -> Refusal? {
        if let closesAt, now >= closesAt { return .eventOver }
        if let opensAt, now < opensAt { return .notOpen }
        return nil
    }
}
