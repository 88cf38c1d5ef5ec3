package import Admission
package import Basics

/// What a company's part of the directory stores about a person.
package struct PersonRecord: Sendable {
    package struct Registered: Sendable {
        package let event: String
        package let registration: Registration
        /// When the registration or its event was removed.
        package let removedAt: Milliseconds?
    }

    package struct Stayed: Sendable {
        package let event: String
        package let registration: String?
        package let user: String
        package let name: String?
        package let email: String?
        package let role: String
        package let joinedAt: Milliseconds
        package let leftAt: Milliseconds?
        package let joins: Int
        package let source: StoredSource
    }

    /// An event whose lists contain the person.
    package struct Listed: Sendable {
        package let event: String
        package let name: String
        package let listing: Listing
        package let removedAt: Milliseconds?
    }

    package let registrations: [Registered]
    package let stays: [Stayed]
    package let listings: [Listed]
    package let removals: [Removal]
}

/// What was erased about a person.
package struct Erasure: Sendable, Equatable {
    package var registrations = 0
    package var stays = 0
    package var messages = 0
    package var events = 0
    package var removals = 0
}

extension Directory {
    /// Everything that a company has about a person.
    ///
    /// - Parameter email: compared by ``foldedIdentity(_:)``.
    package func person(email: String, company: String) async throws -> PersonRecord {
        let folded = foldedIdentity(email)
        let mentions = try await mentions(of: folded, company: company)
        return try await storage.read { database in
            let registrations = try database.rows(
                """
                SELECT registration.*, event.uid AS event_uid,
                    coalesce(registration.removed_at, event.removed_at) AS over_at FROM registration
                JOIN event ON event.id = registration.event
                WHERE \(Self.isPerson) AND event.company = ?2 ORDER BY registration.id
                """,
                [folded, company]
            )
            let stays = try database.rows(
                "SELECT * FROM stay WHERE \(Self.isPersonsStay) ORDER BY joined_at, id",
                [folded, company]
            )
            return PersonRecord(
                registrations: try registrations.map { row in
                    PersonRecord.Registered(
                        event: row["event_uid"],
                        registration: try Registration(row),
                        removedAt: row["over_at"]
                    )
                },
                stays: stays.map { row in
                    let stay = Stay(row)
                    return PersonRecord.Stayed(
                        event: stay.event,
                        registration: stay.registration,
                        user: stay.user,
                        name: stay.name,
                        email: stay.email,
                        role: stay.role,
                        joinedAt: stay.joinedAt,
                        leftAt: stay.leftAt,
                        joins: stay.joins,
                        source: stay.source
                    )
                },
                listings: try mentions.flatMap { try Self.listings(of: folded, inEvent: $0.event, database) },
                removals: try database.rows(
                    "SELECT * FROM removal WHERE \(Self.isPersonsRemoval) ORDER BY created_at, rowid",
                    [folded, company]
                ).compactMap(Removal.init)
            )
        }
    }

    private static func listings(
        of folded: String,
        inEvent id: Int64,
        _ database: Database
    ) throws -> [PersonRecord.Listed] {
        guard let row = try database.row("SELECT * FROM event WHERE id = ?", [id]) else {
            return []
        }
        let event = try Event(row)
        return [(Listing.presenter, event.fields.presenters), (.organizer, event.fields.organizers)]
            .filter { !Self.places(of: folded, in: $0.1).isEmpty }
            .map { listing, _ in
                PersonRecord.Listed(
                    event: event.uid,
                    name: event.fields.name,
                    listing: listing,
                    removedAt: row["removed_at"]
                )
            }
    }

    /// Erases a person from a company's data. Attendance stays without the name, and the person's sessions are ended.
    /// Neither the database nor its log contains what was erased.
    ///
    /// - Parameter email: compared by ``foldedIdentity(_:)``.
    package func erasePerson(email: String, company: String) async throws -> Erasure {
        let folded = foldedIdentity(email)
        // Search outside the write: a company may have many events with long lists.
        let mentions = try await mentions(of: folded, company: company)
        let erasure = try await writer.write { [self] database, effects in
            let removedAt = now
            // Covers what has happened until now but is written later.
            erasures.note(folded, company, at: removedAt)
            var erasure = Erasure()
            // Delete these first: they are found through the registrations and stays that are erased next.
            let arguments: Arguments = [folded, company]
            erasure.removals = try delete(Self.isPersonsRemoval, arguments, database, &effects).count
            erasure.stays = try Self.eraseStays(folded, company, database)
            erasure.registrations = try eraseRegistrations(folded, company, at: removedAt, database, &effects)
            erasure.messages = try DeliveryPeople.erase(folded, company, database)
            // Only who made the calls can read which of these tell of the person.
            try database.execute(
                "UPDATE named_call SET answer = NULL WHERE company = ? AND answer IS NOT NULL",
                [company]
            )
            for mention in mentions {
                if try unlist(folded, from: mention, database, &effects) { erasure.events += 1 }
            }
            effects.add(try changes(forErasureOf: folded, company)) { [self] in
                deleted(.person(company: company, foldedEmail: folded))
                erasures.note(folded, company, at: now)
            }
            return erasure
        }
        await storage.forgetDeleted()
        return erasure
    }

