import Testing

extension Site {
    /// Writes registrations of acme into an event's database, and a stay of ten minutes for each, from outside the
    /// process. The stays look as if an earlier version had written them.
    ///
    /// - Parameter metadata: the approximate number of metadata bytes for each.
    func fill(_ event: String, registrations count: Int, metadata: Int) throws {
        try edit(
            """
            now = int(time.time() * 1000)
            ids = "WITH RECURSIVE number (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?2) "
            database.execute("INSERT INTO stay (session, company, event, user, registration, name, email, role, "
                "joined_at, left_at, ending) " + ids + "SELECT 'session ' || n, 'acme', ?1, 'registration ' || n, "
                "'registration ' || n, 'Somebody', n || '@acme.example', 'attendee', ?3 + n, ?3 + n + 600000, "
                "'left' FROM number", ("\(event)", \(count), now - 600000))
            database.execute("INSERT INTO registration (uid, event, name, email, folded_email, metadata, "
                "join_code, registered_at) " + ids + "SELECT 'registration ' || n, event.id, 'Somebody', "
                "n || '@acme.example', n || '@acme.example', json_object('note', printf('%.*c', ?3, 'x')), "
                "-1 - n, 0 FROM number JOIN event WHERE event.uid = ?1", ("\(event)", \(count), \(metadata)))
            """
        )
    }

    /// Changes the database from outside the process, with Python code that uses `database`.
    func edit(_ script: String) throws {
        let whole = """
            import sqlite3, sys, time
            database = sqlite3.connect(sys.argv[1], timeout=60)
            \(script)
            database.commit()
            """
        let finished = try run("/usr/bin/env", ["python3", "-c", whole, gateway.directory["gateway.sqlite"]])
        try #require(finished.status == 0, "\(finished.errors)")
    }
}

extension Backend {
    /// Waits until the gateway has summed up the stays that an event was filled with.
    func waitForAnalytics(of event: String) throws {
        let isDone = try eventually(within: 120) {
            try call("GET", "/event/\(event)/analytics?limit=1").status == 200
        }
        try #require(isDone)
    }
}
