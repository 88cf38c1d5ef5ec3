/// Migrations of attendance.
extension Migrations {
    /// Adds where viewers joined from; null if nothing is known.
    static let sources = """
        ALTER TABLE stay ADD COLUMN device TEXT;
        ALTER TABLE stay ADD COLUMN browser TEXT;
        ALTER TABLE stay ADD COLUMN site TEXT;
        """

    /// Adds whose the stays are, as in a database that several gateways share. A file has one node, without a name.
    static let nodes = """
        CREATE TABLE node (
            name TEXT PRIMARY KEY,
            -- When it was last known to run.
            at INTEGER NOT NULL,
            -- How much longer it has to run until what is over is deleted by its clock; null: it is.
            doubt INTEGER,
            -- Since when its stays count as ended, since it was silent; null: they do not.
            ended_at INTEGER
        ) STRICT;
        INSERT INTO node (name, at, doubt) SELECT '', at, doubt FROM pulse;
        DROP TABLE pulse;
        ALTER TABLE stay ADD COLUMN node TEXT NOT NULL DEFAULT '';
        """

    /// Adds sums for reports. Stays that exist are added to them later.
    static let attendanceSums = """
        -- An event that somebody was at, also one that the directory does not know.
        CREATE TABLE attendance (
            id INTEGER PRIMARY KEY,
            company TEXT NOT NULL,
            event TEXT NOT NULL,
            -- Since when minutes are kept, and how many were there at that time.
            known_since INTEGER NOT NULL DEFAULT 0,
            present INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE UNIQUE INDEX attendance_by_event ON attendance (company, event);

        -- How many people joined from where.
        CREATE TABLE attendance_source (
            id INTEGER PRIMARY KEY,
            attendance INTEGER NOT NULL REFERENCES attendance (id) ON DELETE CASCADE,
            device TEXT,
            browser TEXT,
            site TEXT,
            attended INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX attendance_source_by_names ON attendance_source (attendance, device, browser, site);

        -- A person at an event: a registration by its uid, or a user by their id.
        CREATE TABLE attendee (
            id INTEGER PRIMARY KEY,
            attendance INTEGER NOT NULL,
            is_registered INTEGER NOT NULL,
            person TEXT NOT NULL,
            joined_at INTEGER NOT NULL,
            -- The latest end of a session.
            leaves_at INTEGER NOT NULL,
            -- How many are under way.
            sessions INTEGER NOT NULL,
            source INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX attendee_by_person ON attendee (attendance, is_registered, person);
        CREATE INDEX attendee_by_attendance ON attendee (attendance);
        CREATE INDEX attendee_by_end ON attendee (leaves_at) WHERE sessions = 0;
        CREATE INDEX attendee_present ON attendee (attendance) WHERE sessions > 0;
        CREATE TRIGGER attendee_added AFTER INSERT ON attendee BEGIN
            UPDATE attendance_source SET attended = attended + 1 WHERE id = new.source;
        END;
        CREATE TRIGGER attendee_moved AFTER UPDATE OF source ON attendee BEGIN
            UPDATE attendance_source SET attended = attended - 1 WHERE id = old.source;
            UPDATE attendance_source SET attended = attended + 1 WHERE id = new.source;
        END;
        CREATE TRIGGER attendee_deleted AFTER DELETE ON attendee BEGIN
            UPDATE attendance_source SET attended = attended - 1 WHERE id = old.source;
        END;

        -- Minutes in which the number of people changed: see AttendanceMinute.
        CREATE TABLE attendance_minute (
            attendance INTEGER NOT NULL,
            begins_at INTEGER NOT NULL,
            net INTEGER NOT NULL,
            top INTEGER NOT NULL,
            presence INTEGER NOT NULL,
            gone INTEGER NOT NULL,
            seconds BLOB NOT NULL,
            PRIMARY KEY (attendance, begins_at)
        ) STRICT, WITHOUT ROWID;

        -- How many registrations an event has now.
        CREATE TABLE registration_total (event INTEGER PRIMARY KEY, registrations INTEGER NOT NULL) STRICT;
        INSERT INTO registration_total (event, registrations)
            SELECT event, count(*) FROM registration WHERE removed_at IS NULL GROUP BY event;
        CREATE TRIGGER registration_added AFTER INSERT ON registration WHEN new.removed_at IS NULL BEGIN
            INSERT INTO registration_total (event, registrations) VALUES (new.event, 1)
                ON CONFLICT (event) DO UPDATE SET registrations = registrations + 1;
        END;
        CREATE TRIGGER registration_cancelled AFTER UPDATE OF removed_at ON registration
        WHEN old.removed_at IS NULL AND new.removed_at IS NOT NULL BEGIN
            UPDATE registration_total SET registrations = registrations - 1 WHERE event = new.event;
        END;
        CREATE TRIGGER registration_restored AFTER UPDATE OF removed_at ON registration
        WHEN old.removed_at IS NOT NULL AND new.removed_at IS NULL BEGIN
            UPDATE registration_total SET registrations = registrations + 1 WHERE event = new.event;
        END;
        CREATE TRIGGER registration_deleted AFTER DELETE ON registration WHEN old.removed_at IS NULL BEGIN
            UPDATE registration_total SET registrations = registrations - 1 WHERE event = old.event;
        END;

        ALTER TABLE stay ADD COLUMN attendee INTEGER;
        CREATE INDEX stay_by_attendee ON stay (attendee, joined_at) WHERE attendee IS NOT NULL;
        CREATE INDEX stay_without_attendee ON stay (joined_at) WHERE attendee IS NULL;
        """

