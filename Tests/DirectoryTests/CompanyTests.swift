import Basics
import Foundation
import JOSE
import Synchronization
import Testing

@testable import Directory

/// Companies that the operator makes while the gateway runs.
@Suite(.onEachDatabase) struct CompanyTests {
    private static let key = [UInt8](repeating: 7, count: 32)
    private static let secrets = ["a client secret of globex", "a signing secret of globex 32 bytes"]

    private func company(_ id: String = "globex") -> StoredCompany {
        var company = StoredCompany(id: id, name: "Globex", createdAt: start)
        company.embedOrigins = ["https://www.globex.example"]
        company.issuers = ["https://login.\(id).example"]
        company.audiences = ["events"]
        company.page = [JSONMember("accent", .string("#1d4ed8"))]
        company.secrets = [
            CompanySecret(id: "c1", form: .clientSecret, content: Array(Self.secrets[0].utf8), createdAt: start),
            CompanySecret(
                id: "k1",
                form: .secret,
                algorithm: .hs256,
                signs: true,
                content: Array(Self.secrets[1].utf8),
                createdAt: start
            ),
        ]
        return company
    }

    /// What was told of companies.
    private final class Heard: Sendable {
        private let all = Mutex<[(String, Int?)]>([])
        func add(_ id: String, _ company: StoredCompany?) {
            all.withLock { $0.append((id, company.map(\.secrets.count))) }
        }
        var ids: [String] { all.withLock { $0.map(\.0) } }
        var counts: [Int?] { all.withLock { $0.map(\.1) } }
    }

    @Test("A company comes back as it was made, after a restart, and its secrets are nowhere in the files")
    func kept() async throws {
        let database = try TestDatabase()
        try await database.withDirectory { directory in
            #expect(try directory.openCompanies(secret: Self.key).isEmpty)
            try await directory.create(company())
            #expect(try database.stored(Self.secrets) == [])
        }
        #expect(try database.stored(Self.secrets) == [])
        #expect(try database.stored(["Globex"]) == ["Globex"])
        try await database.withDirectory { directory in
            let found = try directory.openCompanies(secret: Self.key)
            #expect(found.map(\.id) == ["globex"] && found[0].name == "Globex" && found[0].createdAt == start)
            #expect(found[0].embedOrigins == company().embedOrigins && found[0].issuers == company().issuers)
            #expect(found[0].audiences == ["events"] && found[0].suspendedAt == nil)
            #expect(found[0].page == company().page)
            #expect(found[0].secrets.map { String(decoding: $0.content, as: UTF8.self) } == Self.secrets)
            #expect(found[0].secrets.map(\.id) == ["c1", "k1"] && found[0].secrets.map(\.signs) == [false, true])
            #expect(found[0].secrets[1].algorithm == .hs256)
        }
    }

    @Test("Attack: another key opens nothing, and is said so instead of showing no companies")
    func wrongKey() async throws {
        let database = try TestDatabase()
        try await database.withDirectory { directory in
            #expect(try !directory.hasSealedSecrets())
            _ = try directory.openCompanies(secret: Self.key)
            #expect(try directory.hasSealedSecrets())
        }
        let other = [UInt8](repeating: 8, count: 32)
        try await database.withDirectory { directory in
            _ = #expect(throws: DirectoryFault.self) { try directory.openCompanies(secret: other) }
        }
        #expect(Directory.fault(ofCompanySecret: other, for: database.path) == Directory.wrongKey)
        #expect(Directory.fault(ofCompanySecret: nil, for: database.path) == Directory.missingKey)
        #expect(Directory.fault(ofCompanySecret: Self.key, for: database.path) == nil)
        #expect(Directory.fault(ofCompanySecret: nil, for: database.path + ".none") == nil)
    }

    @Test("Attack: a sealed secret that was moved to another company or name, or changed, does not open; others do")
    func moved() async throws {
        for change in [
            "UPDATE company_secret SET company = 'initech'", "UPDATE company_secret SET id = 'x' WHERE id = 'k1'",
            "UPDATE company_secret SET sealed = substr(sealed, 1, 39) || CASE substr(sealed, 40, 1)"
                + " WHEN 'A' THEN 'B' ELSE 'A' END || substr(sealed, 41)",
        ] {
            let database = try TestDatabase()
            try await database.withDirectory { directory in
                _ = try directory.openCompanies(secret: Self.key)
                try await directory.create(company())
                var other = StoredCompany(id: "initech", name: "Initech", createdAt: start)
                other.secrets = []
                try await directory.create(other)
            }
            _ = try database.query(change)
            try await database.withDirectory { directory in
                let stored = try directory.openCompanies(secret: Self.key)
                #expect(stored.map(\.id).sorted() == ["globex", "initech"])
                #expect(stored.contains { !$0.damagedSecrets.isEmpty }, "\(change)")
                let opened = stored.filter { $0.id == "initech" || !change.contains("id = 'x'") }.flatMap(\.secrets)
                #expect(opened.isEmpty, "\(change)")
            }
        }
    }

