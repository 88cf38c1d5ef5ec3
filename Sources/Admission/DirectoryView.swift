import Basics
package import JOSE
import Synchronization

/// What an event is, which is also how its address begins.
package enum EventKind: String, Sendable, CaseIterable {
    /// A webinar: `/event/{uid}`.
    case event
    /// A networking hub: `/networking/{uid}`.
    case networking
}

/// What the directory says of an event.
package struct EventRecord: Sendable {
    /// The company whose event it is.
    package let company: String
    package let kind: EventKind
    /// User ids and e-mails, as ``listedIdentity(_:)`` has them.
    package let presenters: Set<ExactText>
    package let organizers: Set<ExactText>
    /// The event's own rule for a second join; nil: the configured one.
    package let secondJoin: SecondJoin?
    /// When registration tokens of ours stop being good, whatever they say; nil: they say it themselves.
    package let closesAt: Milliseconds?
    package let doors: Doors

    /// - Parameters:
    ///   - presenters: user ids and e-mails as they were entered.
    ///   - organizers: likewise.
    package init(
        company: String,
        kind: EventKind = .event,
        presenters: [String] = [],
        organizers: [String] = [],
        secondJoin: SecondJoin? = nil,
        closesAt: Milliseconds? = nil,
        doors: Doors = Doors()
    ) {
        self.company = company
        self.kind = kind
        self.presenters = Self.identities(presenters)
        self.organizers = Self.identities(organizers)
        self.secondJoin = secondJoin
        self.closesAt = closesAt
        self.doors = doors
    }

    /// The list that has one of the identities, as ``listedIdentity(_:)`` has them.
    package func listing(of identities: [ExactText]) -> Listing? {
        if presenters.isEmpty && organizers.isEmpty { return nil }
        for identity in identities {
            if presenters.contains(identity) { return .presenter }
            if organizers.contains(identity) { return .organizer }
        }
        return nil
    }

    /// The entries without the blanks at their ends, which earlier versions have kept.
    private static func identities(_ texts: [String]) -> Set<ExactText> {
        Set(texts.map(trimmed).filter { !$0.isEmpty }.map(listedIdentity))
    }
}

