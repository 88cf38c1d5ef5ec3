package import Basics

/// A session that is under way, with its viewer.
package struct LiveSession: Sendable {
    package let id: SessionID
    /// Its place in the lease table.
    let key: SubjectKey
    package let viewer: Viewer
    /// The event that the stay is in; empty for none.
    package let event: String
    package let role: Role
    /// When it began, as far as this process knows.
    package let since: Milliseconds
    package var source = ArrivalSource()

    /// The session's public name; see ``SessionID/name``.
    package var name: String { id.name }
    package var company: String { viewer.company }
    package var isLeased: Bool { viewer.isLeased }
}

/// How a session ended.
package enum SessionEnding: String, Sendable, CaseIterable {
    /// Its holder said goodbye.
    case left
    /// It was not heard of for the idle timeout, or could no longer go on when its viewer joined again.
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

/// Something that happened to a session, for attendance.
package enum SessionChange: Sendable {
    case arrived(LiveSession)
    case departed(LiveSession, SessionEnding, at: Milliseconds)

    package var session: LiveSession {
        switch self {
        case .arrived(let session), .departed(let session, _, _): session
        }
    }
}

/// The stay that begins when a session joins or returns.
package struct Arrival: Sendable {
    package let viewer: Viewer
    /// The event that the stay is in; empty for none.
    package let event: String
    package let role: Role
    package let source: ArrivalSource

    package init(viewer: Viewer, event: String, role: Role, source: ArrivalSource = ArrivalSource()) {
        self.viewer = viewer
        self.event = event
        self.role = role
        self.source = source
    }
}

/// The sessions under way with their viewers: for lists and attendance, never for a decision.
///
/// The lease table keeps them under the locks of its shards, so that the list and the leases agree at every moment.
package final class LiveSessions: Sendable {
    private let leases: LeaseTable
    private let directory: DirectoryView

    init(leases: LeaseTable, directory: DirectoryView) {
        self.leases = leases
        self.directory = directory
    }

    /// Starts keeping arrivals and departures until they are taken.
    package func keepChanges() { leases.keepChanges() }

    /// Takes what has happened since the last call, in order for each session.
    package func takeChanges() -> [SessionChange] { leases.takeChanges() }

    /// The sessions of a company's event with their present roles, earliest first.
    package func list(company: String, event: String) -> [LiveSession] {
        all { $0.event.hasSameBytes(as: event) && $0.company.hasSameBytes(as: company) }
    }

    /// All sessions for which `isIncluded` holds, with their present roles, earliest first.
    package func all(where isIncluded: (LiveSession) -> Bool = { _ in true }) -> [LiveSession] {
        var found: [LiveSession] = []
        leases.forEachListed { if isIncluded($0) { found.append(withPresentRole($0)) } }
        return found.sorted { $0.id < $1.id }
    }

    /// The latest sessions for which `isIncluded` holds, with their present roles, latest first.
    ///
    /// Looks at every session, one shard at a time, and keeps no more than it returns.
    ///
    /// - Parameters:
    ///   - count: the most to return. Must be positive.
    ///   - bound: only those that joined before this one. `nil` for all.
    /// - Returns: the sessions, and how many there are in all, bound or not.
    package func latest(
        _ count: Int,
        before bound: SessionID? = nil,
        where isIncluded: (LiveSession) -> Bool = { _ in true }
    ) -> (sessions: [LiveSession], total: Int) {
        var (kept, total): ([LiveSession], Int) = ([], 0)
        /// What joined before this one is not among the latest.
        var floor: SessionID?
        leases.forEachListed { session in
            guard isIncluded(session) else { return }
            total += 1
            if let bound, !(session.id < bound) { return }
            if let floor, session.id < floor { return }
            kept.append(session)
            guard kept.count == 2 * count else { return }
            kept.sort { $1.id < $0.id }
            kept.removeLast(count)
            floor = kept.last?.id
        }
        kept.sort { $1.id < $0.id }
        return (kept.prefix(count).map(withPresentRole), total)
    }

    /// The session with this public name.
    package func session(named name: String) -> LiveSession? {
        var found: LiveSession?
        leases.forEachListed { if $0.name.hasSameBytes(as: name) { found = $0 } }
        return found.map(withPresentRole)
    }

    package var count: Int { leases.listedCount }

    /// How many have begun and ended since the process started.
    package var tally: SessionTally { leases.tally }

    private func withPresentRole(_ session: LiveSession) -> LiveSession {
        guard let record = directory.event(session.event) else { return session }
        return LiveSession(
            id: session.id,
            key: session.key,
            viewer: session.viewer,
            event: session.event,
            role: record.listing(of: session.viewer) == nil ? .attendee : .host,
            since: session.since,
            source: session.source
        )
    }
}
