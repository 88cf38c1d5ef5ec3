import Synchronization

/// Sessions whose MAC was checked lately, so that a viewer without a lease does not cost one on every request.
///
/// Direct-mapped and of fixed size: a session is found at its own random bits or not at all. What is not found is
/// checked again.
final class ProvenSessions: Sendable {
    private struct Entry {
        let session: PresentedSession
        let subject: SubjectKey
    }

    private final class Shard: Sendable {
        let entries = Locked([Entry?](repeating: nil, count: ProvenSessions.entriesPerShard))
    }

    private static let entriesPerShard = 128
    private let shards: [Shard] = (0..<32).map { _ in Shard() }

    func contains(_ session: PresentedSession, of subject: SubjectKey) -> Bool {
        shard(for: session).entries.withLock { entries in
            guard let entry = entries[place(of: session)] else { return false }
            return entry.session == session && entry.subject == subject
        }
    }

    func insert(_ session: PresentedSession, of subject: SubjectKey) {
        shard(for: session).entries.withLock { entries in
            entries[place(of: session)] = Entry(session: session, subject: subject)
        }
    }

    private func shard(for session: PresentedSession) -> Shard {
        shards[Int(truncatingIfNeeded: session.id.random0 >> 32) & (shards.count - 1)]
    }

    private func place(of session: PresentedSession) -> Int {
        Int(truncatingIfNeeded: session.id.random0) & (Self.entriesPerShard - 1)
    }
}