    /// A stay with this e-mail, with a user id that is this e-mail, or of a registration that has this e-mail now. Three
    /// terms, each with its own index.
    private static let isPersonsStay = """
        id IN (
            SELECT id FROM stay WHERE company = ?2 AND folded_email = ?1
            UNION SELECT id FROM stay WHERE company = ?2 AND folded_user = ?1
            UNION SELECT id FROM stay WHERE company = ?2 AND registration IN (
                SELECT registration.uid FROM registration JOIN event ON event.id = registration.event
                WHERE \(isPerson) AND event.company = ?2
            )
        )
        """

    /// A registration with this e-mail. One that was found to duplicate another has more text after a space. Erased
    /// ones have no e-mail.
    private static let isPerson = """
        registration.folded_email >= ?1 AND registration.folded_email < ?1 || '!' AND registration.email <> ''
        """

    /// A removal of the e-mail, or of a registration or user id that the person has in the event.
    private static let isPersonsRemoval = """
        company = ?2 AND (
            folded_email = ?1
            OR kind = 'registration' AND identity IN (
                SELECT registration.uid FROM registration JOIN event ON event.id = registration.event
                WHERE \(isPerson) AND event.company = ?2
            )
            OR (kind, event, identity) IN (
                SELECT 'user', event, "user" FROM stay WHERE \(isPersonsStay)
                UNION ALL SELECT 'registration', event, registration FROM stay WHERE \(isPersonsStay)
            )
        )
        """

    private func eraseRegistrations(
        _ folded: String,
        _ company: String,
        at removedAt: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> Int {
        let rows = try database.rows(
            """
            SELECT registration.id, registration.uid, join_code, event.uid AS event_uid FROM registration
            JOIN event ON event.id = registration.event WHERE \(Self.isPerson) AND event.company = ?2
            """,
            [folded, company]
        )
        for row in rows {
            // Sessions whose tokens have an earlier e-mail are known by their registration.
            erasures.note(row["uid"], company, at: removedAt)
            // What remains refuses the registration's tokens.
            try database.execute(
                """
                UPDATE registration SET name = '', email = '', folded_email = uid, metadata = '{}',
                    removed_at = coalesce(removed_at, ?) WHERE id = ?
                """,
                [removedAt, row["id"] as Int64]
            )
            let subject = SubjectKey(registration: row["uid"], event: row["event_uid"], company: company)
            let code = JoinCode(column: row["join_code"])
            effects.add(.registration(code)) { [self] in
                view.removeRegistration(subject)
                view.remove(code)
                deleted(.registration(subject))
            }
        }
        return rows.count
    }

    /// Replaces the person by a nameless stand-in, the same one in all stays of one registration or user.
    private static func eraseStays(_ folded: String, _ company: String, _ database: Database) throws -> Int {
        var book = AttendanceBook(database)
        var standIns: [[UInt8]: String] = [:]
        let rows = try database.rows(
            "SELECT id, event, registration, \"user\", attendee FROM stay WHERE \(Self.isPersonsStay)",
            [folded, company]
        )
        for row in rows {
            let registration: String? = row["registration"]
            let (event, user): (String, String) = (row["event"], row["user"])
            // A line break separates the parts: no id begins with one.
            let person = Array("\(event)\n\(registration ?? "\n" + user)".utf8)
            let standIn = standIns[person] ?? UUIDText.random()
            standIns[person] = standIn
            if let attendee: Int64 = row["attendee"] { try book.erase(attendee, as: standIn) }
            try database.execute(
                """
                UPDATE stay SET name = NULL, email = NULL, folded_email = NULL, folded_user = NULL, device = NULL,
                    browser = NULL, site = NULL, "user" = ?, registration = ? WHERE id = ?
                """,
                [standIn, registration == nil ? nil : standIn, row["id"] as Int64]
            )
        }
        return rows.count
    }
}