/// The data plane's view of the directory: which events there are, and what was deleted.
///
/// Empty when no directory is configured; then no event is known and none is denied. The control plane writes it, every
/// request reads it: a change acts at once.
package final class DirectoryView: Sendable {
    /// What is known of an event.
    package enum Standing: Sendable {
        case unknown
        case known(EventRecord)
        /// Deleted; it was this company's.
        case removed(company: String)
    }

    /// All that is known under an event's id.
    struct Entry: Sendable {
        var standing = Standing.unknown
        /// One for each company that has removed somebody; events that the directory does not know may share an id.
        var removals: [EventRemovals] = []

        /// Whether the viewer was sent away.
        func hasRemoved(_ viewer: Viewer, at now: Milliseconds) -> Bool {
            removals.contains { $0.haveRemoved(viewer, at: now) }
        }
    }

    private struct Shard {
        var events: [EventID: Entry] = [:]
        var removedRegistrations: Set<SubjectKey> = []
        var people: [JoinCode: PackedPerson] = [:]
        /// Sessions that were ended for good, by the bits that name them, and until when they would be good.
        var endedSessions: [UInt64: Milliseconds] = [:]
        /// The codes of registrations that were deleted, or whose events were.
        var removedCodes: Set<JoinCode> = []
    }

    private final class ShardBox: Sendable {
        let contents = Locked(Shard())
    }

    private let shards: [ShardBox] = (0..<64).map { _ in ShardBox() }
    /// Set with the first entry, so that without a directory no request takes a lock.
    private let isUsed = Atomic<Bool>(false)
    private let changes = Atomic<UInt64>(0)

    package init() {}

    /// Another number after each change that may end what is open.
    package var changeCount: UInt64 { changes.load(ordering: .acquiring) }

    /// The event's record, if the directory has it.
    package func event(_ id: String) -> EventRecord? {
        guard case .known(let record) = standing(ofEvent: EventID(Array(id.utf8))) else { return nil }
        return record
    }

    /// Adds an event, or replaces what is known of it. A removed one is back.
    package func set(_ record: EventRecord, for id: String) {
        let id = EventID(Array(id.utf8))
        shard(id.hash).contents.withLock { $0.events[id, default: Entry()].standing = .known(record) }
        changed()
    }

    /// Deletes an event. It is remembered, so that its tokens are refused at once.
    package func removeEvent(_ id: String, company: String) {
        let id = EventID(Array(id.utf8))
        shard(id.hash).contents.withLock { $0.events[id] = Entry(standing: .removed(company: company)) }
        changed()
    }

    /// Deletes a registration. It is remembered, so that its tokens are refused at once.
    package func removeRegistration(_ subject: SubjectKey) {
        shard(subject.low).contents.withLock { _ = $0.removedRegistrations.insert(subject) }
        changed()
    }

    /// Takes a registration's removal back.
    package func restoreRegistration(_ subject: SubjectKey) {
        shard(subject.low).contents.withLock { _ = $0.removedRegistrations.remove(subject) }
    }

    /// Sends a person away from an event.
    package func add(_ removal: Removal) {
        change(removal) { $0.until[removal.person] = removal.until ?? .max }
        changed()
    }

    /// Lets a person in again.
    package func lift(_ removal: Removal) { change(removal) { $0.until[removal.person] = nil } }

    private func change(_ removal: Removal, _ body: (inout EventRemovals) -> Void) {
        let id = EventID(Array(removal.event.utf8))
        shard(id.hash).contents.withLock { shard in
            var entry = shard.events[id] ?? Entry()
            var removals =
                entry.removals.first { $0.company.hasSameBytes(as: removal.company) }
                ?? EventRemovals(company: removal.company)
            // One holder alone, so that it is changed in place.
            entry.removals.removeAll { $0.company.hasSameBytes(as: removal.company) }
            shard.events[id] = nil
            body(&removals)
            if !removals.until.isEmpty { entry.removals.append(removals) }
            if case .unknown = entry.standing, entry.removals.isEmpty { return }
            shard.events[id] = entry
        }
    }

    private func changed() {
        isUsed.store(true, ordering: .releasing)
        changes.add(1, ordering: .releasing)
    }

    /// Remembers a session that was ended for good, until it would not be good any more anyway.
    package func end(_ ended: EndedSession) {
        shard(ended.bits).contents.withLock { $0.endedSessions[ended.bits] = ended.until }
        isUsed.store(true, ordering: .releasing)
    }

    /// Forgets a session that was ended.
    package func forget(_ ended: EndedSession) {
        shard(ended.bits).contents.withLock { _ = $0.endedSessions.removeValue(forKey: ended.bits) }
    }

    /// Whether a session was ended for good.
    func hasEnded(_ session: SessionID, at now: Milliseconds) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return shard(session.random0).contents.withLock { $0.endedSessions[session.random0] }.map { now < $0 } ?? false
    }

    /// Adds what a join code stands for.
    package func set(_ person: RegisteredPerson, for code: JoinCode) {
        guard let packed = PackedPerson(person) else { return }
        shard(code).contents.withLock { $0.people[code] = packed }
    }

    /// Deletes what a join code stands for. The code is remembered, so that whoever comes with it learns why.
    package func remove(_ code: JoinCode) {
        shard(code).contents.withLock { shard in
            shard.people.removeValue(forKey: code)
            shard.removedCodes.insert(code)
        }
    }

    /// Whether the registration that a join code stood for was deleted.
    package func isRemoved(_ code: JoinCode) -> Bool {
        shard(code).contents.withLock { $0.removedCodes.contains(code) }
    }

    /// Who a join code stands for.
    package func person(for code: JoinCode) -> RegisteredPerson? {
        shard(code).contents.withLock { $0.people[code] }?.unpacked
    }

    /// Makes room for what a start loads, so that it need not be moved about while it grows.
    package func reserve(events: Int, registrations: Int) {
        for shard in shards {
            shard.contents.withLock { shard in
                shard.events.reserveCapacity(events / shards.count * 5 / 4)
                shard.people.reserveCapacity(registrations / shards.count * 5 / 4)
            }
        }
    }

    func standing(ofEvent id: EventID) -> Standing { entry(ofEvent: id).standing }

    func entry(ofEvent id: EventID) -> Entry {
        guard isUsed.load(ordering: .acquiring) else { return Entry() }
        return shard(id.hash).contents.withLock { $0.events[id] ?? Entry() }
    }

    func isRemoved(_ subject: SubjectKey) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return shard(subject.low).contents.withLock { $0.removedRegistrations.contains(subject) }
    }

    /// The code's bits are random.
    private func shard(_ code: JoinCode) -> ShardBox { shard(code.bits) }

    private func shard(_ hash: UInt64) -> ShardBox {
        shards[Int(truncatingIfNeeded: hash >> 32) & (shards.count - 1)]
    }
}

/// Who was sent away from an event of a company.
struct EventRemovals: Sendable {
    let company: String
    /// Until when; `.max`: for good.
    var until: [RemovedPerson: Milliseconds] = [:]

    func haveRemoved(_ viewer: Viewer, at now: Milliseconds) -> Bool {
        guard company.hasSameBytes(as: viewer.company) else { return false }
        func isRemoved(_ person: RemovedPerson) -> Bool { until[person].map { now < $0 } ?? false }
        if isRemoved(RemovedPerson(.user, viewer.userID)) { return true }
        if let registration = viewer.registration, isRemoved(RemovedPerson(.registration, registration)) { return true }
        // As ``RemovedPerson/isSame(as:)`` has it.
        return viewer.emails.contains { isRemoved(RemovedPerson(email: $0)) }
    }
}

/// An event's id by its octets, with its hash.
struct EventID: Hashable, Sendable {
    let bytes: [UInt8]
    let hash: UInt64

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var hash: UInt64 = 0x2545_F491_4F6C_DD1D
        for byte in bytes { hash = fold(hash ^ UInt64(byte), 0x9E37_79B9_7F4A_7C15) &+ 1 }
        self.hash = hash
    }

    static func == (a: EventID, b: EventID) -> Bool {
        a.hash == b.hash && a.bytes.span.hasSameBytes(as: b.bytes.span)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
