import Admission
import Basics
import Synchronization

/// The gateways that share the database. Each gives signs of life, and has stays of its own.
extension Directory {
    /// How long nodes without stays are remembered after their last sign of life.
    private static let memory: Milliseconds = 7 * ClockTrust.day

    /// Records that this node is running, so that after a crash its open stays end at the last recorded time. Ends those of
    /// nodes that have fallen silent.
    package func beat() async throws {
        let trust = pulse.look(at: now)
        try await writer.write { [self] database, effects in
            try resumeStays(database)
            try Pulse.write(trust, of: node, database)
            if storage.isShared { try endStaysOfSilent(trust, database, &effects) }
        }
    }

    /// Keeps the database from being taken by another gateway while nothing is written, as when a server ends connections
    /// that are idle, and obeys whoever has written meanwhile. Call it about once a second.
    package func hold() async {
        let before = storage.openings
        do {
            try await storage.keepOpen()
        } catch {
            return storageWatch.wrote(error)
        }
        if storage.openings != before || storageFault != nil { try? await beat() }
    }

    /// The change in the trust in the time of day since the last call.
    package func takeClockNews() -> ClockNews? { pulse.takeNews() }

    /// Ends what this node left open in a crash, at the time when it was last known to run; then begins anew.
    ///
    /// - Parameter keepsStays: whether there was no crash, and open stays go on.
    func begin(keepsStays: Bool) throws {
        let moment = now
        try storage.write { database in
            let own = try database.value("SELECT at FROM node WHERE name = ?", [node], as: Milliseconds.self)
            if keepsStays {
                try resumeStays(database)
            } else {
                var effects = Writer.Effects()
                // Nothing is delivered yet.
                try endOpenStays(of: node, at: own ?? 0, database, &effects)
                try database.execute("UPDATE node SET ended_at = NULL WHERE name = ?", [node])
            }
            let isNew = try database.value("SELECT NOT EXISTS (SELECT 1 FROM event)", as: Bool.self) ?? false
            let last = try Pulse.last(node, database)
            let known = last ?? ClockTrust(at: moment, doubt: isNew ? nil : ClockTrust.day)
            try Pulse.write(pulse.begin(known, at: moment), of: node, database)
        }
    }

    /// Ends the stays of nodes that have been silent for too long, at their last signs of life. One that only could not
    /// reach the database resumes them when it is back: see ``resumeStays(_:)``.
    private func endStaysOfSilent(
        _ trust: ClockTrust,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let signs = try database.rows("SELECT name, at FROM node WHERE name <> ?", [node]).map { row in
            (node: row[0] as String, at: row[1] as Milliseconds)
        }
        for (name, at) in nodeWatch.withLock({ $0.look(signs, at: uptime()) }) {
            if try endOpenStays(of: name, at: at, database, &effects) {
                try database.execute("UPDATE node SET ended_at = ? WHERE name = ?", [at, name])
            } else if trust.doubt == nil, at < trust.at - Self.memory {
                try database.execute("DELETE FROM node WHERE name = ?", [name])
            }
        }
    }

    /// Continues this node's stays if another node has ended them because it heard nothing from this one: their viewers
    /// were there all the time. Those that have really ended since are recorded after that.
    func resumeStays(_ database: Database) throws {
        guard storage.isShared else { return }
        let endedAt = try database.value("SELECT ended_at FROM node WHERE name = ?", [node], as: Milliseconds.self)
        guard let endedAt else { return }
        var book = AttendanceBook(database)
        let ended = try database.rows(
            "SELECT * FROM stay WHERE left_at >= ? AND node = ? AND ending = ?",
            [endedAt, node, SessionEnding.stopped.rawValue]
        )
        for row in ended {
            var stay = Stay(row)
            stay.joinedAt = stay.leftAt ?? stay.joinedAt
            if stay.attendee != nil { stay.attendee = try book.arrive(stay) }
            try database.execute(
                "UPDATE stay SET left_at = NULL, ending = NULL, attendee = ? WHERE id = ?",
                [stay.attendee, row["id"] as Int64]
            )
        }
        try book.write()
        try database.execute("UPDATE node SET ended_at = NULL WHERE name = ?", [node])
    }
}