    @Test("Secrets are added, given an end and revoked; the others stay; each change is told once it is on disk")
    func rotated() async throws {
        let database = try TestDatabase()
        let heard = Heard()
        try await database.withDirectory { directory in
            _ = try directory.openCompanies(secret: Self.key)
            directory.onCompanyChange { id, company in heard.add(id, company) }
            try await directory.create(company())
            let added = try await directory.changeCompany("globex") { company in
                company.secrets[1].until = start + 1000
                company.secrets.append(
                    CompanySecret(
                        id: "k2",
                        form: .secret,
                        algorithm: .hs512,
                        signs: true,
                        content: [UInt8](repeating: 1, count: 64),
                        createdAt: start + 1
                    )
                )
            }
            #expect(added?.secrets.map(\.id) == ["c1", "k1", "k2"])
            let revoked = try await directory.changeCompany("globex") { $0.secrets.removeAll { $0.id == "c1" } }
            #expect(revoked?.secrets.map(\.id) == ["k1", "k2"])
            let nobody = try await directory.changeCompany("nobody") { _ in }
            #expect(nobody.map(\.id) == nil)
            await #expect(throws: CompanyFault.self) {
                try await directory.changeCompany("globex") { _ in throw CompanyFault.tooMany }
            }
        }
        #expect(heard.ids == ["globex", "globex", "globex"] && heard.counts == [2, 3, 2])
        try await database.withDirectory { directory in
            let found = try directory.openCompanies(secret: Self.key)[0].secrets
            #expect(found.map(\.id) == ["k1", "k2"] && found.map(\.until) == [start + 1000, nil])
            #expect(found[0].isGood(at: start + 999) && !found[0].isGood(at: start + 1000))
        }
    }

    @Test("A removed company's events and webhooks go, nobody gets its id while its data is kept, and then it is free")
    func removed() async throws {
        let database = try TestDatabase()
        let heard = Heard()
        try await database.withDirectory { directory in
            _ = try directory.openCompanies(secret: Self.key)
            directory.onCompanyChange { id, company in heard.add(id, company) }
            try await directory.create(company())
            var events: [Event] = []
            for number in 0..<3 { events.append(try await directory.makeEvent("\(number)", company: "globex")) }
            let other = try await directory.makeEvent("other", company: "acme")
            _ = try await directory.createWebhook(
                [.eventDeleted],
                endpoint: "https://x.example",
                event: nil,
                company: "globex"
            )
            #expect(try await directory.removeCompany("globex", keepsData: false))
            #expect(try await !directory.removeCompany("globex", keepsData: false))
            #expect(heard.counts == [2, nil])
            // As after an interruption, the purge does it.
            _ = try await directory.purge(Retention(stays: 1000, removed: 1000, webhooks: 1000))
            #expect(events.allSatisfy { directory.view.isRemoved($0) } && !directory.view.isRemoved(other))
            #expect(directory.webhooks(of: "globex").isEmpty)
            await #expect(throws: CompanyFault.wasRemoved) { try await directory.create(company()) }
            // A call that had begun before must leave nothing to the next company with this id.
            await #expect(throws: RemovedCompany.self) { try await directory.makeEvent("late", company: "globex") }
            await #expect(throws: RemovedCompany.self) {
                try await directory.createWebhook(
                    [.eventCreated],
                    endpoint: "https://x.example",
                    event: nil,
                    company: "globex"
                )
            }
            database.clock.advance(2000)
            _ = try await directory.purge(Retention(stays: 1000, removed: 1000, webhooks: 1000))
            try await directory.create(company())
            await #expect(throws: CompanyFault.exists) { try await directory.create(company()) }
            #expect(try await directory.removeCompany("globex", keepsData: true))
            try await directory.create(company())
        }
    }
}
