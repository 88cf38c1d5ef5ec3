import Basics

/// What the directory says about a viewer at an event, whatever the time.
///
/// It holds until the directory changes, so a viewer's requests look it up once and then compare versions.
final class ViewerStanding: Sendable {
    private enum Event: Sendable {
        /// The directory does not have the event.
        case unknown
        case known
        /// Deleted.
        case removed
        /// Another company's, deleted or not.
        case foreign
    }

    /// The ``DirectoryView/version`` in which it was looked up.
    let version: UInt64
    private let event: Event
    /// The list of the event that contains the viewer.
    let listing: Listing?
    /// The event's own rule for a second join.
    let secondJoin: SecondJoin?
    let doors: Doors
    /// When the event closes to this viewer; `.max` if never.
    private let closesAt: Milliseconds
    private let registrationIsRemoved: Bool
    /// When the last removal of the viewer ends; `.min` if there is none, `.max` if it never ends.
    private let removedUntil: Milliseconds

    /// - Parameters:
    ///   - entry: of the event.
    ///   - registrationIsRemoved: whether the viewer's registration was deleted.
    init(
        of viewer: Viewer,
        _ entry: DirectoryView.Entry,
        registrationIsRemoved: Bool,
        version: UInt64
    ) {
        self.version = version
        self.registrationIsRemoved = registrationIsRemoved
        removedUntil = entry.removals.map { $0.end(for: viewer) }.max() ?? .min
        var record: EventRecord?
        switch entry.standing {
        case .unknown: event = .unknown
        case .removed(let company): event = company.hasSameBytes(as: viewer.company) ? .removed : .foreign
        case .known(let known) where !known.company.hasSameBytes(as: viewer.company): event = .foreign
        case .known(let known):
            event = .known
            record = known
        }
        listing = record?.listing(of: viewer.identities)
        secondJoin = record?.secondJoin
        doors = record?.doors ?? Doors()
        closesAt = viewer.closesWithEvent ? record?.closesAt ?? .max : .max
    }

    /// Whether the directory has or had the event. It does not say whose the others are.
    var isOfKnownEvent: Bool { event != .unknown }

    /// When a viewer who was removed for a time is let in again. `nil` if never: the event closes before.
    private var returnsAt: Milliseconds? {
        let doors = listing == nil ? doors : Doors()
        let moment = max(removedUntil, doors.opensAt ?? .min)
        return moment < min(closesAt, doors.closesAt ?? .max) ? moment : nil
    }

    /// What keeps the viewer out at this time, as far as the directory knows.
    func barrier(at now: Milliseconds) -> Barrier? {
        switch event {
        case .unknown: break
        case .known: if now >= closesAt { return Barrier(.tokenExpired) }
        case .removed: return Barrier(.registrationRemoved)
        case .foreign: return Barrier(.wrongEvent)
        }
        if registrationIsRemoved { return Barrier(.registrationRemoved) }
        if now < removedUntil { return Barrier(.viewerRemoved, isGoneAt: returnsAt) }
        guard listing == nil, let refusal = doors.refusal(at: now) else { return nil }
        return Barrier(refusal, isGoneAt: refusal == .notOpen ? doors.opensAt : nil)
    }
}
