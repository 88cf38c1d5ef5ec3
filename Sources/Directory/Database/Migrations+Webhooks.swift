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
}
