package import Basics

/// A call that its client has named, so that repeating it has no second effect.
package struct NamedCall: Sendable {
    let company: String
    package let name: [UInt8]
    let fingerprint: [UInt8]
    let madeAt: Milliseconds

    /// - Parameters:
    ///   - name: what the call is known by here, different for each name that the client gave.
    ///   - fingerprint: equal for calls that ask for the same.
    package init(company: String, name: [UInt8], fingerprint: [UInt8], madeAt: Milliseconds) {
        self.company = company
        self.name = name
        self.fingerprint = fingerprint
        self.madeAt = madeAt
    }

    /// The call that the present task performs. Whatever it writes also notes, in the same transaction, that it was
    /// performed.
    @TaskLocal package static var current: NamedCall?

    /// Notes that the call was performed.
    func note(_ database: Database) throws {
        try database.execute(
            """
            INSERT INTO named_call (company, name, fingerprint, made_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (company, name) DO UPDATE
            SET (fingerprint, made_at, answer) = (excluded.fingerprint, excluded.made_at, NULL)
            WHERE named_call.made_at <= ?
            """,
            [company, name, fingerprint, madeAt, madeAt - Directory.namedCallLifetime]
        )
    }
}

/// What is known of a call by its name.
package enum EarlierCall: Sendable, Equatable {
    /// The name is new, or so old that it was forgotten.
    case none
    /// The name was used for a call that asked for something else.
    case different
    /// It was performed, but its answer is not kept, or no longer.
    case unanswered
    /// It was performed, with this answer.
    case answered([UInt8])
}

extension Directory {
    /// How long calls are known by their names.
    package static let namedCallLifetime: Milliseconds = 86_400_000

    /// What is known of a call by its name.
    package func earlier(_ call: NamedCall) async throws -> EarlierCall {
        let row = try await storage.read { database in
            try database.row(
                """
                SELECT fingerprint, answer FROM named_call
                WHERE company = ? AND name = ? AND made_at > ?
                """,
                [call.company, call.name, call.madeAt - Self.namedCallLifetime]
            ).map { (fingerprint: $0[0] as [UInt8], answer: $0[1] as [UInt8]?) }
        }
        guard let row else { return .none }
        guard row.fingerprint == call.fingerprint else { return .different }
        return row.answer.map(EarlierCall.answered) ?? .unanswered
    }

    /// How much is kept for one company, in bytes: four of the largest answers. Beyond that the oldest are forgotten.
    package static let maxNamedCallBytes = 64 << 20

    /// Keeps the answer of a call for those that repeat it.
    package func keep(_ answer: [UInt8], of call: NamedCall) async throws {
        try await writer.write { database, _ in
            // First, so that the new one stays also if the clock was set back.
            try Self.forgetAnswers(of: call.company, toKeep: answer.count, database)
            // One that was forgotten has the same name.
            try database.execute(
                """
                INSERT INTO named_call (company, name, fingerprint, made_at, answer) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (company, name) DO UPDATE
                SET (fingerprint, made_at, answer) = (excluded.fingerprint, excluded.made_at, excluded.answer)
                """,
                [call.company, call.name, call.fingerprint, call.madeAt, answer]
            )
        }
    }
}

extension Directory {
    /// Forgets the oldest answers of a company that has no room for `count` more bytes.
    private static func forgetAnswers(of company: String, toKeep count: Int, _ database: Database) throws {
        let total = try database.value("SELECT bytes FROM named_call_total WHERE company = ?", [company], as: Int.self)
        var excess = (total ?? 0) + count - maxNamedCallBytes
        guard excess > 0 else { return }
        let oldest = try database.rows(
            """
            SELECT id, length(answer) FROM named_call WHERE company = ? AND answer IS NOT NULL ORDER BY made_at, id
            """,
            [company]
        )
        var forgotten: [Int64] = []
        for row in oldest where excess > 0 {
            forgotten.append(row[0])
            excess -= row[1] as Int
        }
        for id in forgotten {
            try database.execute("UPDATE named_call SET answer = NULL WHERE id = ?", [id])
        }
    }
}
