import Admission
import Basics
import GRDB

/// The database migrations in order. Each runs once.
enum Migrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 directory") { database in
            try database.execute(sql: directory)
        }
        migrator.registerMigration("2 canonical e-mails") { database in
            try foldEmails(Database(database))
        }
        migrator.registerMigration("3 heads of rows of messages") { database in
            try database.execute(sql: deliveryHeads)
            try DeliveryPeople.fill(Database(database))
        }
        migrator.registerMigration("4 stays of a viewer are one") { database in
            try database.execute(sql: viewersStays)
            try Stay.fillFoldedEmails(Database(database))
        }
        migrator.registerMigration("5 what is over is deleted") { database in
            try database.execute(sql: purged)
        }
        migrator.registerMigration("6 whose time of day it is, and who is known by an e-mail") { database in
            try database.execute(sql: doubts)
            try Stay.fillFoldedUsers(Database(database))
            try DeliveryPeople.fillUsers(Database(database))
        }
        migrator.registerMigration("7 how webhooks do, and numbers of happenings") { database in
            try database.execute(sql: happenings)
        }
        migrator.registerMigration("8 who was sent away") { database in
            try database.execute(sql: removals)
        }
        migrator.registerMigration("9 doors") { database in
            try database.execute(sql: doors)
        }
        migrator.registerMigration("10 ended sessions") { database in
            try database.execute(sql: endedSessions)
        }
        migrator.registerMigration("11 calls that may be repeated") { database in
            try database.execute(sql: namedCalls)
        }
        migrator.registerMigration("12 companies") { database in
            try database.execute(sql: companies)
        }
        migrator.registerMigration("13 what clients say about events") { database in
            try database.execute(sql: extras)
        }
        migrator.registerMigration("14 secrets as in Standard Webhooks") { database in
            try WebhookSecret.standardize(Database(database))
        }
        migrator.registerMigration("15 subscriptions, and what became of their messages") { database in
            try database.execute(sql: subscriptions)
        }
        migrator.registerMigration("16 events that have begun and ended") { database in
            try database.execute(sql: dates)
        }
        migrator.registerMigration("17 lists") { database in
            try database.execute(sql: lists)
        }
        migrator.registerMigration("18 stays by their registrations") { database in
            try database.execute(sql: registrationStays)
        }
        migrator.registerMigration("19 how much is kept for calls that may be repeated") { database in
            try database.execute(sql: namedCallTotals)
        }
        migrator.registerMigration("20 where viewers join from") { database in
            try database.execute(sql: sources)
        }
        migrator.registerMigration("21 sums of attendance") { database in
            try database.execute(sql: attendanceSums)
        }
        migrator.registerMigration("22 secrets before the last, and messages that are delivered again") { database in
            try database.execute(sql: formerSecrets)
        }
        migrator.registerMigration("23 sums of parts of attendance") { database in
            try database.execute(sql: attendanceParts)
        }
        migrator.registerMigration("24 what waits for webhooks") { database in
            try database.execute(sql: backlogs)
        }
        migrator.registerMigration("25 what pages show of companies") { database in
            try database.execute(sql: companyPages)
        }
        migrator.registerMigration("26 what pages show of events") { database in
            try database.execute(sql: eventPages)
        }
        migrator.registerMigration("27 nodes") { database in
            try database.execute(sql: nodes)
        }
        return migrator
    }

    /// Folds e-mails anew, since an earlier version compared texts outside ASCII in another form.
    ///
    /// If several registrations turn out to be of one person, all are kept: their links are valid. The first keeps the
    /// e-mail. The others are stored under the e-mail, a space and their uid; no e-mail contains a space.
    private static func foldEmails(_ database: Database) throws {
        let rows = try database.rows(
            """
            SELECT id, uid, event, email, folded_email FROM registration
            WHERE length(email) <> length(CAST(email AS BLOB)) ORDER BY id
            """
        )
        for row in rows {
            let (id, uid, folded): (Int64, String, String) = (row["id"], row["uid"], foldedIdentity(row["email"]))
            guard !folded.hasSameBytes(as: row["folded_email"]) else { continue }
            let isTaken = try database.value(
                "SELECT EXISTS (SELECT 1 FROM registration WHERE event = ? AND folded_email = ? AND removed_at IS NULL)",
                [row["event"] as Int64, folded],
                as: Bool.self
            )
            try database.execute(
                "UPDATE registration SET folded_email = ? WHERE id = ?",
                [isTaken ?? false ? "\(folded) \(uid)" : folded, id]
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

    /// Marks the first message of each queue, that is, of a webhook's messages about one event. It is then found
    /// without scanning those behind it. Whatever deletes it marks the next.
    private static let deliveryHeads = """
        ALTER TABLE delivery ADD COLUMN is_head INTEGER NOT NULL DEFAULT 0;
        -- Whom it tells of, as e-mails are compared.
        ALTER TABLE delivery ADD COLUMN folded_email TEXT;
        UPDATE delivery SET is_head = 1 WHERE id IN (SELECT min(id) FROM delivery GROUP BY webhook, event);
        CREATE INDEX delivery_heads ON delivery (webhook, due_at) WHERE is_head = 1;
        CREATE INDEX delivery_by_email ON delivery (folded_email) WHERE folded_email IS NOT NULL;
        CREATE TRIGGER delivery_next_head AFTER DELETE ON delivery WHEN old.is_head = 1 BEGIN
            UPDATE delivery SET is_head = 1 WHERE id = (
                SELECT id FROM delivery WHERE webhook = old.webhook AND event = old.event ORDER BY id LIMIT 1
            );
        END;
        -- Since when its endpoint has failed without a success, and since when it is switched off.
        ALTER TABLE webhook ADD COLUMN failing_since INTEGER;
        ALTER TABLE webhook ADD COLUMN disabled_at INTEGER;
        """

    /// Merges a viewer's stays in close succession into one row, found by the viewer.
    private static let viewersStays = """
        ALTER TABLE stay ADD COLUMN joins INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE stay ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
        -- Milliseconds between the sessions of one row.
        ALTER TABLE stay ADD COLUMN away INTEGER NOT NULL DEFAULT 0;
        -- As e-mails are compared.
        ALTER TABLE stay ADD COLUMN folded_email TEXT;
        UPDATE stay SET replaced = 1 WHERE ending = 'replaced';
        CREATE INDEX stay_by_viewer ON stay (event, user, left_at) WHERE left_at IS NOT NULL;
        CREATE INDEX stay_by_email ON stay (company, folded_email) WHERE folded_email IS NOT NULL;
        CREATE INDEX registration_by_person ON registration (folded_email);
        """

    /// Adds what is needed to delete neither too much nor too little.
    private static let doubts = """
        -- How much longer the gateway has to run until what is over is deleted by its clock; null: it is.
        ALTER TABLE pulse ADD COLUMN doubt INTEGER;
        -- Of user ids that are e-mails: as e-mails are compared.
        ALTER TABLE stay ADD COLUMN folded_user TEXT;
        CREATE INDEX stay_by_folded_user ON stay (company, folded_user) WHERE folded_user IS NOT NULL;
        ALTER TABLE delivery ADD COLUMN folded_user TEXT;
        CREATE INDEX delivery_by_user ON delivery (folded_user) WHERE folded_user IS NOT NULL;
        """

    /// Adds what a company is told about its webhooks, and the order in which things happened.
    private static let happenings = """
        -- Attempts that failed since the last success, or since it was switched on, and why the last of them did.
        ALTER TABLE webhook ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE webhook ADD COLUMN last_error TEXT;
        ALTER TABLE webhook ADD COLUMN enabled_at INTEGER;
        -- 'api' or 'failures'; null where an earlier version has switched it off.
        ALTER TABLE webhook ADD COLUMN disabled_by TEXT;
        -- The number of the last thing that a company was told.
        CREATE TABLE happening (company TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
        """

    /// Adds viewers who were removed from events, including events that the directory does not know.
    private static let removals = """
        CREATE TABLE removal (
            id TEXT NOT NULL UNIQUE,
            company TEXT NOT NULL,
            event TEXT NOT NULL,
            kind TEXT NOT NULL,
            -- As it was entered, and as viewers are compared with it.
            person TEXT NOT NULL,
            identity TEXT NOT NULL,
            -- Of e-mails, and of user ids that are e-mails: as e-mails are compared.
            folded_email TEXT,
            -- Null: for good.
            until INTEGER,
            reason TEXT,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX removal_by_person ON removal (company, event, kind, identity);
        CREATE INDEX removal_by_email ON removal (company, folded_email) WHERE folded_email IS NOT NULL;
        CREATE INDEX removal_by_end ON removal (until) WHERE until IS NOT NULL;
        """

    /// Adds when events let attendees in: minutes before the start and after the end.
    private static let doors = """
        ALTER TABLE event ADD COLUMN doors_open INTEGER;
        ALTER TABLE event ADD COLUMN doors_close INTEGER;
        """

    /// Adds sessions that were ended for good, by the bits that name them, until they would have expired anyway.
    private static let endedSessions = """
        CREATE TABLE ended_session (bits INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
        CREATE INDEX ended_session_by_end ON ended_session (until);
        """

    /// Adds calls that their clients have named, so that repeating them has no second effect.
    private static let namedCalls = """
        CREATE TABLE named_call (
            id INTEGER PRIMARY KEY,
            company TEXT NOT NULL,
            -- A MAC of the name, which itself is not stored.
            name BLOB NOT NULL,
            fingerprint BLOB NOT NULL,
            made_at INTEGER NOT NULL,
            -- Sealed with the name; null until it is known.
            answer BLOB
        ) STRICT;
        CREATE UNIQUE INDEX named_call_by_name ON named_call (company, name);
        CREATE INDEX named_call_by_age ON named_call (made_at);
        """

    /// Adds how many bytes of answers are kept for each company.
    private static let namedCallTotals = """
        CREATE TABLE named_call_total (company TEXT PRIMARY KEY NOT NULL, bytes INTEGER NOT NULL) STRICT;
        INSERT INTO named_call_total (company, bytes)
            SELECT company, sum(length(answer)) FROM named_call WHERE answer IS NOT NULL GROUP BY company;
        CREATE INDEX named_call_with_answer ON named_call (company, made_at) WHERE answer IS NOT NULL;
        CREATE TRIGGER named_call_added AFTER INSERT ON named_call WHEN new.answer IS NOT NULL BEGIN
            INSERT INTO named_call_total (company, bytes) VALUES (new.company, length(new.answer))
                ON CONFLICT (company) DO UPDATE SET bytes = bytes + excluded.bytes;
        END;
        CREATE TRIGGER named_call_changed AFTER UPDATE OF answer ON named_call BEGIN
            INSERT INTO named_call_total (company, bytes)
                VALUES (new.company, ifnull(length(new.answer), 0) - ifnull(length(old.answer), 0))
                ON CONFLICT (company) DO UPDATE SET bytes = bytes + excluded.bytes;
        END;
        CREATE TRIGGER named_call_deleted AFTER DELETE ON named_call WHEN old.answer IS NOT NULL BEGIN
            UPDATE named_call_total SET bytes = bytes - length(old.answer) WHERE company = old.company;
        END;
        """

    /// Adds companies that the operator makes while the gateway runs, and their secrets, which are sealed.
    private static let companies = """
        CREATE TABLE company (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            embed_origins TEXT NOT NULL,
            issuers TEXT NOT NULL,
            audiences TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            suspended_at INTEGER,
            -- A removed one keeps its id from being given to another while its data is kept.
            removed_at INTEGER,
            -- Whether what a removed one had is removed too.
            is_emptied INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE company_secret (
            company TEXT NOT NULL REFERENCES company (id),
            id TEXT NOT NULL,
            form TEXT NOT NULL,
            algorithm TEXT,
            signs INTEGER NOT NULL,
            -- Base64url.
            sealed TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            -- Null: until it is revoked.
            until INTEGER,
            UNIQUE (company, id)
        ) STRICT;
        -- Shows whether a key is the one that has sealed.
        CREATE TABLE company_seal (id INTEGER PRIMARY KEY CHECK (id = 0), proof TEXT NOT NULL) STRICT;
        """

    /// Adds what pages show of companies, as a JSON text.
    private static let companyPages = """
        ALTER TABLE company ADD COLUMN page TEXT NOT NULL DEFAULT '{}';
        """

    /// Adds what pages show of events, as a JSON text.
    private static let eventPages = """
        ALTER TABLE event ADD COLUMN page TEXT NOT NULL DEFAULT '{}';
        """

    /// Adds members of events that are kept for clients, as a JSON text.
    private static let extras = """
        ALTER TABLE event ADD COLUMN extras TEXT NOT NULL DEFAULT '{}';
        """

    /// Adds which of an event's dates webhooks were told of.
    private static let dates = """
        -- 0: none, 1: the start, 2: the end too.
        ALTER TABLE event ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
        UPDATE event SET told = (starts_at <= strftime('%s', 'now') * 1000) + (ends_at <= strftime('%s', 'now') * 1000);
        CREATE INDEX event_by_next_date ON event (iif(told = 0, starts_at, ends_at)) WHERE told < 2 AND removed_at IS NULL;
        CREATE INDEX registration_by_uid ON registration (event, uid);
        -- Messages that tell of many people.
        CREATE INDEX delivery_of_many ON delivery (webhook) WHERE type = 'event.ended';
        CREATE INDEX past_delivery_of_many ON past_delivery (webhook) WHERE type = 'event.ended';
        """

    /// Adds indexes that have all that decides what a list has, and in which order.
    private static let lists = """
        DROP INDEX event_by_start;
        CREATE INDEX event_by_start ON event (company, kind, starts_at, uid, ends_at, removed_at)
            WHERE removed_at IS NULL;
        CREATE INDEX event_by_end ON event (company, kind, ends_at, uid, starts_at, removed_at)
            WHERE removed_at IS NULL;
        CREATE INDEX registration_by_event ON registration (event, id, removed_at);
        """

    /// Adds an index for finding the stays of a registration whose e-mail has changed since.
    private static let registrationStays = """
        CREATE INDEX stay_by_registration ON stay (company, registration) WHERE registration IS NOT NULL;
        """

    /// Adds indexes for deleting what ended long ago.
    private static let purged = """
        CREATE INDEX stay_by_end ON stay (left_at) WHERE left_at IS NOT NULL;
        CREATE INDEX registration_to_purge ON registration (removed_at) WHERE removed_at IS NOT NULL AND name <> '';
        CREATE INDEX event_to_purge ON event (removed_at) WHERE removed_at IS NOT NULL AND name <> '';
        """
}
