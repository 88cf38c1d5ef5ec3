package import Admission

extension Directory {
    /// What this node is called in the leases that it shares with others: the lowest number that was free when it first
    /// asked. It keeps the number for as long as the directory knows its name.
    ///
    /// - Returns: `nil` if the database is not shared.
    package func nodeNumber() async throws -> NodeNumber? {
        guard storage.isShared else { return nil }
        return try await writer.write { [node] database, _ in
            try database.execute(
                """
                INSERT INTO node_number (number, name)
                SELECT min(taken.number) + 1, ?1 FROM (SELECT 0 AS number UNION ALL SELECT number FROM node_number) AS taken
                WHERE NOT EXISTS (SELECT 1 FROM node_number AS next WHERE next.number = taken.number + 1)
                AND NOT EXISTS (SELECT 1 FROM node_number WHERE name = ?1)
                HAVING count(*) > 0
                """,
                [node]
            )
            let number: Int? = try database.value("SELECT number FROM node_number WHERE name = ?", [node])
            return number.flatMap(NodeNumber.init(exactly:))
        }
    }
}
