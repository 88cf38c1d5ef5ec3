import Basics
import Testing

@testable import Admission
@testable import Directory

@Suite("A directory is copied to another database, with everything in it")
struct CopyTests {
    private static let key = [UInt8](repeating: 7, count: 32)

    private static var ways: [(DatabaseKind, DatabaseKind)] {
        let kinds = DatabaseKind.allCases.filter(\.isInstalled)
        return kinds.flatMap { from in kinds.map { (from, $0) } }
    }

    private func database(_ kind: DatabaseKind) throws -> TestDatabase {
        try DatabaseKind.$current.withValue(kind) { try TestDatabase() }
    }

    /// Something in every table.
    private func fill(_ directory: Directory) async throws {
        _ = try directory.openCompanies(secret: Self.key)
        var company = StoredCompany(id: "globex", name: "Globex", createdAt: start)
        company.secrets = ["k1", "a0"].map {
            CompanySecret(id: $0, form: .clientSecret, content: [UInt8]($0.utf8), createdAt: start)
        }
        try await directory.create(company)
        try await directory.makeWebhook(.registrationCreated)
        let webhook = try #require(directory.allWebhooks.first)
        for _ in 0..<2 { _ = try await directory.rotateSecret(of: webhook.id, company: "acme") }
        let event = try await directory.makeEvent("Größe \u{1F600}")
        for name in ["kim", "lee", "max"] { _ = try await directory.makeRegistration("\(name)@x.example", for: event) }
        for _ in 0..<2 {
            for delivery in try await directory.dueDeliveries(at: start) {
                try await directory.finish(delivery, response: 200)
            }
        }
        let gone = try await directory.makeRegistration("gone@x.example", for: event)
        _ = try await directory.removeRegistration(.id(gone.uid), of: event.uid, .event, company: "acme")
        for person in ["u2", "u1"] {
            _ = try await directory.remove(
                RemovedPerson(.user, person),
                from: event.uid,
                company: "acme",
                until: nil,
                reason: nil
            )
        }
        try await directory.keep([EndedSession(bits: .max, until: start + 1)])
        let viewer = session(1, event: event, since: start)
        try await directory.record([.arrived(viewer)])
        try await directory.record([.departed(viewer, .left, at: start + 120_000)])
        let call = NamedCall(company: "acme", name: [0, 255], fingerprint: [1], madeAt: start)
        try await directory.keep([1, 2, 3], of: call)
    }

    private func content(_ database: TestDatabase) throws -> [String: [[String: StoredValue]]] {
        let storage = try StorageLocation(database.path).open()
        return try storage.read { database in
            var tables: [String: [[String: StoredValue]]] = [:]
            for table in StoredTable.all {
                tables[table.name] = try database.rows("SELECT * FROM \(table.name) ORDER BY 1, 2").map { row in
                    Dictionary(uniqueKeysWithValues: zip(row.columns.names, row.values)).filter { $0.key != "rowid" }
                }
            }
            return tables
        }
    }

    @Test("Between all kinds of databases; it goes on there where it was", arguments: ways)
    func copy(_ from: DatabaseKind, _ to: DatabaseKind) async throws {
        let (source, target) = (try database(from), try database(to))
        try await source.withDirectory { try await fill($0) }
        let copy = try DirectoryCopy(from: source.path, to: target.path)
        var counts: [String: Int] = [:]
        try copy.run { counts[$0] = $1 }
        await copy.close()
        let (before, after) = (try content(source), try content(target))
        #expect(before == after)
        #expect(counts["registration"] == 4 && counts["company_secret"] == 2 && counts["past_delivery"] == 2)
        try await target.withDirectory { directory in
            let companies = try directory.openCompanies(secret: Self.key)
            #expect(companies.first?.secrets.map(\.id) == ["k1", "a0"])
            let events = try await directory.events(of: "acme", .event, EventFilter(moment: start), limit: 10).events
            let event = try #require(events.first)
            // Ids go on growing, and sums are kept up to date.
            _ = try await directory.makeRegistration("new@x.example", for: event)
            let webhook = try #require(directory.allWebhooks.first)
            let page = try await directory.deliveries(
                to: webhook.id,
                company: "acme",
                status: nil,
                limit: 10,
                before: nil
            )
            #expect(page?.deliveries.map(\.status) == [.pending, .pending, .pending, .delivered, .delivered])
            let report = try await directory.report(of: event, now: start + 240_000).attendance
            #expect(report.registered == 4 && report.attended == 1)
        }
    }

    @Test("What is not empty is not copied into, and what is not there is not made")
    func refused() async throws {
        let (source, target) = (try database(.sqlite), try database(.sqlite))
        let fault = #expect(throws: DirectoryFault.self) { _ = try DirectoryCopy(from: source.path, to: target.path) }
        #expect(fault?.description == "\(source.path): there is no directory to copy")
        for database in [source, target] { try await database.withDirectory { _ = try await $0.makeEvent() } }
        let copy = try DirectoryCopy(from: source.path, to: target.path)
        let refusal = #expect(throws: DirectoryFault.self) { try copy.run { _, _ in } }
        await copy.close()
        #expect(refusal?.description == "\(target.path): not empty; copy into a new database")
    }

    @Test(
        "Every table of each database is copied, but for what nodes tell each other",
        arguments: DatabaseKind.allCases.filter(\.isInstalled)
    )
    func all(_ kind: DatabaseKind) async throws {
        let database = try database(kind)
        try await database.withDirectory { _ in }
        let tables = try database.query(
            kind == .sqlite
                ? """
                SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                AND name NOT LIKE 'grdb%'
                """
                : """
                SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND relname NOT IN ('migration', 'change', 'lease', 'node_number')
                """
        )
        #expect(Set(tables.split(separator: "\n").map(String.init)) == Set(StoredTable.all.map(\.name)))
    }
}
