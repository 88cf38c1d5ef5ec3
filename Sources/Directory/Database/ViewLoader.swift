import Admission
import Dispatch
import Synchronization

/// Fills the data plane's view from the database at start, before any request is served.
struct ViewLoader {
    let storage: any Storage
    let view: DirectoryView

    /// Registrations are read by several threads, since there may be a million.
    private static let threads = 2

    func load() throws {
        let (events, last) = try storage.read { database in
            (
                try database.value("SELECT count(*) FROM event", as: Int.self) ?? 0,
                try database.value("SELECT max(id) FROM registration", as: Int64.self) ?? 0
            )
        }
        view.reserve(events: events, registrations: Int(last))
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: Self.threads + 1) { part in
            do {
                if part == 0 {
                    try storage.read { database in
                        try Self.forEachEvent(in: database) { $0.show(in: view) }
                    }
                } else {
                    let share = last / Int64(Self.threads) + 1
                    let first = share * Int64(part - 1)
                    try loadPeople(first..<first + share)
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        try storage.read { database in
            try Self.forEachRemovedRegistration(in: database) { $0.show(in: view) }
            try Self.forEachRemoval(in: database) { view.add($0) }
            try Self.forEachEndedSession(in: database) { view.end($0) }
        }
    }

    private func loadPeople(_ ids: Range<Int64>) throws {
        try storage.read { database in
            try Self.forEachPerson(
                "registration.id >= ? AND registration.id < ?",
                [ids.lowerBound, ids.upperBound],
                in: database
            ) { view.set($0, for: $1) }
        }
    }
}

extension ViewLoader {
    /// Loads one event and, if it was deleted, a registration for it.
    static func load(
        event uid: String,
        registration: String?,
        _ database: Database,
        into view: DirectoryView
    ) throws {
        var company: String?
        try forEachEvent("uid = ?", [uid], in: database) { event in
            event.show(in: view)
            company = event.company
        }
        guard let registration, let company else { return }
        let removed = try database.row(
            """
            SELECT 1 FROM registration JOIN event ON event.id = registration.event
            WHERE event.uid = ? AND registration.uid = ? AND registration.removed_at IS NOT NULL
            """,
            [uid, registration]
        )
        guard removed != nil else { return }
        view.removeRegistration(SubjectKey(registration: registration, event: uid, company: company))
    }
}

// MARK: - What the view shows, row by row

/// An event of the directory.
struct ShownEvent: Sendable {
    let uid: String
    let company: String
    /// `nil` if it was deleted.
    let record: EventRecord?

    func show(in view: DirectoryView) {
        if let record { view.set(record, for: uid) } else { view.removeEvent(uid, company: company) }
    }
}

/// A registration that was deleted, or whose event was.
struct RemovedRegistration: Sendable {
    let uid: String
    let code: JoinCode
    let company: String
    /// `nil` if only its event was deleted, which already refuses its tokens.
    let subject: SubjectKey?
    /// Whether it tells of nobody any more.
    let isErased: Bool

    func show(in view: DirectoryView) {
        view.remove(code)
        if let subject { view.removeRegistration(subject) }
    }
}

/// Each takes a condition, and does not run statements in `body`.
extension ViewLoader {
    static func forEachEvent(
        _ condition: String = "true",
        _ arguments: Arguments = [],
        in database: Database,
        _ body: (ShownEvent) throws -> Void
    ) throws {
        try database.forEach(
            """
            SELECT uid, company, removed_at, presenters, organizers, second_join, ends_at, kind, starts_at,
                doors_open, doors_close, name, page FROM event WHERE \(condition)
            """,
            arguments
        ) { row in
            let (uid, company): (String, String) = (row[0], row[1])
            guard (row[2] as Int64?) == nil else {
                return try body(ShownEvent(uid: uid, company: company, record: nil))
            }
            let record = EventRecord(
                company: company,
                name: row[11],
                startsAt: Event.hasDates(endsAt: row[6]) ? row[8] : nil,
                kind: EventKind(rawValue: row[7]) ?? .event,
                presenters: try JSONText.list(row[3]),
                organizers: try JSONText.list(row[4]),
                secondJoin: (row[5] as String?).flatMap(SecondJoin.init(rawValue:)),
                closesAt: Event.closesAt(endsAt: row[6]),
                doors: Doors(startsAt: row[8], open: row[9], endsAt: row[6], close: row[10]),
                page: try JSONText.members(row[12])
            )
            try body(ShownEvent(uid: uid, company: company, record: record))
        }
    }

    /// Only valid registrations.
    static func forEachPerson(
        _ condition: String,
        _ arguments: Arguments,
        in database: Database,
        _ body: (RegisteredPerson, JoinCode) throws -> Void
    ) throws {
        try database.forEach(
            """
            SELECT event.uid, registration.uid, registration.name, registration.email, join_code, registered_at
            FROM registration JOIN event ON event.id = registration.event
            WHERE \(condition) AND registration.removed_at IS NULL AND event.removed_at IS NULL
            """,
            arguments
        ) { row in
            let person = RegisteredPerson(
                event: row[0],
                registration: row[1],
                name: row[2],
                email: row[3],
                registeredAt: row[5]
            )
            try body(person, JoinCode(column: row[4]))
        }
    }

    static func forEachRemovedRegistration(
        _ condition: String = "true",
        _ arguments: Arguments = [],
        in database: Database,
        _ body: (RemovedRegistration) throws -> Void
    ) throws {
        try database.forEach(
            """
            SELECT event.company, event.uid, registration.uid, join_code, registration.removed_at, registration.email
            FROM registration JOIN event ON event.id = registration.event
            WHERE (registration.removed_at IS NOT NULL OR event.removed_at IS NOT NULL) AND \(condition)
            """,
            arguments
        ) { row in
            let (company, event, uid): (String, String, String) = (row[0], row[1], row[2])
            let isRemoved = (row[4] as Int64?) != nil
            try body(
                RemovedRegistration(
                    uid: uid,
                    code: JoinCode(column: row[3]),
                    company: company,
                    subject: isRemoved ? SubjectKey(registration: uid, event: event, company: company) : nil,
                    isErased: (row[5] as String).isEmpty
                )
            )
        }
    }

    static func forEachRemoval(
        _ condition: String = "true",
        _ arguments: Arguments = [],
        in database: Database,
        _ body: (Removal) throws -> Void
    ) throws {
        try database.forEach("SELECT * FROM removal WHERE \(condition)", arguments) { row in
            if let removal = Removal(row) { try body(removal) }
        }
    }

    static func forEachEndedSession(
        _ condition: String = "true",
        _ arguments: Arguments = [],
        in database: Database,
        _ body: (EndedSession) throws -> Void
    ) throws {
        try database.forEach("SELECT * FROM ended_session WHERE \(condition)", arguments) { try body(EndedSession($0)) }
    }
}

extension SubjectKey {
    /// The subject of a registration token.
    init(registration: String, event: String, company: String) {
        self.init(kind: .registration, company: company, event: event.utf8Span.span, id: registration)
    }
}

extension EventRecord {
    init(_ event: Event) {
        self.init(
            company: event.company,
            name: event.fields.name,
            startsAt: event.fields.hasDates ? event.fields.startsAt : nil,
            kind: event.kind,
            presenters: event.fields.presenters,
            organizers: event.fields.organizers,
            secondJoin: event.fields.secondJoin,
            closesAt: event.closesAt,
            doors: Doors(
                startsAt: event.fields.startsAt,
                open: event.fields.doorsOpen,
                endsAt: event.fields.endsAt,
                close: event.fields.doorsClose
            ),
            page: event.fields.page
        )
    }
}
