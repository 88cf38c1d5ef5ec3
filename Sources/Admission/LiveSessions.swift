import JOSE

/// A session that is under way, and whose it is.
package struct LiveSession: Sendable {
    package let id: SessionID
    /// Its place in the lease table.
    let key: SubjectKey
    package let viewer: Viewer
    /// The event that it is a stay in; empty for none.
    package let event: String
    package let role: Role
    /// Since when it is under way, as far as this process knows.
    package let since: Milliseconds

    /// What the session is called outside; see ``SessionID/name``.
    package var name: String { id.name }
    package var company: String { viewer.company }
    package var isLeased: Bool { viewer.isLeased }
}

/// How a session ended.
package enum SessionEnding: String, Sendable, CaseIterable {
    /// Its holder said goodbye.
    case left
    /// Nothing was heard of it for the idle timeout.
    case lapsed
    /// Another join took its lease.
    case replaced
    /// An operator or the company ended it.
    case ended
    /// Its registration or event was deleted.
    case removed
    /// The gateway stopped.
    case stopped
}

/// What happened to a session, for attendance.
package enum SessionChange: Sendable {
    case arrived(LiveSession)
    case departed(LiveSession, SessionEnding, at: Milliseconds)
}

/// Whose stay it is that begins with a join or a session's return.
package struct Arrival: Sendable {
    package let viewer: Viewer
    /// The event that it is a stay in; empty for none.
    package let event: String
    package let role: Role

    package init(viewer: Viewer, event: String, role: Role) {
        self.viewer = viewer
        self.event = event
        self.role = role
    }
}

/// The sessions that are under way, with their viewers: for lists and for attendance, never for a decision.
///
/// They are kept by the lease table, under the locks of its shards, so that who is listed and who holds a lease are the
/// same at every moment.
package final class LiveSessions: Sendable {
    private let leases: LeaseTable
    private let directory: DirectoryView

    init(leases: LeaseTable, directory: DirectoryView) {
        self.leases = leases
        self.directory = directory
    }

    /// Begins to keep what happens until it is taken.
    package func keepChanges() { leases.keepChanges() }

    /// What has happened since this was asked last, in order for each session.
    package func takeChanges() -> [SessionChange] { leases.takeChanges() }

    /// The sessions of a company's event, with the roles that they have now, earliest first.
    package func list(company: String, event: String) -> [LiveSession] {
        all { $0.event.hasSameBytes(as: event) && $0.company.hasSameBytes(as: company) }
    }

    /// All sessions that `isIncluded`, with the roles that they have now, earliest first.
    package func all(where isIncluded: (LiveSession) -> Bool = { _ in true }) -> [LiveSession] {
        var found: [LiveSession] = []
        leases.forEachListed { if isIncluded($0) { found.append(withPresentRole($0)) } }
        return found.sorted { $0.id < $1.id }
    }

    package var count: Int { leases.listedCount }

    private func withPresentRole(_ session: LiveSession) -> LiveSession {
        guard let record = directory.event(session.event) else { return session }
        return LiveSession(
            id: session.id,
            key: session.key,
            viewer: session.viewer,
            event: session.event,
            role: record.listing(of: session.viewer) == nil ? .attendee : .host,
            since: session.since
        )
    }
}
