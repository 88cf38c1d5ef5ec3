#if PostgreSQL
    import Admission
    import Basics
    import PostgreSQL

    /// The statements by which a node claims leases. Each does what ``SharedLease/apply(_:to:at:)`` does.
    enum LeaseStatement {
        /// On which a node is told that its sessions have lost their leases.
        static func channel(of node: NodeNumber) -> String { "lease_\(node)" }

        /// What a row is read as, see ``lease(_:_:from:)``.
        private static let columns = """
            joined_at, uuid_send(session), generation, state, array_to_string(nodes, ','), until, take_overs, window_start,
            address
            """

        private static let clock = """
            clock AS MATERIALIZED (SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint) AS now)
            """

        /// Carries out one claim. Everything is decided on the row as it is `before`, which is locked by then.
        ///
        /// If there was none, another node may have inserted one meanwhile: then nothing is changed, and nothing returned.
        private static let claim = """
            WITH \(clock),
            claim AS (
                SELECT CAST($1 AS uuid) AS key, CAST($2 AS smallint) AS node, CAST($3 AS bigint) AS joined_at,
                    CAST($4 AS uuid) AS session, CAST($5 AS smallint) AS state, CAST($6 AS bigint) AS lasting,
                    CAST($7 AS int) AS take_overs, CAST($8 AS bigint) AS window_age, CAST($9 AS bigint) AS address,
                    CAST($10 AS bigint) AS basis_joined_at, CAST($11 AS uuid) AS basis_session,
                    CAST($12 AS bigint) AS basis_generation
            ),
            before AS MATERIALIZED (SELECT * FROM lease WHERE key = CAST($1 AS uuid) FOR UPDATE),
            standing AS MATERIALIZED (
                SELECT now, coalesce(now < until, false) AS counts,
                    coalesce(
                        now < until AND before.state = \(held) AND claim.state = \(held)
                            AND before.joined_at = claim.joined_at AND before.session = claim.session,
                        false
                    ) AS renews,
                    coalesce(
                        before.joined_at = basis_joined_at AND before.session = basis_session
                            AND generation = basis_generation,
                        false
                    ) AS is_basis
                FROM clock CROSS JOIN claim LEFT JOIN before ON true
            ),
            after AS (
                INSERT INTO lease AS present
                SELECT claim.key, claim.joined_at, claim.session,
                    CASE WHEN renews THEN generation ELSE greatest(coalesce(generation, 0), now) + 1 END,
                    claim.state,
                    CASE WHEN NOT renews THEN ARRAY[node] WHEN node = ANY (nodes) THEN nodes ELSE nodes || node END,
                    CASE WHEN renews THEN greatest(until, now + lasting) ELSE now + lasting END,
                    CASE WHEN renews THEN before.take_overs ELSE claim.take_overs END,
                    CASE WHEN renews THEN window_start ELSE now - window_age END,
                    claim.address
                FROM standing CROSS JOIN claim LEFT JOIN before ON true
                WHERE renews OR is_basis OR NOT counts
                ON CONFLICT (key) DO UPDATE SET joined_at = excluded.joined_at, session = excluded.session,
                    generation = excluded.generation, state = excluded.state, nodes = excluded.nodes,
                    until = excluded.until, take_overs = excluded.take_overs, window_start = excluded.window_start,
                    address = excluded.address
                WHERE present.generation = (SELECT generation FROM before)
                RETURNING *
            )
            SELECT true, \(columns), now, (
                SELECT count(
                    pg_notify(
                        'lease_' || other,
                        encode(uuid_send(before.key), 'hex') || ' ' || before.generation || ' ' || CASE
                            WHEN before.joined_at <> after.joined_at OR before.session <> after.session
                                THEN '\(SessionEnding.replaced.rawValue)'
                            WHEN after.state = \(LeaseState.ended.rawValue) THEN '\(SessionEnding.ended.rawValue)'
                            ELSE '\(SessionEnding.left.rawValue)'
                        END
                    )
                )
                FROM before CROSS JOIN claim CROSS JOIN unnest(before.nodes) AS other
                WHERE counts AND NOT renews AND before.state = \(held) AND other <> node
            ) FROM after CROSS JOIN standing
            UNION ALL
            SELECT false, \(columns), now, 0 FROM before CROSS JOIN standing WHERE NOT EXISTS (SELECT 1 FROM after)
            """

        /// Renews many leases that their sessions hold. Rows are locked in the order of their keys, so that two nodes do not
        /// wait for each other. Returns those that were renewed.
        private static let renewal = """
            WITH \(clock),
            wanted AS MATERIALIZED (
                SELECT * FROM unnest(
                    CAST($2 AS uuid[]), CAST($3 AS bigint[]), CAST($4 AS uuid[]), CAST($5 AS bigint[]), CAST($6 AS bigint[])
                ) AS claim (key, joined_at, session, lasting, address)
            ),
            locked AS MATERIALIZED (
                SELECT wanted.*, now FROM clock CROSS JOIN wanted JOIN lease USING (key) ORDER BY key FOR UPDATE OF lease
            )
            UPDATE lease SET until = greatest(lease.until, now + lasting), address = locked.address,
                nodes = CASE WHEN CAST($1 AS smallint) = ANY (nodes) THEN nodes ELSE nodes || CAST($1 AS smallint) END
            FROM locked WHERE lease.key = locked.key AND now < lease.until AND state = \(held)
                AND lease.joined_at = locked.joined_at AND lease.session = locked.session
            RETURNING true, lease.joined_at, uuid_send(lease.session), generation, state, array_to_string(nodes, ','), until,
                take_overs, window_start, lease.address, now, uuid_send(lease.key)
            """

        /// Deletes some rows that have been over for an hour.
        private static let sweep = """
            WITH past AS MATERIALIZED (
                SELECT key FROM lease WHERE until < floor(extract(epoch FROM clock_timestamp()) * 1000) - 3600000
                LIMIT \(sweepLimit) FOR UPDATE SKIP LOCKED
            )
            DELETE FROM lease USING past WHERE lease.key = past.key
            """

        private static let sweepLimit = 1000
        private static let held = LeaseState.held.rawValue
    }

    extension LeaseStatement {
        static func claim(_ request: LeaseRequest) -> (sql: String, values: [Value]) {
            let claim = request.claim
            let basis = claim.basis
            return (
                Self.claim,
                [
                    .text(text(request.key)), .integer(Int64(claim.node)), .integer(claim.session.joinedAt),
                    .text(text(claim.session)), .integer(Int64(claim.state.rawValue)), .integer(claim.lasting),
                    .integer(Int64(claim.takeOvers)), .integer(claim.windowAge),
                    .integer(Int64(bitPattern: claim.address)), basis.map { .integer($0.session.joinedAt) } ?? .null,
                    basis.map { .text(text($0.session)) } ?? .null, basis.map { .integer($0.generation) } ?? .null,
                ]
            )
        }

        /// - Returns: `nil` if the claim is to be repeated, since a row has appeared meanwhile.
        static func answer(_ rows: Rows) -> SharedLease.Answer? { rows.count == 0 ? nil : answer(rows, 0) }

        /// - Parameter requests: of one node; none of them names a key that another one does.
        static func renewal(_ requests: [LeaseRequest]) -> (sql: String, values: [Value]) {
            func list(_ element: (LeaseRequest) -> String) -> Value {
                .text("{\(requests.map(element).joined(separator: ","))}")
            }
            return (
                renewal,
                [
                    .integer(Int64(requests.first?.claim.node ?? 0)), list { text($0.key) },
                    list { "\($0.claim.session.joinedAt)" }, list { text($0.claim.session) },
                    list { "\($0.claim.lasting)" }, list { "\(Int64(bitPattern: $0.claim.address))" },
                ]
            )
        }

        static func renewed(_ rows: Rows) -> [SubjectKey: SharedLease.Answer] {
            var answers: [SubjectKey: SharedLease.Answer] = [:]
            for row in 0..<rows.count {
                let key = words(rows.value(row, 11).bytes)
                answers[SubjectKey(high: key.0, low: key.1)] = answer(rows, row)
            }
            return answers
        }

        /// Deletes a part of what is over. Returns whether there may be more.
        static func sweep(_ connection: Connection) throws -> Bool {
            try connection.execute(sweep).changedRows == sweepLimit
        }

        private static func answer(_ rows: Rows, _ row: Int) -> SharedLease.Answer {
            func number(_ column: Int) -> Int64 { rows.value(row, column).integer ?? 0 }
            let session = words(rows.value(row, 2).bytes)
            let nodes = rows.value(row, 5).text ?? ""
            let lease = SharedLease(
                holding: SharedLease.Holding(
                    session: SessionID(joinedAt: number(1), random0: session.0, random1: session.1),
                    generation: number(3)
                ),
                state: LeaseState(rawValue: UInt8(truncatingIfNeeded: number(4))) ?? .ended,
                nodes: nodes.utf8.split(separator: 0x2C).compactMap { NodeNumber(Substring($0)) },
                until: number(6),
                takeOvers: UInt16(clamping: number(7)),
                windowStart: number(8),
                address: UInt64(bitPattern: number(9))
            )
            return SharedLease.Answer(isAgreed: number(0) == 1, lease: lease, moment: number(10))
        }

        private static func text(_ key: SubjectKey) -> String {
            Hexadecimal.text(key.high) + Hexadecimal.text(key.low)
        }

        private static func text(_ session: SessionID) -> String {
            Hexadecimal.text(session.random0) + Hexadecimal.text(session.random1)
        }

        /// Sixteen bytes, of which the first ones are the highest.
        private static func words(_ bytes: [UInt8]?) -> (UInt64, UInt64) {
            func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
            let bytes = bytes ?? []
            return (word(bytes.prefix(8)), word(bytes.dropFirst(8)))
        }

        /// Reads what a node was told. Returns `nil` if it is of no statement of ours: anybody may say anything.
        static func notice(_ payload: String, to node: NodeNumber) -> (key: SubjectKey, notice: SharedLease.Notice)? {
            let parts = payload.utf8.split(separator: 0x20)
            guard parts.count == 3, parts[0].count == 32,
                let high = UInt64(Substring(parts[0].prefix(16)), radix: 16),
                let low = UInt64(Substring(parts[0].dropFirst(16)), radix: 16),
                let generation = Int64(Substring(parts[1])),
                let ending = SessionEnding(rawValue: String(Substring(parts[2])))
            else { return nil }
            let notice = SharedLease.Notice(node: node, generation: generation, ending: ending)
            return (SubjectKey(high: high, low: low), notice)
        }
    }
#endif
