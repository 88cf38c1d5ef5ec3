import Admission
import Basics

/// Announcements of events that start and end, at their dates, each once.
extension Directory {
    /// The most dates that are announced before those that have come meanwhile are looked for.
    private static let datePart = 1000

    /// Announces the starts and ends that have come since the last call, also those that came while the gateway was
    /// down, in short writes, in turns by company. An end waits until the event's attendance is known. Call about once
    /// a second.
    package func announceDates() async throws {
        let moment = now
        while true {
            var due = try await dueDates(at: moment)[...]
            guard !due.isEmpty else { return }
            while !due.isEmpty {
                try Task.checkCancellation()
                due = try await writer.write { [self, due] database, effects in
                    var (turn, rest) = (WriteTurn(), due)
                    repeat {
                        guard let id = rest.popFirst() else { break }
                        try announceDate(ofEvent: id, at: moment, database, &effects)
                    } while !turn.isOver
                    return rest
                }
            }
        }
    }

    /// Events of which a date has come, each company's first one first.
    private func dueDates(at moment: Milliseconds) async throws -> [Int64] {
        try await storage.read { database in
            try database.values(
                """
                SELECT id FROM (
                    SELECT id, date, row_number() OVER (PARTITION BY company ORDER BY date, id) AS turn FROM (
                        SELECT id, company, iif(told = 0, starts_at, ends_at) AS date FROM event
                        WHERE told < 2 AND removed_at IS NULL AND iif(told = 0, starts_at, ends_at) <= ?
                        AND NOT (told = 1 AND EXISTS (
                            SELECT 1 FROM stay WHERE company = event.company AND stay.event = event.uid
                            AND attendee IS NULL
                        ))
                    ) AS due
                ) AS turns ORDER BY turn, date, id LIMIT \(Self.datePart)
                """,
                [moment],
                as: Int64.self
            )
        }
    }

    private func announceDate(
        ofEvent id: Int64,
        at moment: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        // It may have been changed or deleted meanwhile.
        let row = try database.row(
            """
            UPDATE event SET told = told + 1 WHERE id = ? AND told < 2 AND removed_at IS NULL
            AND iif(told = 0, starts_at, ends_at) <= ? RETURNING *
            """,
            [id, moment]
        )
        guard let row else { return }
        let event = try Event(row)
        if (row["told"] as Int) == 1 {
            try announce(.eventStarted, event, at: event.fields.startsAt, database, &effects)
        } else if !webhookIndex.webhooks(of: event.company, type: .eventEnded, event: event.uid).isEmpty {
            let data = try attendance(of: event, row: id, at: moment, database)
            try announce(.eventEnded, event, at: event.fields.endsAt, with: data, database, &effects)
        }
    }

    /// Who was at an event, as far as a message has it.
    private func attendance(
        of event: Event,
        row: Int64,
        at moment: Milliseconds,
        _ database: Database
    ) throws -> [JSONMember] {
        let stored = Stored(id: row, event: event)
        let attendance = try AttendanceReading(stored, now: moment, within: .all, database)
            .attendance(limit: Payload.maxParticipants, after: nil)
        let participants = try Self.participants(
            attendance.page.people[...],
            of: stored,
            within: .all,
            now: moment,
            database
        )
        var (named, size): ([JSONValue], Int) = ([], 0)
        for participant in participants {
            let value = JSONValue.object(Self.values(participant))
            size += value.serialized().count
            if size > Payload.maxParticipantBytes { break }
            named.append(value)
        }
        return [
            JSONMember("participantCount", .number(Double(attendance.attended))),
            JSONMember("participants", .array(named)),
        ]
    }

    private static func values(_ person: EventAttendance.Participant) -> [JSONMember] {
        var values = [
            JSONMember("name", person.name.map(JSONValue.string) ?? .null),
            JSONMember("email", person.email.map(JSONValue.string) ?? .null),
            JSONMember("role", .string(person.role)),
            JSONMember("firstJoin", .string(Timestamp.text(person.firstJoin))),
            JSONMember("lastLeave", person.lastLeave.map { .string(Timestamp.text($0)) } ?? .null),
            JSONMember("minutes", .number((person.minutes * 100).rounded() / 100)),
        ]
        if let id = person.registrationID { values.append(JSONMember("registrationId", .string(id))) }
        if let id = person.userID { values.append(JSONMember("userId", .string(id))) }
        return Payload.data(Payload.participant, values)
    }

    /// Notes that an event's dates were changed: those that lie ahead again will be announced again.
    static func forgetDates(ofEvent id: Int64, after moment: Milliseconds, _ database: Database) throws {
        try database.execute(
            """
            UPDATE event SET told = CASE WHEN starts_at > ?1 THEN 0 WHEN ends_at > ?1 THEN iif(told > 1, 1, told) ELSE told END
            WHERE id = ?2
            """,
            [moment, id]
        )
    }

    /// Notes that no date of an event will be announced, since it was over when it was created, or has none.
    static func skipDates(ofEvent uid: String, _ database: Database) throws {
        try database.execute("UPDATE event SET told = 2 WHERE uid = ?", [uid])
    }
}
