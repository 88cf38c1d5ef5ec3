/// What several gateways need that share the database.
extension PostgreSQLSchema {
    /// Adds whose the stays are when several gateways share the database.
    static let nodes = """
        CREATE TABLE node (
            name text COLLATE "C" PRIMARY KEY,
            -- When it was last known to run.
            at bigint NOT NULL,
            -- How much longer it has to run until what is over is deleted by its clock; null: it is.
            doubt bigint,
            -- Since when its stays count as ended, since it was silent; null: they do not.
            ended_at bigint
        );
        INSERT INTO node (name, at, doubt) SELECT '', at, doubt FROM pulse;
        DROP TABLE pulse;
        ALTER TABLE stay ADD COLUMN node text COLLATE "C" NOT NULL DEFAULT '';

        """

    /// Adds the log of what they change.
    static let changes = """
        -- What nodes that share the database tell each other: see ChangeLog. It is never empty.
        CREATE TABLE change (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            -- Random, the same for all of a transaction.
            mark bigint NOT NULL,
            at bigint NOT NULL,
            -- A JSON list.
            what text COLLATE "C" NOT NULL
        );
        INSERT INTO change (mark, at, what) VALUES (0, 0, '[]');

        """
}
