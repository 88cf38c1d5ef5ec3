extension PostgreSQLSchema {
    /// Adds the leases of several gateways, for which see ``PostgreSQLLeaseStore``.
    static let leases = """
        -- Each registration's active session, as SharedLease describes it. Empty after a crash of the server: nodes then
        -- claim anew what they hold.
        CREATE UNLOGGED TABLE lease (
            key uuid PRIMARY KEY,
            joined_at bigint NOT NULL,
            session uuid NOT NULL,
            generation bigint NOT NULL,
            -- LeaseState.
            state smallint NOT NULL,
            nodes smallint[] NOT NULL,
            -- Times are by this server's clock.
            until bigint NOT NULL,
            take_overs int NOT NULL,
            window_start bigint NOT NULL,
            address bigint NOT NULL
        )
        -- Room to renew a row in its page. No column that changes has an index, for the same reason.
        WITH (fillfactor = 60);
        -- What each node is called in leases. It keeps its number for as long as it is known.
        CREATE TABLE node_number (
            number smallint PRIMARY KEY CHECK (number > 0),
            name text COLLATE "C" NOT NULL UNIQUE REFERENCES node (name) ON DELETE CASCADE
        );

        """
}
