package import Admission
package import Basics
import JOSE

extension Directory: RemovalKeeper {
    package var place: RemovalPlace { .database }

    package func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal {
        let now = now
        return try await writer.write { [self] database, effects in
            let key: Arguments = [company, event, person.kind.rawValue, person.identity.text]
            let known = try database.row(
                "SELECT id, created_at FROM removal WHERE company = ? AND event = ? AND kind = ? AND identity = ?",
                key
            )
            if known == nil { try makeRoom(in: event, company, at: now, database, &effects) }
            let removal = Removal(
                id: known?["id"] ?? UUIDText.random(),
                company: company,
                event: event,
                person: person,
                until: until,
                reason: reason,
                createdAt: known?["created_at"] ?? now
            )
            try database.execute(
                """
                INSERT INTO removal
                    (company, event, kind, identity, id, person, folded_email, until, reason, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (company, event, kind, identity)
                    DO UPDATE SET person = excluded.person, until = excluded.until, reason = excluded.reason
                """,
                key + [
                    removal.id, person.text, person.foldedEmail, until, reason, removal.createdAt,
                ]
            )
            effects.add(.removals(event, company: company)) { [view] in view.add(removal) }
            try announce(removal, at: now, database, &effects)
            return removal
        }
    }

    package func removals(company: String?, event: String?) async throws -> [Removal] {
        let now = now
        return try await storage.read { database in
            var (condition, arguments): (String, Arguments) = ("(until IS NULL OR until > ?)", [now])
            for (column, value) in [("company", company), ("event", event)] {
                guard let value else { continue }
                condition += " AND \(column) = ?"
                arguments += [value]
            }
            let sql = "SELECT * FROM removal WHERE \(condition) ORDER BY created_at, rowid"
            return try database.rows(sql, arguments).compactMap(Removal.init)
        }
    }

    package func lift(_ id: String, company: String?, event: String?) async throws -> Removal? {
        try await writer.write { [self] database, effects in
            let condition =
                "id = ?" + (company == nil ? "" : " AND company = ?") + (event == nil ? "" : " AND event = ?")
            let arguments = Arguments([id, company, event].compactMap { $0 })
            return try delete(condition, arguments, database, &effects).first
        }
    }

    package func keep(_ ended: [EndedSession]) async throws {
        try await writer.write { [view] database, effects in
            for session in ended {
                try database.execute(
                    "INSERT INTO ended_session (bits, until) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    [Int64(bitPattern: session.bits), session.until]
                )
            }
            effects.add(ended.map { .session($0) }) { for session in ended { view.end(session) } }
        }
    }

    /// Enforces the limits on removals. Deletes ended ones first.
    private func makeRoom(
        in event: String,
        _ company: String,
        at now: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        func fault() throws -> RemovalFault? {
            let sql = "SELECT count(*) FROM removal WHERE company = ?"
            let there = try database.value(sql + " AND event = ?", [company, event], as: Int.self) ?? 0
            if there >= Removal.maxPerEvent { return .eventIsFull }
            let all = try database.value(sql, [company], as: Int.self) ?? 0
            return all >= Removal.maxPerCompany ? .companyIsFull : nil
        }
        guard try fault() != nil else { return }
        _ = try delete("company = ? AND until <= ?", [company, now], database, &effects)
        if let fault = try fault() { throw fault }
    }

    /// Deletes removals, also from the view, and returns them.
    func delete(
        _ condition: String,
        _ arguments: Arguments,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> [Removal] {
        let sql = "DELETE FROM removal WHERE \(condition) RETURNING *"
        let deleted = try database.rows(sql, arguments).compactMap(Removal.init)
        effects.add(deleted.map { .removals($0.event, company: $0.company) }) { [view] in
            for removal in deleted { view.lift(removal) }
        }
        return deleted
    }

    /// Deletes the removals of a deleted event. It lets nobody in any more, and the view has already forgotten them.
    static func deleteRemovals(ofEvent uid: String, _ company: String, _ database: Database) throws {
        try database.execute("DELETE FROM removal WHERE company = ? AND event = ?", [company, uid])
    }

    /// Deletes ended removals, and returns their number.
    func purgeRemovals(at now: Milliseconds) async throws -> Int {
        try await writer.write { [self] database, effects in
            let ended = try database.rows("DELETE FROM ended_session WHERE until <= ? RETURNING *", [now]).map {
                EndedSession($0)
            }
            effects.add(ended.map { .session($0) }) { [view] in
                for session in ended { view.forget(session) }
            }
            return try delete("until <= ?", [now], database, &effects).count
        }
    }

    private func announce(
        _ removal: Removal,
        at moment: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let person = removal.person
        var data = [JSONMember("removalId", .string(removal.id)), JSONMember(person.memberName, .string(person.text))]
        data.append(JSONMember("until", removal.until.map { .string(Timestamp.text($0)) } ?? .null))
        data.append(JSONMember("reason", removal.reason.map(JSONValue.string) ?? .null))
        try announce(
            .viewerRemoved,
            company: removal.company,
            event: removal.event,
            at: moment,
            data,
            database,
            &effects
        )
    }
}

extension RemovedPerson {
    /// The e-mail in the form in which e-mails are compared; `nil` if it is not one.
    fileprivate var foldedEmail: String? {
        switch kind {
        case .email: foldedIdentity(text)
        case .user: DeliveryPeople.foldedUser(text)
        case .registration: nil
        }
    }
}

extension EndedSession {
    init(_ row: Row) {
        self.init(bits: UInt64(bitPattern: row["bits"] as Int64), until: row["until"])
    }
}

extension Removal {
    /// Returns `nil` for a kind that this version does not know.
    init?(_ row: Row) {
        guard let kind = RemovedPerson.Kind(rawValue: row["kind"]) else { return nil }
        self.init(
            id: row["id"],
            company: row["company"],
            event: row["event"],
            person: RemovedPerson(kind, row["person"]),
            until: row["until"],
            reason: row["reason"],
            createdAt: row["created_at"]
        )
    }
}
