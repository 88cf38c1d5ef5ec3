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
                    try loadEvents()
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
        try loadRemovedRegistrations()
        try loadRemovals()
    }

    private func loadEvents() throws {
        try storage.read { database in
            try database.forEach(
                """
                SELECT uid, company, removed_at, presenters, organizers, second_join, ends_at, kind, starts_at,
                    doors_open, doors_close, name, page FROM event
                """
            ) { row in
                let (uid, company): (String, String) = (row[0], row[1])
                guard (row[2] as Int64?) == nil else {
                    view.removeEvent(uid, company: company)
                    return
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
                view.set(record, for: uid)
            }
        }
    }

    private func loadPeople(_ ids: Range<Int64>) throws {
        try storage.read { database in
            try database.forEach(
                """
                SELECT event.uid, registration.uid, registration.name, registration.email, join_code, registered_at
                FROM registration JOIN event ON event.id = registration.event
                WHERE registration.id >= ? AND registration.id < ?
                AND registration.removed_at IS NULL AND event.removed_at IS NULL
                """,
                [ids.lowerBound, ids.upperBound]
            ) { row in
                let person = RegisteredPerson(
                    event: row[0],
                    registration: row[1],
                    name: row[2],
                    email: row[3],
                    registeredAt: row[5]
                )
                view.set(person, for: JoinCode(column: row[4]))
            }
        }
    }

    private func loadRemovedRegistrations() throws {
        try storage.read { database in
            try database.forEach(
                """
                SELECT event.company, event.uid, registration.uid, join_code, registration.removed_at FROM registration
                JOIN event ON event.id = registration.event
                WHERE registration.removed_at IS NOT NULL OR event.removed_at IS NOT NULL
                """
            ) { row in
                view.remove(JoinCode(column: row[3]))
                // The deleted event already refuses its tokens.
                if (row[4] as Int64?) == nil { return }
                view.removeRegistration(SubjectKey(registration: row[2], event: row[1], company: row[0]))
            }
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
        guard let row = try database.row("SELECT * FROM event WHERE uid = ?", [uid]) else { return }
        let event = try Event(row)
        if (row["removed_at"] as Int64?) != nil {
            view.removeEvent(uid, company: event.company)
        } else {
            view.set(EventRecord(event), for: uid)
        }
        guard let registration else { return }
        let removed = try database.row(
            "SELECT 1 FROM registration WHERE event = ? AND uid = ? AND removed_at IS NOT NULL",
            [row["id"] as Int64, registration]
        )
        guard removed != nil else { return }
        view.removeRegistration(SubjectKey(registration: registration, event: uid, company: event.company))
    }

    private func loadRemovals() throws {
        try storage.read { database in
            try database.forEach("SELECT * FROM removal") { row in
                if let removal = Removal(row) { view.add(removal) }
            }
            try database.forEach("SELECT * FROM ended_session") { view.end(EndedSession($0)) }
        }
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
