import Basics

/// Copies a whole directory from one database to another that is empty, such as from a file to a server.
package struct DirectoryCopy {
    private let source: any Storage
    private let target: any Storage
    private let targetName: String

    /// Opens both databases, and brings the tables of both up to date. No gateway may use them.
    ///
    /// - Parameters:
    ///   - source: the path of SQLite's file, which must exist, or a `postgres://` URI.
    ///   - target: likewise; a file is made.
    package init(from source: String, to target: String) throws(DirectoryFault) {
        let (from, to) = (StorageLocation(source), StorageLocation(target))
        guard try from.read({ _ in }) != nil else {
            throw DirectoryFault(description: "\(from.name): there is no directory to copy")
        }
        self.source = try from.open()
        self.target = try to.open()
        targetName = to.name
    }

    /// Copies all tables, in one transaction.
    ///
    /// - Parameter progress: called after each table with the number of its rows.
    package func run(progress: (_ table: String, _ rows: Int) -> Void) throws(DirectoryFault) {
        do {
            try target.fill { target in
                for table in StoredTable.all where try target.row("SELECT 1 FROM \(table.name) LIMIT 1") != nil {
                    throw DirectoryFault(description: "\(targetName): not empty; copy into a new database")
                }
                for table in StoredTable.all { progress(table.name, try table.copy(from: source, to: target)) }
            }
        } catch let fault as DirectoryFault {
            throw fault
        } catch {
            throw DirectoryFault(description: target.words(error))
        }
    }

    /// Closes both databases.
    package func close() async {
        await source.close()
        await target.close()
    }
}

/// A table of the directory, which all databases have with the same columns.
struct StoredTable {
    let name: String
    /// What orders its rows as they were inserted.
    private let order: String

    private init(_ name: String, by order: String = "id") { (self.name, self.order) = (name, order) }

    /// All tables; those that others refer to come first.
    static let all = [
        StoredTable("company", by: "created_at, id"), StoredTable("company_secret", by: "rowid"),
        StoredTable("company_seal"), StoredTable("event"), StoredTable("registration"),
        StoredTable("registration_total", by: "event"), StoredTable("removal", by: "rowid"),
        StoredTable("ended_session", by: "bits"), StoredTable("attendance"), StoredTable("attendance_source"),
        StoredTable("attendee"), StoredTable("attendance_minute", by: "attendance, begins_at"),
        StoredTable("attendance_newcomer", by: "source, begins_at"),
        StoredTable("attendance_gap", by: "attendance, left_at, came_at"), StoredTable("stay"),
        StoredTable("node", by: "name"),
        StoredTable("webhook", by: "created_at, id"), StoredTable("former_secret", by: "rowid"),
        StoredTable("announcement"), StoredTable("delivery"), StoredTable("past_delivery"),
        StoredTable("happening", by: "company"), StoredTable("named_call"),
        StoredTable("named_call_total", by: "company"),
    ]

    /// How many rows are read at once.
    private static let part = 10_000

    /// Returns the number of rows.
    ///
    /// - Parameter source: used by nobody else, so that it stays the same between the parts.
    fileprivate func copy(from source: any Storage, to target: Database) throws -> Int {
        var count = 0
        while true {
            let sql = "SELECT * FROM \(name) ORDER BY \(order) LIMIT ? OFFSET ?"
            let rows = try source.read { try $0.rows(sql, [Self.part, count]) }
            for row in rows { try insert(row, target) }
            count += rows.count
            if rows.count < Self.part { return count }
        }
    }

    private func insert(_ row: Row, _ target: Database) throws {
        // Row numbers are made anew, in the same order.
        let columns = row.columns.names.indices.filter { !row.columns.names[$0].hasSameBytes(as: "rowid") }
        let names = columns.map { "\"\(row.columns.names[$0])\"" }.joined(separator: ", ")
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        try target.execute(
            "INSERT INTO \(name) (\(names)) VALUES (\(places))",
            Arguments(stored: columns.map { row.values[$0] })
        )
    }
}
