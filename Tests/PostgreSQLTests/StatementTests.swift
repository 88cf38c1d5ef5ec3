#if PostgreSQL
    import TestSupport
    import Testing

    @testable import PostgreSQL

    @Suite("Statements", .enabled(if: PostgreSQLServer.isInstalled))
    struct StatementTests {
        @Test(
            "A value comes back as it was sent",
            arguments: [
                ("int8", .integer(0)), ("int8", .integer(.min)), ("int8", .integer(.max)), ("int4", .integer(-7)),
                ("int2", .integer(-32_768)), ("oid", .integer(4_294_967_295)), ("float8", .real(0.1)),
                ("float8", .real(-.infinity)), ("float4", .real(-1.5)), ("text", .text("")),
                ("text", .text("k\u{E9}\u{1F600}e\u{301}")), ("varchar", .text("a")), ("name", .text("a")),
                ("json", .text("{\"a\": 1}")), ("bytea", .bytes([])), ("bytea", .bytes([0, 255, 0])),
                ("text", .null), ("int8", .null), ("bytea", .null),
            ] as [(String, Value)]
        )
        func values(type: String, value: Value) throws {
            let connection = try Connection(ConnectionSettings(PostgreSQLServer.shared.localURI("postgres")))
            // Sent alone, then prepared, then as prepared before.
            for _ in 0..<3 { #expect(try connection.value("SELECT $1::\(type)", [value]) == value) }
        }

        @Test("A value may be large")
        func large() throws {
            let connection = try Connection()
            let value = Value.bytes((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            // Not the macro's argument, which it would print.
            let isSame = try connection.value("SELECT $1", [value]) == value
            #expect(isSame)
        }

        @Test("Truth is 1 or 0, and nothing is null")
        func truth() throws {
            let connection = try Connection()
            let rows = try connection.execute("SELECT true, false, pg_notify('a', 'b')")
            #expect(rows.row(0) == [.integer(1), .integer(0), .null])
        }

        @Test("Rows say their number, their columns, and how many were changed")
        func rows() throws {
            let connection = try Connection()
            try connection.run(
                script: "CREATE TABLE item (id int8, name text); INSERT INTO item VALUES (1, 'a'), (2, 'b')"
            )
            let changed = try connection.execute("UPDATE item SET name = $1 WHERE id < $2", [.text("c"), .integer(9)])
            #expect(changed.changedRows == 2 && changed.count == 0 && changed.columns == [])
            let found = try connection.execute("SELECT name, id FROM item ORDER BY id")
            #expect(found.count == 2 && found.columns == ["name", "id"])
            #expect(found.value(1, 0) == .text("c") && found.value(1, 1) == .integer(2))
        }

        @Test("A column whose type is not read is named", arguments: ["numeric", "timestamptz", "jsonb", "int8[]"])
        func unreadable(type: String) throws {
            let connection = try Connection()
            let fault = try #require(caught { _ = try connection.execute("SELECT 1 AS a, NULL::\(type) AS price") })
            #expect(fault.description.contains("column 2 (price)"))
            #expect(type.hasSuffix("]") || fault.description.contains(type))
            #expect(try connection.value("SELECT 1") == .integer(1))
        }

        @Test("A text with U+0000 is refused before it ends the transaction")
        func zero() throws {
            let connection = try Connection()
            _ = try connection.execute("BEGIN")
            let fault = try #require(caught { _ = try connection.execute("SELECT $1", [.text("a\0b")]) })
            #expect(fault.description.contains("$1") && fault.description.contains("U+0000"))
            #expect(connection.isInTransaction && !connection.hasTransactionFailed)
            #expect(throws: PostgreSQLFault.self) { try connection.run(script: "SELECT 1\0; DROP TABLE item") }
        }

        @Test("A transaction takes effect if all of it succeeds")
        func transactions() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8 PRIMARY KEY)")
            let insert = "INSERT INTO item VALUES ($1)"
            for _ in 0..<3 {
                #expect(throws: Unexpected.self) {
                    try connection.transaction {
                        _ = try connection.execute(insert, [.integer(1)])
                        throw Unexpected(what: "changed my mind")
                    }
                }
                // The fault is swallowed.
                #expect(throws: PostgreSQLFault.self) {
                    try connection.transaction {
                        _ = try connection.execute(insert, [.integer(1)])
                        _ = try? connection.execute(insert, [.integer(1)])
                    }
                }
                #expect(!connection.isInTransaction)
            }
            try connection.transaction { _ = try connection.execute(insert, [.integer(2)]) }
            #expect(try connection.value("SELECT id FROM item") == .integer(2))
        }

        @Test("Values are never read as SQL")
        func injection() throws {
            let connection = try Connection()
            let text = "'; DROP TABLE item; --"
            #expect(try connection.value("SELECT $1", [.text(text)]) == .text(text))
        }

        @Test("At most so many statements are prepared, those used last")
        func cache() throws {
            let connection = try Connection()
            let limit = Connection.statementLimit
            for number in 0..<(limit + 5) {
                for _ in 0..<2 { _ = try connection.execute("SELECT \(number)") }
            }
            _ = try connection.execute("SELECT 0")
            let count = try connection.value("SELECT count(*) FROM pg_prepared_statements")
            // Those that are given up go with the next call.
            #expect(count == .integer(Int64(limit - 1)))
            #expect(connection.statements.count == limit)
            #expect(
                try connection.value("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'")
                    == .integer(0)
            )
        }

        @Test("A statement whose table has changed is prepared anew, outside of a transaction")
        func stalePlan() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8); INSERT INTO item VALUES (1)")
            for _ in 0..<3 { _ = try connection.execute("SELECT * FROM item") }
            try connection.run(script: "ALTER TABLE item ADD COLUMN name text DEFAULT 'a'")
            #expect(try connection.execute("SELECT * FROM item").row(0) == [.integer(1), .text("a")])

            for _ in 0..<3 { _ = try connection.execute("SELECT * FROM item") }
            try connection.run(script: "BEGIN; ALTER TABLE item DROP COLUMN name")
            #expect(caught { _ = try connection.execute("SELECT * FROM item") }?.sqlState == "0A000")
            try connection.run(script: "ROLLBACK; ALTER TABLE item DROP COLUMN name")
            #expect(try connection.execute(all: [("SELECT * FROM item", [])])[0].row(0) == [.integer(1)])
            #expect(try connection.execute("SELECT * FROM item").row(0) == [.integer(1)])

            // As a pool of connections in between might do.
            for _ in 0..<3 { _ = try connection.execute("SELECT * FROM item") }
            try connection.run(script: "DEALLOCATE ALL")
            #expect(try connection.execute("SELECT * FROM item").row(0) == [.integer(1)])
        }

        @Test("Rows are passed on one by one, and whoever has seen enough ends them")
        func streaming() throws {
            let connection = try Connection()
            var sum: Int64 = 0
            for _ in 0..<3 {
                try connection.forEachRow("SELECT generate_series(1, $1)", [.integer(1_000)]) {
                    sum += $0.value(0, 0).integer ?? 0
                }
            }
            #expect(sum == 3 * 500_500)
            var count = 0
            #expect(throws: Unexpected.self) {
                try connection.forEachRow("SELECT generate_series(1, 100000000)") { _ in
                    count += 1
                    if count == 10 { throw Unexpected(what: "enough") }
                }
            }
            #expect(count == 10)
            #expect(
                caught { try connection.forEachRow("SELECT 1 / (3 - generate_series(1, 3))") { _ in count += 1 } }?
                    .sqlState
                    == "22012"
            )
            #expect(try connection.value("SELECT 1") == .integer(1))
        }

        @Test("A script's statements take effect together or not at all")
        func script() throws {
            let connection = try Connection()
            #expect(
                caught { try connection.run(script: "CREATE TABLE item (id int8); INSERT INTO items VALUES (1)") }?
                    .sqlState
                    == "42P01"
            )
            #expect(try connection.value("SELECT to_regclass('item') IS NULL") == .integer(1))
        }

        @Test("COPY is refused, and a connection that is in it is given up", arguments: ["STDOUT", "STDIN"])
        func copy(place: String) throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8)")
            let direction = place == "STDIN" ? "FROM" : "TO"
            #expect(throws: PostgreSQLFault.self) { try connection.run(script: "COPY item \(direction) \(place)") }
            #expect(connection.isBroken)
            try connection.reset()
            #expect(try connection.value("SELECT 1") == .integer(1))
        }
    }

    @Suite("A pipeline", .enabled(if: PostgreSQLServer.isInstalled))
    struct PipelineTests {
        @Test("Many statements are answered in their order, more than fit into the sockets' buffers")
        func order() throws {
            let connection = try Connection()
            let text = String(repeating: "a", count: 1_000)
            for _ in 0..<2 {
                let rows = try connection.execute(
                    all: (0..<2_000).map { ("SELECT $1, $2", [.integer($0), .text(text)]) }
                )
                #expect(rows.indices.allSatisfy { rows[$0].row(0) == [.integer(Int64($0)), .text(text)] })
            }
            #expect(try connection.execute(all: []).isEmpty)
            // Prepared once.
            #expect(try connection.value("SELECT count(*) FROM pg_prepared_statements") == .integer(1))
        }

        @Test("Of a pipeline with a statement that fails nothing takes effect, and the statement is named")
        func failure() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8 PRIMARY KEY)")
            let insert = "INSERT INTO item VALUES ($1)"
            for _ in 0..<3 {
                let fault = caught {
                    _ = try connection.execute(all: [1, 2, 1, 3].map { (insert, [.integer($0)]) })
                }
                #expect(fault?.statement == 2 && fault?.kind == .unique(constraint: "item_pkey"))
                #expect(try connection.value("SELECT count(*) FROM item") == .integer(0))
            }
            #expect(try connection.execute(all: [(insert, [.integer(1)]), (insert, [.integer(2)])]).count == 2)
            let malformed = caught {
                _ = try connection.execute(all: [("SELECT 1", []), ("SELECT $1", [.text("\0")])])
            }
            #expect(malformed?.statement == 1)
            for _ in 0..<2 {
                let unprepared = caught {
                    _ = try connection.execute(all: [("SELECT 1", []), ("SELEC", []), ("SELEC", []), ("SELECT 1", [])])
                }
                #expect(unprepared?.statement == 1 && unprepared?.sqlState == "42601")
            }
            #expect(try connection.execute(all: [("SELECT 1", [])])[0].value(0, 0) == .integer(1))
        }

        @Test("What fails only at the end of the transaction is a fault, and nothing takes effect")
        func deferred() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8 UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let insert = "INSERT INTO item VALUES ($1)"
            for _ in 0..<3 {
                let fault = caught { _ = try connection.execute(all: [1, 1].map { (insert, [.integer($0)]) }) }
                #expect(fault?.kind == .unique(constraint: "item_id_key") && fault?.statement == nil)
                #expect(!connection.isBroken)
            }
            #expect(try connection.value("SELECT count(*) FROM item") == .integer(0))
        }

        @Test("Of a pipeline of transactions each one takes effect, or fails by itself")
        func each() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8 UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let insert = "INSERT INTO item VALUES ($1) RETURNING id"
            for _ in 0..<3 {
                let results = connection.execute(each: [1, 2, 1, 3].map { (insert, [.integer($0)]) })
                #expect(results.map { (try? $0.get())?.value(0, 0) } == [.integer(1), .integer(2), nil, .integer(3)])
                let fault = caught { _ = try results[2].get() }
                #expect(fault?.kind == .unique(constraint: "item_id_key") && !connection.isBroken)
                #expect(try connection.execute("DELETE FROM item").changedRows == 3)
            }
            let malformed = connection.execute(each: [("SELECT 1", []), ("SELECT $1", [.text("\0")])])
            #expect(malformed.allSatisfy { (try? $0.get()) == nil })
            #expect(connection.execute(each: []).isEmpty)
            let many = connection.execute(each: (0..<2000).map { ("SELECT $1", [.integer($0)]) })
            #expect(many.map { (try? $0.get())?.value(0, 0) } == (0..<2000).map { .integer($0) })
        }

        @Test("What was answered before the connection is lost is known, the rest is not")
        func lost() throws {
            let connection = try Connection()
            let end = "SELECT pg_terminate_backend(pg_backend_pid())"
            let results = connection.execute(each: [("SELECT 1", []), (end, []), ("SELECT 1", [])])
            #expect(results.map { (try? $0.get()) != nil } == [true, false, false] && connection.isBroken)
            #expect(caught { _ = try results[2].get() }?.kind == .connection)
            connection.timeout = 50
            try connection.reset()
            let late = connection.execute(each: [("SELECT 1", []), ("SELECT pg_sleep(60)", []), ("SELECT 1", [])])
            #expect(late.map { (try? $0.get()) != nil } == [true, false, false] && connection.isBroken)
        }
    }
#endif
