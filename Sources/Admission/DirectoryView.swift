package import Basics
import Synchronization

/// The kind of an event, which is also the first part of its path.
package enum EventKind: String, Sendable, CaseIterable {
    /// A webinar: `/event/{uid}`.
    case event
    /// A networking hub: `/networking/{uid}`.
    case networking
}

/// What the directory says about an event.
package struct EventRecord: Sendable {
    /// The company that owns the event.
    package let company: String
    /// What its viewers know it by.
    package let name: String
    /// `nil` if it has no dates.
    package let startsAt: Milliseconds?
    package let kind: EventKind
    /// User ids and e-mails in the form of ``listedIdentity(_:)``.
    package private(set) var presenters: Set<ExactText>
    package private(set) var organizers: Set<ExactText>
    /// The event's own rule for a second join; `nil` for the configured one.
    package let secondJoin: SecondJoin?
    /// When the registration tokens that we issued stop being valid, whatever their `exp`; `nil` if only `exp` counts.
    package let closesAt: Milliseconds?
    package let doors: Doors
    /// What pages show of the event that differs from its company's: names and texts.
    package let page: [JSONMember]

    /// - Parameters:
    ///   - presenters: user ids and e-mails as entered.
    ///   - organizers: likewise.
    package init(
        company: String,
        name: String = "",
        startsAt: Milliseconds? = nil,
        kind: EventKind = .event,
        presenters: [String] = [],
        organizers: [String] = [],
        secondJoin: SecondJoin? = nil,
        closesAt: Milliseconds? = nil,
        doors: Doors = Doors(),
        page: [JSONMember] = []
    ) {
        self.page = page
        (self.company, self.name, self.startsAt) = (company, name, startsAt)
        self.kind = kind
        self.presenters = Self.identities(presenters)
        self.organizers = Self.identities(organizers)
        self.secondJoin = secondJoin
        self.closesAt = closesAt
        self.doors = doors
    }

    /// The list that contains one of the identities, which have the form of ``listedIdentity(_:)``.
    package func listing(of identities: [ExactText]) -> Listing? {
        if presenters.isEmpty && organizers.isEmpty { return nil }
        for identity in identities {
            if presenters.contains(identity) { return .presenter }
            if organizers.contains(identity) { return .organizer }
        }
        return nil
    }

    /// The same event without these people in its lists.
    package func without(_ identities: Set<ExactText>) -> EventRecord {
        var record = self
        record.presenters.subtract(identities)
        record.organizers.subtract(identities)
        return record
    }

    /// The entries without surrounding white space, which earlier versions stored.
    private static func identities(_ texts: [String]) -> Set<ExactText> {
        Set(texts.map(trimmed).filter { !$0.isEmpty }.map(listedIdentity))
    }
}

