package import Admission
package import Basics
import GRDB

/// A person to register.
package struct NewRegistration: Sendable {
    package var name: String
    package var email: String
    /// The company's own data, returned unchanged.
    package var metadata: [JSONMember]

    package init(name: String, email: String, metadata: [JSONMember] = []) {
        self.name = name
        self.email = email
        self.metadata = metadata
    }
}

extension Directory {
    /// Registers a person, once per e-mail: of several concurrent calls, one registers.
    package func register(
        _ person: NewRegistration,
        for uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> RegistrationOutcome {
        let registration = Registration(
            uid: UUIDText.random(),
            name: person.name,
            email: person.email,
            metadata: person.metadata,
            joinCode: JoinCode(bits: SystemRandom.word()),
            registeredAt: now
        )
        let folded = foldedIdentity(person.email)
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return .noEvent }
            if let row = try Self.row(ofEmail: folded, event: stored.id, database) {
                return .known(try Registration(row), stored.event)
            }
            try database.cachedStatement(sql: Self.insertRegistrationSQL)
                .execute(arguments: [
                    registration.uid, stored.id, registration.name, registration.email, folded,
                    JSONText.write(registration.metadata), registration.joinCode.column, registration.registeredAt,
                ])
            effects.add { [view] in
                let known = RegisteredPerson(
                    event: uid,
                    registration: registration.uid,
                    name: registration.name,
                    email: registration.email,
                    registeredAt: registration.registeredAt
                )
                view.set(known, for: registration.joinCode)
            }
            try announce(
                .registrationCreated,
                registration,
                of: stored.event,
                at: registration.registeredAt,
                database,
                &effects
            )
            return .registered(registration, stored.event)
        }
    }

    /// The registration with this e-mail, and its event. Returns `nil` if there is none.
    package func registration(
        email: String,
        of uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> (Registration, Event)? {
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database),
                let row = try Self.row(ofEmail: foldedIdentity(email), event: stored.id, database)
            else { return nil }
            return (try Registration(row), stored.event)
        }
    }

    /// Deletes a registration, so that its tokens are refused from now on.
    ///
    /// - Returns: false if there is no such registration; `nil` if the company has no such event.
    package func removeRegistration(
        email: String,
        of uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> Bool? {
        let removedAt = now
        let folded = foldedIdentity(email)
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            guard let row = try Self.row(ofEmail: folded, event: stored.id, database) else { return false }
            let registration = try Registration(row)
            try database.execute(
                sql: "UPDATE registration SET removed_at = ? WHERE id = ?",
                arguments: [removedAt, row["id"] as Int64]
            )
            effects.add { [self] in
                let subject = SubjectKey(registration: registration.uid, event: uid, company: company)
                view.removeRegistration(subject)
                view.remove(registration.joinCode)
                deleted(.registration(subject))
            }
            try announce(.registrationCancelled, registration, of: stored.event, at: removedAt, database, &effects)
            return true
        }
    }

    private static func row(ofEmail folded: String, event: Int64, _ database: Database) throws -> Row? {
        let statement = try database.cachedStatement(
            sql: "SELECT * FROM registration WHERE event = ? AND folded_email = ? AND removed_at IS NULL"
        )
        return try Row.fetchOne(statement, arguments: [event, folded])
    }

    private static let insertRegistrationSQL = """
        INSERT INTO registration (uid, event, name, email, folded_email, metadata, join_code, registered_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
}

extension Registration {
    init(_ row: Row) throws {
        uid = row["uid"]
        name = row["name"]
        email = row["email"]
        metadata = try JSONText.members(row["metadata"])
        joinCode = JoinCode(column: row["join_code"])
        registeredAt = row["registered_at"]
    }
}

extension JoinCode {
    /// The stored form.
    var column: Int64 { Int64(bitPattern: bits) }

    init(column: Int64) { self.init(bits: UInt64(bitPattern: column)) }
}
