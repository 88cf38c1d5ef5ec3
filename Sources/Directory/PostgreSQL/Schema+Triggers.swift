/// What keeps sums and queues up to date.
///
/// What SQLite does for each row, a statement that deletes or changes many rows does here once, with the same result: each
/// update of a row takes longer than the one before it in the same transaction.
extension PostgreSQLSchema {
    static let triggers = registrationTriggers + attendeeTriggers + deliveryTriggers + namedCallTriggers

    private static let registrationTriggers = """
        CREATE FUNCTION registration_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO registration_total AS total (event, registrations) VALUES (new.event, 1)
                ON CONFLICT (event) DO UPDATE SET registrations = total.registrations + 1;
            RETURN NULL;
        END $$;
        CREATE FUNCTION registration_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE registration_total
                SET registrations = registrations + CASE WHEN new.removed_at IS NULL THEN 1 ELSE -1 END
                WHERE event = new.event;
            RETURN NULL;
        END $$;
        CREATE FUNCTION registrations_leave() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE registration_total AS total SET registrations = total.registrations - gone.registrations
                FROM (
                    SELECT event, count(*) AS registrations FROM deleted WHERE removed_at IS NULL GROUP BY event
                ) AS gone WHERE total.event = gone.event;
            RETURN NULL;
        END $$;
        CREATE TRIGGER registration_added AFTER INSERT ON registration
            FOR EACH ROW WHEN (new.removed_at IS NULL) EXECUTE FUNCTION registration_counts();
        CREATE TRIGGER registration_changed AFTER UPDATE OF removed_at ON registration
            FOR EACH ROW WHEN ((old.removed_at IS NULL) <> (new.removed_at IS NULL))
            EXECUTE FUNCTION registration_changes();
        CREATE TRIGGER registration_deleted AFTER DELETE ON registration REFERENCING OLD TABLE AS deleted
            FOR EACH STATEMENT EXECUTE FUNCTION registrations_leave();

        """

    private static let attendeeTriggers = """
        CREATE FUNCTION attendee_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE attendance_source SET attended = attended - 1 WHERE id = old.source;
            UPDATE attendance_source SET attended = attended + 1 WHERE id = new.source;
            UPDATE attendance_newcomer SET people = people - 1
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000;
            DELETE FROM attendance_newcomer
                WHERE source = old.source AND begins_at = old.joined_at - old.joined_at % 60000 AND people = 0;
            INSERT INTO attendance_newcomer AS newcomer (source, begins_at, people)
                VALUES (new.source, new.joined_at - new.joined_at % 60000, 1)
                ON CONFLICT (source, begins_at) DO UPDATE SET people = newcomer.people + 1;
            RETURN NULL;
        END $$;
        CREATE FUNCTION attendees_leave() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE attendance_source AS source SET attended = source.attended - gone.people
                FROM (SELECT source AS id, count(*) AS people FROM deleted GROUP BY 1) AS gone
                WHERE source.id = gone.id;
            UPDATE attendance_minute AS minute SET gone = minute.gone - left_in.people
                FROM (
                    SELECT attendance, leaves_at - leaves_at % 60000 AS begins_at, count(*) AS people
                    FROM deleted WHERE sessions = 0 GROUP BY 1, 2
                ) AS left_in
                WHERE minute.attendance = left_in.attendance AND minute.begins_at = left_in.begins_at;
            UPDATE attendance_newcomer AS newcomer SET people = newcomer.people - came_in.people
                FROM (
                    SELECT source, joined_at - joined_at % 60000 AS begins_at, count(*) AS people
                    FROM deleted GROUP BY 1, 2
                ) AS came_in
                WHERE newcomer.source = came_in.source AND newcomer.begins_at = came_in.begins_at;
            DELETE FROM attendance_newcomer AS newcomer
                USING (SELECT DISTINCT source, joined_at - joined_at % 60000 AS begins_at FROM deleted) AS came_in
                WHERE newcomer.source = came_in.source AND newcomer.begins_at = came_in.begins_at
                AND newcomer.people = 0;
            RETURN NULL;
        END $$;
        CREATE TRIGGER attendee_moved AFTER UPDATE OF source, joined_at ON attendee
            FOR EACH ROW WHEN (old.source <> new.source OR old.joined_at <> new.joined_at)
            EXECUTE FUNCTION attendee_moves();
        CREATE TRIGGER attendee_deleted AFTER DELETE ON attendee REFERENCING OLD TABLE AS deleted
            FOR EACH STATEMENT EXECUTE FUNCTION attendees_leave();

        """

