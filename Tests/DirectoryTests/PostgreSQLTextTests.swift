#if PostgreSQL
    import Testing

    @testable import Directory

    @Suite("Statements for PostgreSQL")
    struct PostgreSQLTextTests {
        @Test(
            "Arguments are numbered, and hints for SQLite are left out",
            arguments: [
                ("SELECT 1", "SELECT 1"),
                ("a = ? AND b IN (?, ?)", "a = $1 AND b IN ($2, $3)"),
                ("a = ?2 OR b = ?1 OR c = ?12", "a = $2 OR b = $1 OR c = $12"),
                ("SELECT id FROM stay INDEXED BY stay_open WHERE x = ?", "SELECT id FROM stay  WHERE x = $1"),
                ("FROM stay INDEXED BY stay_open", "FROM stay "),
                ("name = 'Gr\u{fc}n' || ?", "name = 'Gr\u{fc}n' || $1"),
            ]
        )
        func statements(sql: String, expected: String) {
            // Twice: the second time it is known.
            for _ in 0..<2 { #expect(PostgreSQLText.of(sql) == expected) }
        }
    }
#endif