/// The data plane's view of the directory: which events exist, and what was deleted.
///
/// Empty if no directory is configured; then every event is unknown and none is denied. The control plane writes it and
/// every request reads it, so a change takes effect at once.
package final class DirectoryView: Sendable {
    /// What is known about an event.
    package enum Standing: Sendable {
        case unknown
        case known(EventRecord)
        /// Deleted; it belonged to this company.
        case removed(company: String)
    }

    /// Everything known about one event id.
    struct Entry: Sendable {
        var standing = Standing.unknown
        /// One entry per company that has removed somebody: companies may share an event id that the directory does not
        /// know.
        var removals: [EventRemovals] = []
    }

    struct Shard {
        var events: [EventID: Entry] = [:]
        var removedRegistrations: Set<SubjectKey> = []
        var people: [JoinCode: PackedPerson] = [:]
        /// Sessions that were ended for good, by the bits that name them, and when each would have expired anyway.
        var endedSessions: [UInt64: Milliseconds] = [:]
        /// The join codes of registrations that were deleted, or whose events were.
        var removedCodes: Set<JoinCode> = []
    }

    final class ShardBox: Sendable {
        let contents = Locked(Shard())
    }

    let shards: [ShardBox] = (0..<64).map { _ in ShardBox() }
    /// Set with the first entry, so that no request takes a lock if there is no directory.
    private let isUsed = Atomic<Bool>(false)
    private let lastChange = Atomic<UInt64>(DirectoryView.nextVersion())

    /// The last version of any view. No two views share a version, so what is remembered of one is never taken for what
    /// another says.
    private static let lastVersion = Atomic<UInt64>(0)

    private static func nextVersion() -> UInt64 { lastVersion.add(1, ordering: .relaxed).newValue }

    package init() {}

    /// Changes after every change to events, registrations and removals.
    package var version: UInt64 { lastChange.load(ordering: .acquiring) }

    /// The event's record, if the directory has it.
    package func event(_ id: String) -> EventRecord? {
        guard case .known(let record) = entry(ofEvent: EventID(Array(id.utf8))).standing else { return nil }
        return record
    }

    /// Whether the directory had the event, and it was deleted.
    package func isDeleted(_ event: String) -> Bool {
        guard case .removed = entry(ofEvent: EventID(Array(event.utf8))).standing else { return false }
        return true
    }

    /// Adds or replaces an event. Restores a deleted one.
    package func set(_ record: EventRecord, for id: String) {
        let id = EventID(Array(id.utf8))
        shard(id.hash).contents.withLock { $0.events[id, default: Entry()].standing = .known(record) }
        changed()
    }

    /// Deletes an event and remembers it, so that its tokens are refused at once.
    package func removeEvent(_ id: String, company: String) {
        let id = EventID(Array(id.utf8))
        shard(id.hash).contents.withLock { $0.events[id] = Entry(standing: .removed(company: company)) }
        changed()
    }

    /// Deletes a registration and remembers it, so that its tokens are refused at once.
    package func removeRegistration(_ subject: SubjectKey) {
        shard(subject.low).contents.withLock { _ = $0.removedRegistrations.insert(subject) }
        changed()
    }

    /// Undoes the deletion of a registration.
    package func restoreRegistration(_ subject: SubjectKey) {
        shard(subject.low).contents.withLock { _ = $0.removedRegistrations.remove(subject) }
        changed()
    }

    /// Removes a person from an event.
    package func add(_ removal: Removal) { change(removal) { $0.until[removal.person] = removal.until ?? .max } }

    /// Lets a removed person in again.
    package func lift(_ removal: Removal) { change(removal) { $0.until[removal.person] = nil } }

    /// Replaces all removals of a company from an event. Returns those that are new, or last longer.
    package func set(_ removals: [Removal], for event: String, of company: String) -> [Removal] {
        var new: [Removal] = []
        change(event, company) { there in
            new = removals.filter { $0.until ?? .max > there.until[$0.person] ?? .min }
            there.until = [:]
            for removal in removals { there.until[removal.person] = removal.until ?? .max }
        }
        return new
    }

    private func change(_ removal: Removal, _ body: (inout EventRemovals) -> Void) {
        change(removal.event, removal.company, body)
    }

    private func change(_ event: String, _ company: String, _ body: (inout EventRemovals) -> Void) {
        let id = EventID(Array(event.utf8))
        shard(id.hash).contents.withLock { shard in
            var entry = shard.events[id] ?? Entry()
            var removals =
                entry.removals.first { $0.company.hasSameBytes(as: company) }
                ?? EventRemovals(company: company)
            // Keep a single reference, so that it is changed in place.
            entry.removals.removeAll { $0.company.hasSameBytes(as: company) }
            shard.events[id] = nil
            body(&removals)
            if !removals.until.isEmpty { entry.removals.append(removals) }
            if case .unknown = entry.standing, entry.removals.isEmpty { return }
            shard.events[id] = entry
        }
        changed()
    }

    func changed() {
        isUsed.store(true, ordering: .releasing)
        lastChange.store(Self.nextVersion(), ordering: .releasing)
    }

    /// Remembers a session that was ended for good, until it would have expired anyway.
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

    /// Whether a session must not hold a lease: it was ended for good, or its viewer was removed or deleted.
    ///
    /// - Parameter live: what is known about it.
    package func bars(_ session: SessionID, _ live: LiveSession?, at now: Milliseconds) -> Bool {
        if hasEnded(session, at: now) { return true }
        guard isUsed.load(ordering: .acquiring), let live else { return false }
        let viewer = live.viewer
        let standing =
            live.event.isEmpty
            ? self.standing(of: viewer) : self.standing(of: viewer, at: EventID(Array(live.event.utf8)), live.key)
        return switch standing?.barrier(at: now)?.refusal {
        case .viewerRemoved, .registrationRemoved: true
        default: false
        }
    }

    /// Adds the registration that a join code stands for.
    package func set(_ person: RegisteredPerson, for code: JoinCode) {
        guard let packed = PackedPerson(person) else { return }
        shard(code).contents.withLock { $0.people[code] = packed }
    }

    /// Deletes the registration that a join code stands for. Remembers the code, so that a viewer who uses it learns
    /// why.
    package func remove(_ code: JoinCode) {
        shard(code).contents.withLock { shard in
            shard.people.removeValue(forKey: code)
            shard.removedCodes.insert(code)
        }
    }

    /// Whether the registration of a join code was deleted.
    package func isRemoved(_ code: JoinCode) -> Bool {
        shard(code).contents.withLock { $0.removedCodes.contains(code) }
    }

    /// The registration that a join code stands for.
    package func person(for code: JoinCode) -> RegisteredPerson? {
        shard(code).contents.withLock { $0.people[code] }?.unpacked
    }

    /// Reserves room for what is loaded at start, so that nothing moves while it grows.
    package func reserve(events: Int, registrations: Int) {
        for shard in shards {
            shard.contents.withLock { shard in
                shard.events.reserveCapacity(events / shards.count * 5 / 4)
                shard.people.reserveCapacity(registrations / shards.count * 5 / 4)
            }
        }
    }

    /// What is said about a viewer at its own event. Returns `nil` if the directory is empty.
    func standing(of viewer: Viewer) -> ViewerStanding? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        let version = version
        if let known = viewer.lastStanding.withLock({ $0 }), known.version == version { return known }
        let found = standing(of: viewer, at: viewer.eventID, viewer.subject)
        viewer.lastStanding.withLock { $0 = found }
        return found
    }

    /// What is said about a viewer at any event.
    ///
    /// - Parameter subject: the viewer's, in that event.
    func standing(of viewer: Viewer, at event: EventID, _ subject: SubjectKey) -> ViewerStanding {
        // Read the version first: what changes after that is looked up again.
        let version = version
        return ViewerStanding(
            of: viewer,
            entry(ofEvent: event),
            registrationIsRemoved: isRemoved(subject),
            version: version
        )
    }

    func entry(ofEvent id: EventID) -> Entry {
        guard isUsed.load(ordering: .acquiring) else { return Entry() }
        return shard(id.hash).contents.withLock { $0.events[id] ?? Entry() }
    }

    func isRemoved(_ subject: SubjectKey) -> Bool {
        shard(subject.low).contents.withLock { $0.removedRegistrations.contains(subject) }
    }

    /// The shard of a join code, whose bits are random.
    private func shard(_ code: JoinCode) -> ShardBox { shard(code.bits) }

    private func shard(_ hash: UInt64) -> ShardBox {
        shards[Int(truncatingIfNeeded: hash >> 32) & (shards.count - 1)]
    }
}

/// The people that a company removed from an event.
struct EventRemovals: Sendable {
    let company: String
    /// When each removal ends; `.max` means never.
    var until: [RemovedPerson: Milliseconds] = [:]

    /// When the last removal of the viewer ends; `.min` if there is none.
    func end(for viewer: Viewer) -> Milliseconds {
        guard company.hasSameBytes(as: viewer.company) else { return .min }
        var end = until[RemovedPerson(.user, viewer.userID)] ?? .min
        if let registration = viewer.registration {
            end = max(end, until[RemovedPerson(.registration, registration)] ?? .min)
        }
        // Same rule as ``RemovedPerson/isSame(as:)``.
        for email in viewer.emails { end = max(end, until[RemovedPerson(email: email)] ?? .min) }
        return end
    }
}

/// An event's id as bytes, with its hash.
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
