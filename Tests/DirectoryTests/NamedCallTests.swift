import Basics
import Testing

@testable import Directory

@Suite("Answers that are kept for calls that are repeated", .onEachDatabase)
struct NamedCallTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func call(_ number: UInt8, of company: String = "acme") -> NamedCall {
        let name = Array(company.utf8) + [number]
        return NamedCall(company: company, name: name, fingerprint: [0], madeAt: start + Milliseconds(number))
    }

    /// How much is kept, as it is counted, and as it is.
    private func bytes() throws -> [String] {
        try [
            database.query("SELECT CAST(sum(bytes) AS BIGINT) FROM named_call_total"),
            database.query("SELECT CAST(coalesce(sum(length(answer)), 0) AS BIGINT) FROM named_call"),
        ].map { $0.filter(\.isNumber) }
    }

    @Test("Attack: a company fills the disk with answers; its oldest ones are forgotten, and nobody else's")
    func bounded() async throws {
        let large = [UInt8](repeating: 1, count: Directory.maxNamedCallBytes / 4)
        try await database.withDirectory { directory in
            let other = call(0, of: "globex")
            try await directory.keep([7], of: other)
            for number in 1...6 as ClosedRange<UInt8> { try await directory.keep(large, of: call(number)) }
            for number in 1...2 as ClosedRange<UInt8> {
                #expect(try await directory.earlier(call(number)) == .unanswered)
            }
            for number in 3...6 as ClosedRange<UInt8> {
                #expect(try await directory.earlier(call(number)) == .answered(large))
            }
            #expect(try await directory.earlier(other) == .answered([7]))
            // A call's new answer takes the room of its old one, and the newest stays also if the clock was set back.
            try await directory.keep([8], of: call(6))
            let early = NamedCall(company: "acme", name: [9], fingerprint: [0], madeAt: start - 1000)
            try await directory.keep([9] + large, of: early)
            #expect(try await directory.earlier(early) == .answered([9] + large))
        }
        #expect(try bytes() == Array(repeating: "\(3 * large.count + 3)", count: 2))
    }

    @Test("The room of answers that are erased or too old is free again")
    func freed() async throws {
        try await database.withDirectory { directory in
            for number in 1...2 as ClosedRange<UInt8> {
                try await directory.keep([1, 2, 3], of: call(number))
                try await directory.keep([1, 2, 3], of: call(number, of: "globex"))
            }
            _ = try await directory.erasePerson(email: "ada@example.com", company: "acme")
            #expect(try bytes() == ["6", "6"])
            database.clock.advance(2 * Directory.namedCallLifetime)
            _ = try await directory.purge(Retention(stays: 1 << 40, removed: 1 << 40, webhooks: 1 << 40))
            #expect(try bytes() == ["0", "0"])
        }
    }
}
