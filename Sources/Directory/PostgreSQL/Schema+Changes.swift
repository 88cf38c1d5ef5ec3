extension PostgreSQLSchema {
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
