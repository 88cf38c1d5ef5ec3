import Admission
import Basics
import JOSE
import Synchronization

/// Companies that the operator makes while the gateway runs.
extension Directory {
    /// Whether secrets were sealed here, so that the key that did so must be there.
    package func hasSealedSecrets() throws(DirectoryFault) -> Bool {
        try readCompanies { try Self.proof($0) != nil }
    }

    /// Uses the key that seals companies' secrets from now on, and returns all companies.
    ///
    /// - Parameter secret: 32 random bytes or more, the same as ever.
    /// - Throws: if another key has sealed what is there.
    package func openCompanies(secret: [UInt8]) throws(DirectoryFault) -> [StoredCompany] {
        let seal = CompanySeal(secret: secret)
        do {
            try storage.write { database in
                if let proof = try Self.proof(database) {
                    guard seal.isProven(by: proof) else { throw DirectoryFault(description: Self.wrongKey) }
                } else {
                    let sql = "INSERT INTO company_seal (id, proof) VALUES (0, ?)"
                    try database.execute(sql, [seal.makeProof()])
                }
            }
        } catch let fault as DirectoryFault {
            throw fault
        } catch {
            throw DirectoryFault(description: storage.words(error))
        }
        companySeal.withLock { $0 = seal }
        let companies = try readCompanies { try seal.companies("removed_at IS NULL", [], $0) }
        knownCompanies.withLock { $0.formUnion(companies.map { ExactText($0.id) }) }
        return companies
    }

    /// What is wrong with a key for the companies of an existing database, which a process may be using; `nil` if
    /// nothing is.
    ///
    /// - Parameter secret: `nil` if there is no key.
    package static func fault(ofCompanySecret secret: [UInt8]?, for database: String) -> String? {
        guard let proof = try? StorageLocation(database).read({ try proof($0) }) ?? nil else { return nil }
        guard let secret else { return missingKey }
        return CompanySeal(secret: secret).isProven(by: proof) ? nil : wrongKey
    }

    package static let wrongKey = "not the key that sealed the secrets of the database's companies: put that one back"
    package static let missingKey = "the database has companies whose secrets it sealed: put it back, from a backup"

