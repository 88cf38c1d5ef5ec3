import JOSE
import Synchronization

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

/// The sessions that are under way, with their viewers: for lists and for attendance, never for a decision.
///
/// It is told by ``Admission`` when a session arrives or departs, not on every request.
package final class LiveSessions: Sendable {
    private final class Shard: Sendable {
        let sessions = Locked<[SessionID: LiveSession]>([:])
    }

    private struct Journal {
        var isKept = false
        var changes: [SessionChange] = []
    }

    private let shards = (0..<64).map { _ in Shard() }
    private let journal = Locked(Journal())
    private let directory: DirectoryView

    package init(directory: DirectoryView) { self.directory = directory }

    /// Begins to keep what happens until it is taken.
    package func keepChanges() { journal.withLock { $0.isKept = true } }

    /// What has happened since this was asked last, in order for each session.
    package func takeChanges() -> [SessionChange] {
        journal.withLock { journal in
            defer { journal.changes = [] }
            return journal.changes
        }
    }

    /// The sessions of a company's event, with the roles that they have now, earliest first.
    package func list(company: String, event: String) -> [LiveSession] {
        all { $0.event.hasSameBytes(as: event) && $0.company.hasSameBytes(as: company) }
    }

    /// All sessions that `isIncluded`, with the roles that they have now, earliest first.
    package func all(where isIncluded: (LiveSession) -> Bool = { _ in true }) -> [LiveSession] {
        var found: [LiveSession] = []
        for shard in shards {
            let sessions = shard.sessions.withLock { $0 }
            for session in sessions.values where isIncluded(session) { found.append(withPresentRole(session)) }
        }
        return found.sorted { $0.id < $1.id }
    }

    package var count: Int { shards.reduce(0) { $0 + $1.sessions.withLock { $0.count } } }

    /// A session is under way. To be told so again changes nothing.
    func arrived(_ session: LiveSession) {
        let isNew = shard(session.id).sessions.withLock { sessions in
            guard sessions[session.id] == nil else { return false }
            sessions[session.id] = session
            return true
        }
        if isNew { write(.arrived(session)) }
    }

    /// A session is over.
    func departed(_ id: SessionID, _ ending: SessionEnding, at moment: Milliseconds) {
        guard let session = shard(id).sessions.withLock({ $0.removeValue(forKey: id) }) else { return }
        write(.departed(session, ending, at: moment))
    }

    private func write(_ change: SessionChange) {
        journal.withLock { if $0.isKept { $0.changes.append(change) } }
    }

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

    private func shard(_ id: SessionID) -> Shard { shards[Int(truncatingIfNeeded: id.random1 >> 40) & 63] }
}