    /// Adds sums for reports of a part of the time. What was summed up without them is summed up again.
    static let attendanceParts = """
        DROP TRIGGER attendee_added;
        DROP TRIGGER attendee_moved;
        DROP TRIGGER attendee_deleted;
        DROP INDEX stay_without_attendee;
        UPDATE stay SET attendee = NULL WHERE attendee IS NOT NULL;
        DELETE FROM attendee;
        DELETE FROM attendance_minute;
        DELETE FROM attendance_source;
        DELETE FROM attendance;

        -- Found through attendees.
        DROP INDEX stay_by_event;
        DROP INDEX stay_by_viewer;
        DROP INDEX stay_by_attendee;
        CREATE INDEX stay_by_attendee ON stay (attendee, left_at) WHERE attendee IS NOT NULL;
        DROP INDEX attendee_present;

        -- How many came for the first time in a minute, by where they joined from. Who is added to the attendees is added
        -- to these by whoever adds them.
        CREATE TABLE attendance_newcomer (
            source INTEGER NOT NULL REFERENCES attendance_source (id) ON DELETE CASCADE,
            begins_at INTEGER NOT NULL,
            people INTEGER NOT NULL,
            PRIMARY KEY (source, begins_at)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER attendee_moved AFTER UPDATE OF source, joined_at ON attendee
        WHEN old.source <> new.source OR old.joined_at <> new.joined_at BEGIN
            UPDATE attendance_source SET attended = attended - 1 WHERE id = old.source;
            UPDATE attendance_source SET attended = attended + 1 WHERE id = new.source;
            UPDATE attendance_newcomer SET people = people - 1
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000;
            DELETE FROM attendance_newcomer
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000 AND people = 0;
            INSERT INTO attendance_newcomer (source, begins_at, people)
                VALUES (new.source, new.joined_at - new.joined_at % 60000, 1)
                ON CONFLICT (source, begins_at) DO UPDATE SET people = people + 1;
        END;
        CREATE TRIGGER attendee_deleted AFTER DELETE ON attendee BEGIN
            UPDATE attendance_source SET attended = attended - 1 WHERE id = old.source;
            UPDATE attendance_minute SET gone = gone - 1 WHERE old.sessions = 0
                AND attendance = old.attendance AND begins_at = old.leaves_at - old.leaves_at % 60000;
            UPDATE attendance_newcomer SET people = people - 1
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000;
            DELETE FROM attendance_newcomer
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000 AND people = 0;
        END;

        -- How many left in a minute and came back in another, by the minutes' beginnings. Only those who were away for
        -- the whole of a minute.
        CREATE TABLE attendance_gap (
            attendance INTEGER NOT NULL,
            left_at INTEGER NOT NULL,
            came_at INTEGER NOT NULL,
            people INTEGER NOT NULL,
            PRIMARY KEY (attendance, left_at, came_at)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX stay_without_attendee ON stay (company, event, joined_at) WHERE attendee IS NULL;
        """
}