    private static let deliveryTriggers = """
        CREATE FUNCTION deliveries_wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE webhook
                SET waiting = webhook.waiting + more.messages, waiting_bytes = webhook.waiting_bytes + more.bytes
                FROM (
                    SELECT webhook AS id, count(*) AS messages, sum(octet_length(message)) AS bytes
                    FROM added GROUP BY 1
                ) AS more WHERE webhook.id = more.id;
            RETURN NULL;
        END $$;
        CREATE FUNCTION delivery_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE webhook
                SET waiting_bytes = waiting_bytes + octet_length(new.message) - octet_length(old.message)
                WHERE id = new.webhook;
            RETURN NULL;
        END $$;
        CREATE FUNCTION deliveries_leave() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE delivery SET is_head = 1 WHERE id IN (
                SELECT (
                    SELECT id FROM delivery WHERE webhook = head.webhook AND event = head.event ORDER BY id LIMIT 1
                ) FROM (SELECT DISTINCT webhook, event FROM deleted WHERE is_head = 1) AS head
            );
            UPDATE webhook
                SET waiting = webhook.waiting - gone.messages, waiting_bytes = webhook.waiting_bytes - gone.bytes
                FROM (
                    SELECT webhook AS id, count(*) AS messages, sum(octet_length(message)) AS bytes
                    FROM deleted GROUP BY 1
                ) AS gone WHERE webhook.id = gone.id;
            RETURN NULL;
        END $$;
        CREATE TRIGGER delivery_begins_to_wait AFTER INSERT ON delivery REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION deliveries_wait();
        CREATE TRIGGER delivery_gets_other_text AFTER UPDATE OF message ON delivery
            FOR EACH ROW EXECUTE FUNCTION delivery_changes();
        CREATE TRIGGER delivery_waits_no_longer AFTER DELETE ON delivery REFERENCING OLD TABLE AS deleted
            FOR EACH STATEMENT EXECUTE FUNCTION deliveries_leave();

        """

    private static let namedCallTriggers = """
        CREATE FUNCTION named_call_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO named_call_total AS total (company, bytes) VALUES (new.company, length(new.answer))
                ON CONFLICT (company) DO UPDATE SET bytes = total.bytes + excluded.bytes;
            RETURN NULL;
        END $$;
        CREATE FUNCTION named_calls_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO named_call_total AS total (company, bytes)
                SELECT company, sum(bytes) FROM (
                    SELECT company, coalesce(length(answer), 0) AS bytes FROM after
                    UNION ALL SELECT company, -coalesce(length(answer), 0) FROM before
                ) AS changes GROUP BY company
                ON CONFLICT (company) DO UPDATE SET bytes = total.bytes + excluded.bytes;
            RETURN NULL;
        END $$;
        CREATE FUNCTION named_calls_leave() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE named_call_total AS total SET bytes = total.bytes - gone.bytes
                FROM (
                    SELECT company, sum(length(answer)) AS bytes FROM deleted WHERE answer IS NOT NULL GROUP BY company
                ) AS gone WHERE total.company = gone.company;
            RETURN NULL;
        END $$;
        CREATE TRIGGER named_call_added AFTER INSERT ON named_call
            FOR EACH ROW WHEN (new.answer IS NOT NULL) EXECUTE FUNCTION named_call_keeps();
        CREATE TRIGGER named_call_changed AFTER UPDATE ON named_call
            REFERENCING OLD TABLE AS before NEW TABLE AS after
            FOR EACH STATEMENT EXECUTE FUNCTION named_calls_change();
        CREATE TRIGGER named_call_deleted AFTER DELETE ON named_call REFERENCING OLD TABLE AS deleted
            FOR EACH STATEMENT EXECUTE FUNCTION named_calls_leave();

        """
}
