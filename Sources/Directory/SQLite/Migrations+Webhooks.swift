/// What webhooks need besides.
extension Migrations {
    /// Adds webhooks with several types and two secrets, and messages that are kept after they have arrived or were
    /// given up.
    static let subscriptions = """
        -- Separated by spaces.
        ALTER TABLE webhook RENAME COLUMN type TO types;
        -- The secret before a rotation, and until when it signs too.
        ALTER TABLE webhook ADD COLUMN old_secret TEXT;
        ALTER TABLE webhook ADD COLUMN old_secret_until INTEGER;
        -- The message's own id, and its type.
        ALTER TABLE delivery ADD COLUMN uid TEXT NOT NULL DEFAULT '';
        ALTER TABLE delivery ADD COLUMN type TEXT NOT NULL DEFAULT '';
        -- The last attempt: when, the status of the answer, and what was wrong.
        ALTER TABLE delivery ADD COLUMN tried_at INTEGER;
        ALTER TABLE delivery ADD COLUMN response INTEGER;
        ALTER TABLE delivery ADD COLUMN error TEXT;
        UPDATE delivery SET uid = ifnull(json_extract(message, '$.id'), CAST(id AS TEXT)),
            type = ifnull(json_extract(message, '$.type'), '');
        CREATE INDEX delivery_by_webhook ON delivery (webhook, id);
        CREATE INDEX delivery_by_uid ON delivery (uid);
        -- Messages that have arrived or were given up, with the ids that they had.
        CREATE TABLE past_delivery (
            id INTEGER PRIMARY KEY,
            webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
            event TEXT NOT NULL,
            uid TEXT NOT NULL,
            type TEXT NOT NULL,
            message TEXT NOT NULL,
            folded_email TEXT,
            folded_user TEXT,
            created_at INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            tried_at INTEGER NOT NULL,
            has_arrived INTEGER NOT NULL,
            response INTEGER,
            error TEXT
        ) STRICT;
        CREATE INDEX past_delivery_by_webhook ON past_delivery (webhook, id);
        CREATE INDEX past_delivery_by_time ON past_delivery (tried_at);
        CREATE INDEX past_delivery_by_email ON past_delivery (folded_email) WHERE folded_email IS NOT NULL;
        CREATE INDEX past_delivery_by_user ON past_delivery (folded_user) WHERE folded_user IS NOT NULL;
        """

    /// Adds several secrets of a webhook at a time, and what was known of messages that are delivered again.
    static let formerSecrets = """
        CREATE TABLE former_secret (
            webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
            secret TEXT NOT NULL,
            -- Until then it signs too.
            until INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX former_secret_by_webhook ON former_secret (webhook, until);
        CREATE INDEX former_secret_by_end ON former_secret (until);
        INSERT INTO former_secret (webhook, secret, until)
            SELECT id, old_secret, ifnull(old_secret_until, 0) FROM webhook WHERE old_secret IS NOT NULL;
        ALTER TABLE webhook DROP COLUMN old_secret;
        ALTER TABLE webhook DROP COLUMN old_secret_until;
        -- When it was queued again, and how often it was tried before.
        ALTER TABLE delivery ADD COLUMN requeued_at INTEGER;
        ALTER TABLE delivery ADD COLUMN earlier_attempts INTEGER NOT NULL DEFAULT 0;
        """

    /// Adds announcements that become messages later, and sums of the messages that wait.
    static let backlogs = """
        -- What is to become a message to each of a company's webhooks for it; ids grow.
        CREATE TABLE announcement (
            id INTEGER PRIMARY KEY,
            company TEXT NOT NULL,
            event TEXT NOT NULL,
            type TEXT NOT NULL,
            -- Without its id.
            message TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            folded_email TEXT,
            folded_user TEXT
        ) STRICT;
        CREATE INDEX announcement_by_company ON announcement (company, id);
        ALTER TABLE webhook ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE webhook ADD COLUMN waiting_bytes INTEGER NOT NULL DEFAULT 0;
        UPDATE webhook SET (waiting, waiting_bytes) = (
            SELECT count(*), ifnull(sum(length(CAST(message AS BLOB))), 0) FROM delivery WHERE webhook = webhook.id
        );
        CREATE TRIGGER delivery_begins_to_wait AFTER INSERT ON delivery BEGIN
            UPDATE webhook SET waiting = waiting + 1, waiting_bytes = waiting_bytes + length(CAST(new.message AS BLOB))
            WHERE id = new.webhook;
        END;
        CREATE TRIGGER delivery_waits_no_longer AFTER DELETE ON delivery BEGIN
            UPDATE webhook SET waiting = waiting - 1, waiting_bytes = waiting_bytes - length(CAST(old.message AS BLOB))
            WHERE id = old.webhook;
        END;
        CREATE TRIGGER delivery_gets_other_text AFTER UPDATE OF message ON delivery BEGIN
            UPDATE webhook SET waiting_bytes = waiting_bytes + length(CAST(new.message AS BLOB))
                - length(CAST(old.message AS BLOB)) WHERE id = new.webhook;
        END;
        """
}
