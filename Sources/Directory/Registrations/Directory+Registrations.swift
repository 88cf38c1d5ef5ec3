package import Admission
import Basics

extension Directory {
    /// Registers a person, once per e-mail: of several concurrent calls, one registers.
    package func register(
        _ person: NewRegistration,
        for uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> RegistrationOutcome {
        let draft = RegistrationDraft(person, at: now)
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return .noEvent }
            return try enter(draft, in: stored, database, &effects)
        }
    }

    /// The most people that one write registers, so that other writes do not wait for long.
    private static let bulkPart = 100

    /// Registers several people like ``register(_:for:_:company:)``, one after the other.
    ///
    /// - Parameter isAtomic: whether to register nobody if somebody is registered already and is not to be changed.
    ///   This takes a single write.
    package func register(
        _ people: [NewRegistration],
        for uid: String,
        _ kind: EventKind,
        company: String,
        isAtomic: Bool
    ) async throws -> BulkOutcome {
        let drafts = people.map { RegistrationDraft($0, at: now) }
        let part = isAtomic ? max(drafts.count, 1) : Self.bulkPart
        var outcomes: [RegistrationOutcome] = []
        repeat {
            let next = Array(drafts[outcomes.count..<min(outcomes.count + part, drafts.count)])
            let outcome: BulkOutcome
            do {
                outcome = try await writer.write { [self] database, effects in
                    guard let stored = try Stored.event(uid, kind, company: company, database) else { return .noEvent }
                    let outcomes = try next.map { try enter($0, in: stored, database, &effects) }
                    let known = next.indices.filter { !next[$0].person.changesKnown && outcomes[$0].isKnown }
                    if isAtomic, !known.isEmpty { throw KnownPeople(indexes: known) }
                    return .done(outcomes)
                }
            } catch let error as KnownPeople {
                return .known(error.indexes)
            }
            guard case .done(let done) = outcome else {
                // The event was deleted meanwhile.
                return outcomes.isEmpty ? .noEvent : .done(outcomes + drafts[outcomes.count...].map { _ in .noEvent })
            }
            outcomes += done
        } while outcomes.count < drafts.count
        return .done(outcomes)
    }

    /// Undoes a write, since these people are registered already.
    private struct KnownPeople: Error {
        let indexes: [Int]
    }

    private func enter(
        _ draft: RegistrationDraft,
        in stored: Stored,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> RegistrationOutcome {
        let person = draft.person
        if let row = try Self.row(.email(person.email), event: stored.id, database) {
            guard person.changesKnown else { return .known(try Registration(row), stored.event, changed: []) }
            let changes = RegistrationChanges(name: person.name, metadata: person.metadata)
            guard case .changed(let known, _, let changed) = try change(row, changes, of: stored, database, &effects)
            else { throw DirectoryFault(description: "a registration that was just read is not there") }
            return .known(known, stored.event, changed: changed)
        }
        let registration = draft.registration
        try database.execute(
            Self.insertRegistrationSQL,
            [
                registration.uid, stored.id, registration.name, registration.email,
                foldedIdentity(registration.email), JSONText.write(registration.metadata),
                registration.joinCode.column, registration.registeredAt,
            ]
        )
        show(registration, of: stored.event, &effects)
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

    /// A valid registration, and its event. Returns `nil` if there is none.
    package func registration(
        _ name: RegistrationName,
        of uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> (Registration, Event)? {
        try await storage.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database),
                let row = try Self.row(name, event: stored.id, database)
            else { return nil }
            return (try Registration(row), stored.event)
        }
    }

    /// Changes a registration. Its tokens stay valid; those made from now on have the new name and e-mail.
    package func changeRegistration(
        _ name: RegistrationName,
        of uid: String,
        _ kind: EventKind,
        company: String,
        _ changes: RegistrationChanges
    ) async throws -> ChangeOutcome {
        try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database),
                let row = try Self.row(name, event: stored.id, database)
            else { return .none }
            return try change(row, changes, of: stored, database, &effects)
        }
    }

    private func change(
        _ row: Row,
        _ changes: RegistrationChanges,
        of stored: Stored,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> ChangeOutcome {
        var registration = try Registration(row)
        var changed: [RegistrationMember] = []
        if let name = changes.name, !name.hasSameBytes(as: registration.name) {
            registration.name = name
            changed.append(.name)
        }
        var folded: String = row["folded_email"]
        if let email = changes.email, !email.hasSameBytes(as: registration.email) {
            let identity = foldedIdentity(email)
            if !identity.hasSameBytes(as: foldedIdentity(registration.email)) {
                if let other = try Self.row(.email(email), event: stored.id, database) { return .taken(other["uid"]) }
                folded = identity
            }
            registration.email = email
            changed.append(.email)
        }
        if let metadata = changes.metadata, metadata != registration.metadata {
            registration.metadata = metadata
            changed.append(.metadata)
        }
        guard !changed.isEmpty else { return .changed(registration, stored.event, []) }
        try database.execute(
            "UPDATE registration SET name = ?, email = ?, folded_email = ?, metadata = ? WHERE id = ?",
            [
                registration.name, registration.email, folded, JSONText.write(registration.metadata),
                row["id"] as Int64,
            ]
        )
        show(registration, of: stored.event, &effects)
        try announce(.registrationUpdated, registration, of: stored.event, at: now, database, &effects)
        return .changed(registration, stored.event, changed)
    }

    /// Deletes a registration, so that its tokens are refused from now on.
    ///
    /// - Returns: false if there is no such registration; `nil` if the company has no such event.
    package func removeRegistration(
        _ name: RegistrationName,
        of uid: String,
        _ kind: EventKind,
        company: String
    ) async throws -> Bool? {
        let removedAt = now
        return try await writer.write { [self] database, effects in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            guard let row = try Self.row(name, event: stored.id, database) else { return false }
            let registration = try Registration(row)
            try database.execute(
                "UPDATE registration SET removed_at = ? WHERE id = ?",
                [removedAt, row["id"] as Int64]
            )
            effects.add(.registration(registration.joinCode)) { [self] in
                let subject = SubjectKey(registration: registration.uid, event: uid, company: company)
                view.removeRegistration(subject)
                view.remove(registration.joinCode)
                deleted(.registration(subject))
            }
            try announce(.registrationCancelled, registration, of: stored.event, at: removedAt, database, &effects)
            return true
        }
    }

    /// Shows a registration to the data plane.
    private func show(_ registration: Registration, of event: Event, _ effects: inout Writer.Effects) {
        effects.add(.registration(registration.joinCode)) { [view] in
            view.set(registration.person(at: event.uid), for: registration.joinCode)
        }
    }

    private static func row(_ name: RegistrationName, event: Int64, _ database: Database) throws -> Row? {
        let (column, value) =
            switch name {
            case .id(let id): ("uid", id)
            case .email(let email): ("folded_email", foldedIdentity(email))
            }
        return try database.row(
            "SELECT * FROM registration WHERE event = ? AND \(column) = ? AND removed_at IS NULL",
            [event, value]
        )
    }

    private static let insertRegistrationSQL = """
        INSERT INTO registration (uid, event, name, email, folded_email, metadata, join_code, registered_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
}

/// A person with the registration that they get unless they have one.
private struct RegistrationDraft: Sendable {
    let person: NewRegistration
    let registration: Registration

    init(_ person: NewRegistration, at moment: Milliseconds) {
        self.person = person
        registration = Registration(
            uid: UUIDText.random(),
            name: person.name,
            email: person.email,
            metadata: person.metadata ?? [],
            joinCode: JoinCode(bits: SystemRandom.word()),
            registeredAt: moment
        )
    }
}

extension RegistrationOutcome {
    fileprivate var isKnown: Bool {
        if case .known = self { true } else { false }
    }
}

extension Registration {
    init(_ row: Row) throws {
        uid = row["uid"]
        name = row["name"]
        email = row["email"]
        metadata = try JSONText.members(row["metadata"])
        joinCode = JoinCode(column: row["join_code"])
        registeredAt = row["registered_at"]
        removedAt = row["removed_at"]
    }
}

extension JoinCode {
    /// The stored form.
    var column: Int64 { Int64(bitPattern: bits) }

    init(column: Int64) { self.init(bits: UInt64(bitPattern: column)) }
}
