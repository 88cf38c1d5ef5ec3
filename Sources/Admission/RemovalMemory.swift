package import Basics
import Synchronization

/// Keeps removals in memory, for a gateway without a directory.
package final class RemovalMemory: RemovalKeeper {
    package let place = RemovalPlace.memory
    private let view: DirectoryView
    private let clock: @Sendable () -> Milliseconds
    let all = Mutex<[Removal]>([])
    /// The process that has taken this one's place. Changed only while `all` is locked.
    let successor = Mutex<(any MemorySuccessor)?>(nil)

    /// - Parameter clock: the time of day.
    package init(view: DirectoryView, clock: @escaping @Sendable () -> Milliseconds) {
        self.view = view
        self.clock = clock
    }

    package func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal {
        let now = clock()
        let kept: Result<Removal, RemovalFault> = all.withLock { all in
            drop(from: &all) { $0.isOver(at: now) }
            let theirs = all.filter { $0.company.hasSameBytes(as: company) }
            let there = theirs.filter { $0.event.hasSameBytes(as: event) }
            let known = there.first { $0.person == person }
            guard known != nil || there.count < Removal.maxPerEvent else { return .failure(.eventIsFull) }
            guard known != nil || theirs.count < Removal.maxPerCompany else { return .failure(.companyIsFull) }
            let removal = Removal(
                id: known?.id ?? UUIDText.random(),
                company: company,
                event: event,
                person: person,
                until: until,
                reason: reason,
                createdAt: known?.createdAt ?? now
            )
            add(removal, to: &all)
            return .success(removal)
        }
        return try kept.get()
    }

    /// Adds a removal that another process has passed, or changes it.
    func add(_ removal: Removal) { all.withLock { add(removal, to: &$0) } }

    private func add(_ removal: Removal, to all: inout [Removal]) {
        all.removeAll { $0.id.hasSameBytes(as: removal.id) }
        all.append(removal)
        view.add(removal)
        pass { $0.give(removals: Self.bytes([removal])) }
    }

    /// Tells the process that has taken this one's place, if there is one.
    private func pass(_ tell: (any MemorySuccessor) -> Bool) {
        successor.withLock { successor in
            if let known = successor, !tell(known) { successor = nil }
        }
    }

    package func removals(company: String?, event: String?) async throws -> [Removal] {
        let now = clock()
        return all.withLock { all in
            all.filter { !$0.isOver(at: now) && Self.isIn($0, company, event) }
        }.sorted { $0.createdAt < $1.createdAt }
    }

    package func lift(_ id: String, company: String?, event: String?) async throws -> Removal? {
        liftNow(id, company: company, event: event)
    }

    @discardableResult
    package func liftNow(_ id: String, company: String? = nil, event: String? = nil) -> Removal? {
        all.withLock { all in
            let lifted = all.first { $0.id.hasSameBytes(as: id) && Self.isIn($0, company, event) }
            if lifted != nil {
                drop(from: &all) { $0.id.hasSameBytes(as: id) }
                pass { $0.lift(removal: id) }
            }
            return lifted
        }
    }

    /// Does nothing: the lease table remembers them for as long as the process runs.
    package func keep(_ ended: [EndedSession]) async throws {}

    private func drop(from all: inout [Removal], where isDropped: (Removal) -> Bool) {
        for removal in all where isDropped(removal) { view.lift(removal) }
        all.removeAll(where: isDropped)
    }

    private static func isIn(_ removal: Removal, _ company: String?, _ event: String?) -> Bool {
        (company.map { removal.company.hasSameBytes(as: $0) } ?? true)
            && (event.map { removal.event.hasSameBytes(as: $0) } ?? true)
    }
}
