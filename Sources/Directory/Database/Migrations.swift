import Admission
import GRDB
import JOSE

/// How the database came to be what it is: migrations in order, each run once.
enum Migrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 directory") { database in
            try database.execute(sql: directory)
        }
        migrator.registerMigration("2 canonical e-mails") { database in
            try foldEmails(database)
        }
        return migrator
    }

    /// Texts outside ASCII were compared in another form before.
    ///
    /// Registrations that turn out to be of one person stay all: their links are good. The first has the e-mail; the others
    /// are known by it and their uid, with a blank between, which no e-mail has.
    private static func foldEmails(_ database: Database) throws {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT id, uid, event, email, folded_email FROM registration
                WHERE length(email) <> length(CAST(email AS BLOB)) ORDER BY id
                """
        )
        for row in rows {
            let (id, uid, folded): (Int64, String, String) = (row["id"], row["uid"], foldedIdentity(row["email"]))
            guard !folded.hasSameBytes(as: row["folded_email"]) else { continue }
            let isTaken = try Bool.fetchOne(
                database,
                sql:
                    "SELECT EXISTS (SELECT 1 FROM registration WHERE event = ? AND folded_email = ? AND removed_at IS NULL)",
                arguments: [row["event"] as Int64, folded]
            )
            try database.execute(
                sql: "UPDATE registration SET folded_email = ? WHERE id = ?",
                arguments: [isTaken ?? false ? "\(folded) \(uid)" : folded, id]
            )
        }
    }

    // Times are milliseconds since 1970. Lists and metadata are JSON texts. `uid`s are UUIDs in lower case.
    private static let directory = """
        CREATE TABLE event (
            id INTEGER PRIMARY KEY,
            uid TEXT NOT NULL UNIQUE,
            company TEXT NOT NULL,
            creator TEXT NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            picture TEXT,
            starts_at INTEGER NOT NULL,
            ends_at INTEGER NOT NULL,
            timezone TEXT NOT NULL,
            type TEXT NOT NULL,
            networking_hub TEXT,
            presenters TEXT NOT NULL,
            organizers TEXT NOT NULL,
            registration_mode INTEGER NOT NULL,
            second_join TEXT,
            metadata TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            -- Kept, so that tokens for it are refused for what it is.
            removed_at INTEGER
        ) STRICT;
        CREATE INDEX event_by_start ON event (company, kind, starts_at, uid) WHERE removed_at IS NULL;

        CREATE TABLE registration (
            id INTEGER PRIMARY KEY,
            uid TEXT NOT NULL,
            event INTEGER NOT NULL REFERENCES event (id),
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            -- As e-mails are compared.
            folded_email TEXT NOT NULL,
            metadata TEXT NOT NULL,
            join_code INTEGER NOT NULL UNIQUE,
            registered_at INTEGER NOT NULL,
            removed_at INTEGER
        ) STRICT;
        CREATE UNIQUE INDEX registration_by_email ON registration (event, folded_email) WHERE removed_at IS NULL;
        CREATE INDEX registration_removed ON registration (id) WHERE removed_at IS NOT NULL;

        CREATE TABLE stay (
            id INTEGER PRIMARY KEY,
            session TEXT NOT NULL,
            company TEXT NOT NULL,
            event TEXT NOT NULL,
            registration TEXT,
            user TEXT NOT NULL,
            name TEXT,
            email TEXT,
            role TEXT NOT NULL,
            joined_at INTEGER NOT NULL,
            left_at INTEGER,
            ending TEXT
        ) STRICT;
        CREATE INDEX stay_by_event ON stay (company, event, joined_at);
        CREATE INDEX stay_open ON stay (session) WHERE left_at IS NULL;

        -- When the gateway was last known to run: what was open then ended then.
        CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;

        CREATE TABLE webhook (
            id TEXT PRIMARY KEY,
            company TEXT NOT NULL,
            event TEXT,
            type TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            secret TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX webhook_by_company ON webhook (company);

        -- Messages that wait to be delivered; ids grow, so that a webhook's messages go out in order.
        CREATE TABLE delivery (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
            event TEXT NOT NULL,
            message TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            due_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX delivery_in_order ON delivery (webhook, event, id);
        """
}
