import Basics
import Synchronization

extension DirectoryView {
    /// What a view says was deleted.
    package struct Deleted: Sendable {
        package var events: [(uid: String, company: String)] = []
        package var registrations: [SubjectKey] = []
    }

    /// Takes over everything from a view that nobody else uses.
    ///
    /// - Returns: what was deleted according to it, and was not before.
    package func become(_ other: DirectoryView) -> Deleted {
        var deleted = Deleted()
        for (box, fresh) in zip(shards, other.shards) {
            let next = fresh.contents.withLock { $0 }
            let before = box.contents.withLock { shard in
                defer { shard = next }
                return shard
            }
            for (id, entry) in next.events {
                guard case .removed(let company) = entry.standing else { continue }
                if case .removed? = before.events[id]?.standing { continue }
                deleted.events.append((String(decoding: id.bytes, as: UTF8.self), company))
            }
            deleted.registrations += next.removedRegistrations.subtracting(before.removedRegistrations)
        }
        changed()
        return deleted
    }
}
