package import Admission
import Basics

/// Stays: when which session was under way.
extension Directory {
    /// Records arrivals and departures.
    package func record(_ changes: [SessionChange]) async throws {
        guard !changes.isEmpty else { return }
        try await writer.write { [self] database, effects in
            try resumeStays(database)
            var book = AttendanceBook(database)
            for change in changes {
                switch change {
                case .arrived(let session): try arrive(session, &book, database, &effects)
                case .departed(let session, let ending, let moment):
                    try depart(session, ending, at: moment, &book, database, &effects)
                }
            }
            try book.write()
        }
    }

    private func arrive(
        _ session: LiveSession,
        _ book: inout AttendanceBook,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        guard !session.event.isEmpty else { return }
        let viewer = session.viewer
        // Whoever was erased meanwhile is written without their name.
        let standIn = erasures.have(session) ? UUIDText.random() : nil
        var stay = Stay(session)
        if let standIn {
            (stay.user, stay.name, stay.email, stay.source) = (standIn, nil, nil, StoredSource())
            stay.registration = viewer.registration.map { _ in standIn }
        }
        // Stays that are older are added to the sums first.
        if try !book.isBehind(stay.event, stay.company) { stay.attendee = try book.arrive(stay) }
        try database.execute(
            """
            INSERT INTO stay
            (session, company, event, registration, "user", name, email, folded_email, folded_user, role, joined_at,
                device, browser, site, attendee, node)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                stay.session, stay.company, stay.event, stay.registration, stay.user, stay.name, stay.email,
                stay.email.map(foldedIdentity), standIn == nil ? DeliveryPeople.foldedUser(stay.user) : nil, stay.role,
                stay.joinedAt, stay.source.device, stay.source.browser, stay.source.site, stay.attendee,
                node,
            ]
        )
        guard standIn == nil else { return }
        try announce(.sessionJoined, session, at: session.since, [], database, &effects)
    }

    private func depart(
        _ session: LiveSession,
        _ ending: SessionEnding,
        at moment: Milliseconds,
        _ book: inout AttendanceBook,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        guard !session.event.isEmpty else { return }
        let open = try database.row("SELECT * FROM stay WHERE session = ? AND left_at IS NULL", [session.name])
        if let open {
            let stay = Stay(open, leftAt: moment, ending, role: session.role)
            if let attendee = stay.attendee { try book.depart(attendee, at: stay.leftAt ?? moment) }
            try close(stay, row: open["id"], database)
        }
        let end = [
            JSONMember("leftAt", .string(Timestamp.text(moment))), JSONMember("reason", .string(ending.rawValue)),
        ]
        // Announce nothing about a person who was erased meanwhile.
        if let open, !session.viewer.userID.hasSameBytes(as: open["user"]) { return }
        let type = ending == .replaced ? WebhookType.sessionReplaced : .sessionLeft
        try announce(type, session, at: moment, end, database, &effects)
    }

    /// A viewer's stays with no longer gap than this count as one.
    static let longestGap: Milliseconds = 60_000

    /// Records the end of a stay, either in its own row or in that of the same viewer's preceding stay. A viewer who
    /// joins again and again leaves one row.
    private func close(_ stay: Stay, row: Int64, _ database: Database) throws {
        let end = stay.leftAt ?? stay.joinedAt
        let before = try database.row(
            """
            SELECT * FROM stay INDEXED BY stay_by_attendee
            WHERE attendee = ? AND left_at >= ? AND joined_at <= ? ORDER BY left_at DESC LIMIT 1
            """,
            [stay.attendee, stay.joinedAt - Self.longestGap, end + Self.longestGap]
        )
        guard let before else {
            try database.execute(
                "UPDATE stay SET role = ?, left_at = ?, ending = ?, replaced = ? WHERE id = ?",
                [stay.role, stay.leftAt, stay.ending, stay.replaced, row]
            )
            return
        }
        try database.execute("DELETE FROM stay WHERE id = ?", [row])
        let whole = stay.following(Stay(before))
        try database.execute(
            """
            UPDATE stay SET session = ?, name = ?, email = ?, folded_email = ?, role = ?, joined_at = ?, left_at = ?,
                ending = ?, joins = ?, replaced = ?, away = ?, device = ?, browser = ?, site = ? WHERE id = ?
            """,
            [
                whole.session, whole.name, whole.email, whole.email.map(foldedIdentity), whole.role, whole.joinedAt,
                whole.leftAt, whole.ending, whole.joins, whole.replaced, whole.away,
                whole.source.device, whole.source.browser, whole.source.site, before["id"] as Int64,
            ]
        )
    }

    private func announce(
        _ type: WebhookType,
        _ session: LiveSession,
        at moment: Milliseconds,
        _ end: [JSONMember],
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let viewer = session.viewer
        // Look up nothing for nobody.
        guard !webhookIndex.webhooks(of: viewer.company, type: type, event: session.event).isEmpty else { return }
        var data = [
            JSONMember("session", .string(session.name)), JSONMember("userId", .string(viewer.userID)),
            JSONMember("role", .string(session.role.name)),
            JSONMember("joinedAt", .string(Timestamp.text(session.id.joinedAt))),
        ]
        for (name, value) in [
            ("registrationId", viewer.registration), ("name", viewer.name), ("email", viewer.email),
        ] {
            if let value { data.append(JSONMember(name, .string(value))) }
        }
        data += try Self.metadata(ofRegistration: viewer.registration, session.event, viewer.company, database)
        try announce(type, company: viewer.company, event: session.event, at: moment, data + end, database, &effects)
    }

    /// The metadata of a session's registration, if the directory has it.
    private static func metadata(
        ofRegistration uid: String?,
        _ event: String,
        _ company: String,
        _ database: Database
    ) throws -> [JSONMember] {
        guard let uid else { return [] }
        let text = try database.value(
            """
            SELECT registration.metadata FROM registration JOIN event ON event.id = registration.event
            WHERE registration.uid = ? AND event.uid = ? AND event.company = ?
            AND registration.removed_at IS NULL
            """,
            [uid, event, company],
            as: String.self
        )
        return try text.map { [JSONMember("metadata", .object(try JSONText.members($0)))] } ?? []
    }

    /// Ends this node's open stays when the gateway stops. Nothing is delivered before the next start.
    func endOpenStays() async throws {
        let moment = now
        try await writer.write { [self] database, _ in
            var effects = Writer.Effects()
            try resumeStays(database)
            try endOpenStays(of: node, at: moment, database, &effects)
        }
    }

    /// Ends every open stay of a node, none before it began, and announces it to webhooks, one row at a time. Returns
    /// whether there were any.
    @discardableResult
    func endOpenStays(
        of node: String,
        at moment: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> Bool {
        let ending = SessionEnding.stopped.rawValue
        let open = try database.rows(
            """
            SELECT session, company, event, registration, "user", name, email, role, joined_at FROM stay
            WHERE left_at IS NULL AND node = ?
            """,
            [node]
        )
        if open.isEmpty { return false }
        for stay in open {
            let (joinedAt, company, event): (Milliseconds, String, String) = (stay[8], stay[1], stay[2])
            guard !webhookIndex.webhooks(of: company, type: .sessionLeft, event: event).isEmpty else { continue }
            var data = [
                JSONMember("session", .string(stay[0])), JSONMember("userId", .string(stay[4])),
                JSONMember("role", .string(stay[7])), JSONMember("joinedAt", .string(Timestamp.text(joinedAt))),
            ]
            for (name, column) in [("registrationId", 3), ("name", 5), ("email", 6)] {
                if let value: String = stay[column] { data.append(JSONMember(name, .string(value))) }
            }
            data += try Self.metadata(ofRegistration: stay[3], event, company, database)
            let leftAt = max(joinedAt, moment)
            data += [
                JSONMember("leftAt", .string(Timestamp.text(leftAt))), JSONMember("reason", .string(ending)),
            ]
            try announce(.sessionLeft, company: company, event: event, at: leftAt, data, database, &effects)
        }
        var book = AttendanceBook(database)
        try book.departAll(of: node, at: moment)
        try book.write()
        try database.execute(
            """
            UPDATE stay SET left_at = iif(joined_at < ?1, ?1, joined_at), ending = ?2
            WHERE left_at IS NULL AND node = ?3
            """,
            [moment, ending, node]
        )
        return true
    }
}
