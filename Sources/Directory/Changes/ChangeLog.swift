import Basics

/// The table in which nodes that share a database tell each other what they have changed: one row for each ``Change``, in
/// the order of the transactions. Only databases at a server have it.
///
/// Transactions that write follow each other, so nothing appears behind a position that somebody has reached; those that
/// were rolled back leave gaps. Rows are deleted after an hour, but for the last one before that: whoever finds the row at
/// which it stood has missed nothing.
enum ChangeLog {
    /// A row, known again by a random number: after a fail-over, a server may give the number of a row that was lost to
    /// another one.
    struct Position: Sendable, Equatable {
        var row: Int64
        var mark: Int64
    }

    /// What follows a position.
    enum Part {
        /// - `isLast`: whether nothing follows.
        case changes([Change], end: Position, isLast: Bool)
        /// It cannot be known, since the position is not in the log, or what follows was written by a later version.
        case unknown
    }

    /// The channel on which a process says that it has written something, with its id.
    static let channel = "gateway_change"

    /// The most changes that are read at once.
    static let partSize = 1000
    /// The most rows that are deleted at once.
    private static let trimSize = 1000

    /// The position behind everything.
    static func end(_ database: Database) throws -> Position {
        guard let row = try database.row("SELECT seq, mark FROM change ORDER BY seq DESC LIMIT 1") else {
            throw DirectoryFault(description: "the change log is empty")
        }
        return Position(row: row[0], mark: row[1])
    }

    static func part(after position: Position, _ database: Database) throws -> Part {
        let rows = try database.rows(
            "SELECT seq, mark, what FROM change WHERE seq >= ? ORDER BY seq LIMIT \(partSize + 1)",
            [position.row]
        )
        guard let first = rows.first, let last = rows.last, first[0] == position.row, first[1] == position.mark else {
            return .unknown
        }
        var changes: [Change] = []
        for row in rows.dropFirst() {
            guard let change = try Change(text: row[2]) else { return .unknown }
            changes.append(change)
        }
        let end = Position(row: last[0], mark: last[1])
        return .changes(changes, end: end, isLast: rows.count <= partSize)
    }

    /// Adds changes, and says so to the nodes that listen once the transaction is on disk, in one round trip.
    ///
    /// - Parameters:
    ///   - changes: must not be empty.
    ///   - process: the id of the process that writes.
    /// - Returns: where the log ends now.
    static func add(_ changes: Set<Change>, by process: String, _ database: Database) throws -> Position {
        let mark = Int64(bitPattern: SystemRandom.word())
        let last = try database.value(
            """
            WITH added AS (
                INSERT INTO change (mark, at, what)
                SELECT ?1, CAST(extract(epoch FROM now()) * 1000 AS bigint), value
                FROM json_array_elements_text(CAST(?2 AS json)) AS list (value) RETURNING seq
            )
            SELECT max(seq) + length(CAST(pg_notify('\(channel)', ?3) AS text)) FROM added
            """,
            [mark, JSONText.write(changes.map(\.text)), process],
            as: Int64.self
        )
        guard let last else { throw DirectoryFault(description: "changes were not added to the log") }
        return Position(row: last, mark: mark)
    }

    /// Deletes some of the rows that are older than an hour, oldest first. The last one keeps its place and nothing else.
    static func trim(_ database: Database) throws {
        let hourAgo = "CAST(extract(epoch FROM now()) * 1000 AS bigint) - 3600000"
        try database.execute(
            """
            DELETE FROM change WHERE seq IN (
                SELECT seq FROM (
                    SELECT seq, lead(at) OVER (ORDER BY seq) AS followed_at
                    FROM (SELECT seq, at FROM change ORDER BY seq LIMIT \(trimSize + 1)) AS oldest
                ) AS pairs WHERE followed_at < \(hourAgo)
            )
            """
        )
        try database.execute(
            """
            UPDATE change SET what = '[]'
            WHERE seq = (SELECT min(seq) FROM change) AND at < \(hourAgo) AND what <> '[]'
            """
        )
    }
}
