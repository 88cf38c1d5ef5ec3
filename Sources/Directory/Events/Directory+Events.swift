package import Admission
import Basics

extension Directory {
    /// Creates an event.
    package func create(
        _ kind: EventKind,
        fields: EventFields,
        company: String,
        creator: String
    ) async throws -> Event {
        let event = Event(
            uid: UUIDText.random(),
            kind: kind,
            company: company,
            creator: creator,
            createdAt: now,
            fields: fields
        )
        let record = EventRecord(event)
        return try await writer.write { [self] database, effects in
            try Self.checkIsThere(company, database)
            try database.execute(
                Self.insertSQL,
                Arguments(event.columns) + [
                    event.uid, event.company, event.creator, event.kind.rawValue, event.createdAt,
                ]
            )
            if event.fields.endsAt <= event.createdAt || !event.fields.hasDates {
                try Self.skipDates(ofEvent: event.uid, database)
            }
            effects.add(.event(event.uid)) { [view] in view.set(record, for: event.uid) }
            try announce(.eventCreated, event, database, &effects)
            return event
        }
    }

    /// Returns an event of the company, or `nil` if it has none of that kind and uid.
    package func event(_ uid: String, _ kind: EventKind, company: String) async throws -> Event? {
        try await storage.read { try Stored.event(uid, kind, company: company, $0)?.event }
    }

    /// The uids of the company's webinars, soonest first.
    package func eventIDs(of company: String) async throws -> [String] {
        try await storage.read { database in
            try database.values(
                """
                SELECT uid FROM event WHERE company = ? AND kind = 'event' AND removed_at IS NULL
                ORDER BY starts_at, uid
                """,
                [company],
                as: String.self
            )
        }
    }

    /// Changes an event. Returns `nil` if the company has no such event.
    ///
    /// What a list with hundreds of e-mails means takes tens of milliseconds to find. So the change is made before it is
    /// written, while others can write, and again if the event was changed meanwhile.
    ///
    /// - Parameter change: if it throws, nothing changes and the error is passed on. May be called again.
    package func update(
        _ uid: String,
        _ kind: EventKind,
        company: String,
        change: (inout EventFields) throws -> Void
    ) async throws -> Event? {
        try await eventTurns.inTurn(uid, of: company) {
            while true {
                guard let before = try await event(uid, kind, company: company) else { return nil }
                var event = before
                try change(&event.fields)
                guard event.fields != before.fields else { return event }
                switch try await write(event, over: before.fields) {
                case .done: return event
                case .isGone: return nil
                case .hasChanged: continue
                }
            }
        }
    }

    private enum Written {
        case done, isGone, hasChanged
    }

    /// Stores a changed event, unless its fields are no longer what they were.
    private func write(_ event: Event, over before: EventFields) async throws -> Written {
        let (record, roles) = (EventRecord(event), roleChanges(of: event, before: before))
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(event.uid, event.kind, company: event.company, database) else {
                return .isGone
            }
            guard stored.event.fields == before else { return .hasChanged }
            try database.execute(Self.updateSQL, Arguments(event.columns) + [stored.id])
            effects.add(.event(event.uid)) { [view] in view.set(record, for: event.uid) }
            if (before.startsAt, before.endsAt) != (event.fields.startsAt, event.fields.endsAt) {
                if event.fields.hasDates {
                    try Self.forgetDates(ofEvent: stored.id, after: now, database)
                } else {
                    try Self.skipDates(ofEvent: event.uid, database)
                }
            }
            try announce(.eventUpdated, event, database, &effects)
            for role in roles {
                let (company, moment) = (event.company, now)
                try announce(.roleChanged, company: company, event: event.uid, at: moment, role, database, &effects)
            }
            return .done
        }
    }

    /// Creates an event like another one. Returns `nil` if the company has no such event.
    ///
    /// - Parameter change: applies the differences.
    package func clone(
        _ uid: String,
        _ kind: EventKind,
        company: String,
        creator: String,
        change: (inout EventFields) throws -> Void
    ) async throws -> Event? {
        guard var fields = try await event(uid, kind, company: company)?.fields else { return nil }
        try change(&fields)
        return try await create(kind, fields: fields, company: company, creator: creator)
    }

    /// Deletes an event, so that nobody is let in any more. Returns false if the company has no such event.
    package func remove(_ uid: String, _ kind: EventKind, company: String) async throws -> Bool {
        let removedAt = now
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return false }
            try database.execute("UPDATE event SET removed_at = ? WHERE id = ?", [removedAt, stored.id])
            try Self.deleteRemovals(ofEvent: uid, company, database)
            let codes = try database.values(
                "SELECT join_code FROM registration WHERE event = ? AND removed_at IS NULL",
                [stored.id],
                as: Int64.self
            )
            effects.add(.event(uid)) { [self] in
                view.removeEvent(uid, company: company)
                for code in codes { view.remove(JoinCode(column: code)) }
                deleted(.event(company: company, uid: uid))
            }
            try announce(.eventDeleted, stored.event, database, &effects)
            return true
        }
    }

    private static let columns = """
        name, picture, starts_at, ends_at, timezone, type, networking_hub, presenters, organizers, registration_mode,
        second_join, metadata, doors_open, doors_close, extras, page
        """

    private static let insertSQL = """
        INSERT INTO event (\(columns), uid, company, creator, kind, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    private static let updateSQL = """
        UPDATE event SET (\(columns)) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?
        """
}
