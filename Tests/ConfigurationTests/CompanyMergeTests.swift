import Admission
import JOSE
import Testing

@testable import GatewayConfiguration

/// Companies of the directory beside those of the configuration's file.
@Suite struct CompanyMergeTests {
    private static func company(_ id: String, _ fill: UInt8, issuers: [String] = []) throws -> CompanySettings {
        let key = try Key.secret([UInt8](repeating: fill, count: 32), algorithm: .hs256, id: "key")
        var company = CompanySettings(id: id, name: id, keys: [key], keyOrigins: [])
        (company.issuers, company.isInDirectory) = (issuers, true)
        return company
    }

    private func ids(_ settings: Settings) -> [String] { settings.companies.map(\.id) }

    @Test("Companies of the directory come after the file's, and take the place of those from there before")
    func merged() throws {
        let file = try load(Sample().text)
        let first = file.merging([try Self.company("globex", 1)])
        #expect(ids(first.settings) == ["acme", "globex"] && first.clashes == [])
        let second = first.settings.merging([try Self.company("initech", 2)])
        #expect(ids(second.settings) == ["acme", "initech"])
        #expect(ids(second.settings.merging([]).settings) == ["acme"])
    }

    @Test("The file wins where both name an id")
    func fileWins() throws {
        let file = try load(Sample().text)
        let merged = file.merging([try Self.company("acme", 1), try Self.company("globex", 2)])
        #expect(ids(merged.settings) == ["acme", "globex"] && merged.clashes == [])
        #expect(!merged.settings.companies[0].isInDirectory)
        #expect(merged.settings.companies[0].keys[0] === file.companies[0].keys[0])
    }

    @Test("Attack: a company that claims the issuer or the secret of another, or our own issuer, is left out")
    func clashes() throws {
        var file = try load(Sample().text)
        file.companies[0].issuers = ["https://login.acme.example"]
        let taken = String(decoding: Sample.files["/secret"]!.dropLast(), as: UTF8.self)
        var thief = try Self.company("thief", 1)
        thief.keys = [try Key.secret(Array(taken.utf8), algorithm: .hs256, id: "stolen")]
        let merged = file.merging([
            try Self.company("one", 2, issuers: ["https://login.acme.example"]), thief,
            try Self.company("two", 3, issuers: [file.publicURL.text]), try Self.company("three", 4),
            try Self.company("four", 4),
        ])
        #expect(ids(merged.settings) == ["acme", "three"])
        #expect(merged.clashes.map(\.company) == ["one", "thief", "two", "four"])
        #expect(merged.clashes.map(\.member) == ["issuers", "keys", "issuers", "keys"])
    }

    @Test("The only company of the file keeps the events that nobody knows, and the directory's get none of them")
    func events() throws {
        let merged = try load(Sample().text).merging([try Self.company("globex", 1)]).settings
        #expect(merged.eventIDs(of: merged.companies[0]) == ["*"])
        #expect(merged.eventIDs(of: merged.companies[1]) == [])
    }

    @Test("Files that are read again leave the directory's companies as they are, and a reload too")
    func renewal() throws {
        let merged = try load(Sample().text).merging([try Self.company("globex", 1)]).settings
        let renewal = merged.renewingFiles(
            readFile: { Sample.files[$0].map { .success($0) } ?? .failure(.notFound) },
            fault: { _ in nil }
        )
        #expect(renewal.changes == [] && renewal.problems == [])
        #expect(renewal.settings.companies[1].keys.map(\.thumbprint) == merged.companies[1].keys.map(\.thumbprint))
    }

    @Test("With the control API, the file needs no company")
    func noneInFile() {
        var sample = Sample(.company, nil)
        sample.bodies[.key] = nil
        sample.bodies[.rest] = """
            [[route]]
            path = "/networking/{event}"
            upstream = "host"
            access = "token"
            [[route]]
            path = "/api/**"
            upstream = "control"
            access = "public"
            [control]
            enabled = true
            """
        #expect(problems(sample.text) == [])
    }

    @Test("Nothing of a suspended company is accepted, and no key set of it is fetched")
    func suspended() throws {
        var company = try Self.company("globex", 1)
        company.keyOrigins = [KeyOrigin(source: .jwksURL(try KeySetURL(parsing: "https://keys.example/set")))]
        #expect(company.keySetURLs.count == 1 && Company(company).keys.count == 1)
        company.isSuspended = true
        #expect(company.keySetURLs.isEmpty)
        let accepted = Company(company)
        #expect(accepted.keys.isEmpty && accepted.ownKeys.isEmpty && !accepted.awaitsKeys)
    }
}