    /// Makes a company.
    ///
    /// - Throws: ``CompanyFault``.
    package func create(_ company: StoredCompany) async throws {
        let seal = try seal()
        try await writer.write { [self] database, effects in
            let known = try database.row("SELECT removed_at FROM company WHERE id = ?", [company.id])
            if let known { throw (known[0] as Int64?) == nil ? CompanyFault.exists : .wasRemoved }
            let count = try database.value("SELECT count(*) FROM company", as: Int.self) ?? 0
            guard count < StoredCompany.maxCount else { throw CompanyFault.tooMany }
            try database.execute(
                """
                INSERT INTO company
                    (name, embed_origins, issuers, audiences, page, suspended_at, changed_at, id, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                company.columns + [company.id, company.createdAt]
            )
            for secret in company.secrets { try seal.insert(secret, of: company.id, database) }
            effects.add(.company(company.id)) { [self] in companyChanged(company.id, company) }
        }
    }

    /// Changes a company and its secrets. Returns `nil` if there is none with this id.
    ///
    /// - Parameter change: if it throws, nothing changes and the error is passed on.
    package func changeCompany(
        _ id: String,
        _ change: @escaping @Sendable (inout StoredCompany) throws -> Void
    ) async throws -> StoredCompany? {
        let (seal, now) = (try seal(), now)
        return try await writer.write { [self] database, effects in
            guard var company = try seal.companies("id = ? AND removed_at IS NULL", [id], database).first else {
                return nil
            }
            let before = company.secrets
            try change(&company)
            company.changedAt = now
            try database.execute(
                """
                UPDATE company SET (name, embed_origins, issuers, audiences, page, suspended_at, changed_at)
                    = (?, ?, ?, ?, ?, ?, ?) WHERE id = ?
                """,
                company.columns + [id]
            )
            for secret in before where !company.secrets.contains(where: { $0.id.hasSameBytes(as: secret.id) }) {
                let sql = "DELETE FROM company_secret WHERE company = ? AND id = ?"
                try database.execute(sql, [id, secret.id])
            }
            for secret in company.secrets {
                guard let old = before.first(where: { $0.id.hasSameBytes(as: secret.id) }) else {
                    try seal.insert(secret, of: id, database)
                    continue
                }
                guard old.until != secret.until else { continue }
                let sql = "UPDATE company_secret SET until = ? WHERE company = ? AND id = ?"
                try database.execute(sql, [secret.until, id, secret.id])
            }
            let changed = company
            effects.add(.company(id)) { [self] in companyChanged(id, changed) }
            return changed
        }
    }

    /// Removes a company and its secrets. Returns false if there is none with this id.
    ///
    /// - Parameter keepsData: whether its events stay, since another company has its id. Otherwise call
    ///   ``removeData(ofCompany:)``.
    package func removeCompany(_ id: String, keepsData: Bool) async throws -> Bool {
        let now = now
        return try await writer.write { [self] database, effects in
            try database.execute("DELETE FROM company_secret WHERE company = ?", [id])
            let count: Int
            if keepsData {
                let sql = "DELETE FROM company WHERE id = ? AND removed_at IS NULL"
                count = try database.execute(sql, [id])
            } else {
                count = try database.execute(
                    """
                    UPDATE company SET removed_at = ?, name = '', embed_origins = '[]', issuers = '[]',
                        audiences = '[]', page = '{}'
                    WHERE id = ? AND removed_at IS NULL
                    """,
                    [now, id]
                )
            }
            guard count > 0 else { return false }
            effects.add(.company(id)) { [self] in companyChanged(id, nil) }
            return true
        }
    }

    /// Removes the webhooks, events and removals of a removed company. What is kept of them for a time is deleted later,
    /// with everything else that was removed.
    package func removeData(ofCompany id: String) async throws {
        for webhook in webhookIndex.webhooks(of: id) { _ = try await removeWebhook(webhook.id, company: id) }
        let events = try await storage.read { database in
            try database.rows("SELECT uid, kind FROM event WHERE company = ? AND removed_at IS NULL", [id]).map {
                (uid: $0[0] as String, kind: EventKind(rawValue: $0[1]) ?? .event)
            }
        }
        // Several at a time, since each waits for the disk.
        for start in stride(from: 0, to: events.count, by: Self.removedAtOnce) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for event in events[start..<min(start + Self.removedAtOnce, events.count)] {
                    group.addTask { _ = try await self.remove(event.uid, event.kind, company: id) }
                }
                try await group.waitForAll()
            }
        }
        try await writer.write { [self] database, effects in
            _ = try delete("company = ?", [id], database, &effects)
            try database.execute("DELETE FROM announcement WHERE company = ?", [id])
            let sql = "UPDATE company SET is_emptied = 1 WHERE id = ? AND removed_at IS NOT NULL"
            try database.execute(sql, [id])
        }
    }

    private static let removedAtOnce = 64

    /// Finishes removals that were interrupted, and lets ids be used again.
    func purgeCompanies(removedBefore moment: Milliseconds) async throws {
        let removed = try await storage.read { database in
            // A call that had begun may have made something after the company was emptied: empty it once more at the end.
            let sql = "SELECT id FROM company WHERE removed_at IS NOT NULL AND is_emptied = 0 OR removed_at < ?"
            return try database.values(sql, [moment], as: String.self)
        }
        for id in removed { try await removeData(ofCompany: id) }
        _ = try await writer.write { database, _ in
            try database.execute("DELETE FROM company WHERE removed_at < ? AND is_emptied = 1", [moment])
        }
    }

    /// Throws if a company was removed from the directory: what is made for it afterwards would wait for the next with its id.
    static func checkIsThere(_ company: String, _ database: Database) throws {
        let wasRemoved = try database.value(
            "SELECT EXISTS (SELECT 1 FROM company WHERE id = ? AND removed_at IS NOT NULL)",
            [company],
            as: Bool.self
        )
        if wasRemoved ?? false { throw RemovedCompany() }
    }

    private func seal() throws(DirectoryFault) -> CompanySeal {
        guard let seal = companySeal.withLock({ $0 }) else {
            throw DirectoryFault(description: "the directory's companies are not open")
        }
        return seal
    }

    private func readCompanies<Value>(_ body: (Database) throws -> Value) throws(DirectoryFault) -> Value {
        do {
            return try storage.read(body)
        } catch let fault as DirectoryFault {
            throw fault
        } catch {
            throw DirectoryFault(description: storage.words(error))
        }
    }

    private static func proof(_ database: Database) throws -> String? {
        try database.value("SELECT proof FROM company_seal", as: String.self)
    }
}

/// The company of a call was removed while the call was under way.
package struct RemovedCompany: Error {}

extension CompanySeal {
    /// The companies that fulfil a condition, with their secrets, oldest first.
    func companies(
        _ condition: String,
        _ arguments: Arguments,
        _ database: Database
    ) throws -> [StoredCompany] {
        let rows = try database.rows("SELECT * FROM company WHERE \(condition) ORDER BY created_at, id", arguments)
        let secrets = try database.rows(
            """
            SELECT * FROM company_secret WHERE company IN (SELECT id FROM company WHERE \(condition)) ORDER BY rowid
            """,
            arguments
        )
        var secretsOf: [ExactText: [CompanySecret]] = [:]
        var damagedOf: [ExactText: [String]] = [:]
        for row in secrets {
            let company = ExactText(row["company"])
            if let secret = secret(row) {
                secretsOf[company, default: []].append(secret)
            } else {
                damagedOf[company, default: []].append(row["id"])
            }
        }
        return try rows.map { row in
            var company = StoredCompany(id: row["id"], name: row["name"], createdAt: row["created_at"])
            company.embedOrigins = try JSONText.list(row["embed_origins"])
            company.issuers = try JSONText.list(row["issuers"])
            company.audiences = try JSONText.list(row["audiences"])
            company.page = try JSONText.members(row["page"])
            (company.changedAt, company.suspendedAt) = (row["changed_at"], row["suspended_at"])
            company.secrets = secretsOf[ExactText(company.id)] ?? []
            company.damagedSecrets = damagedOf[ExactText(company.id)] ?? []
            return company
        }
    }

    /// Returns `nil` if it is not as it was sealed.
    private func secret(_ row: Row) -> CompanySecret? {
        let (company, id): (String, String) = (row["company"], row["id"])
        guard let content = open(row["sealed"], of: company, named: id),
            let form = CompanySecret.Form(rawValue: row["form"])
        else { return nil }
        return CompanySecret(
            id: id,
            form: form,
            algorithm: (row["algorithm"] as String?).flatMap { Algorithm(name: $0) },
            signs: row["signs"],
            content: content,
            createdAt: row["created_at"],
            until: row["until"]
        )
    }

    fileprivate func insert(_ secret: CompanySecret, of company: String, _ database: Database) throws {
        try database.execute(
            """
            INSERT INTO company_secret (company, id, form, algorithm, signs, sealed, created_at, until)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                company, secret.id, secret.form.rawValue, secret.algorithm?.rawValue, secret.signs,
                seal(secret.content, of: company, named: secret.id), secret.createdAt, secret.until,
            ]
        )
    }
}

extension StoredCompany {
    /// The values of its changeable columns, in the order in which statements name them.
    fileprivate var columns: Arguments {
        [
            name, JSONText.write(embedOrigins), JSONText.write(issuers), JSONText.write(audiences),
            JSONText.write(page), suspendedAt, changedAt,
        ]
    }
}
