import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Content comes back unchanged", .onEachDatabase)
struct ContentTests {
    static let hostile = [
        "'); DROP TABLE event; --", "\" OR \"\"=\"", "%_\\'\"`;", "?1 :name @x $y", "\u{1}\u{1F}\u{7F}\u{85}\t\r\n",
        "👩‍👩‍👧‍👦🏳️‍🌈 é e\u{301} \u{202E}abc\u{200B}", "\u{10FFFF}\u{FFFD}\u{FEFF}", " leading and trailing ", "null", "{}", "[]",
        "12", "0x1F", "𝕊𝕢𝕝", String(repeating: "ß", count: 500),
    ]

    @Test("Texts that mean something to SQL, JSON or terminals, in every field", arguments: hostile)
    func texts(text: String) async throws {
        let database = try TestDatabase()
        func same(_ a: String?, _ b: String) -> Bool { a?.hasSameBytes(as: b) ?? false }
        var entered = fields(text)
        entered.picture = text
        entered.timezone = text
        entered.networkingHub = text
        entered.presenters = [text, "\(text)2"]
        entered.organizers = ["3\(text)"]
        entered.metadata = [JSONMember(text, .string(text)), JSONMember("n", .object([JSONMember(text, .null)]))]
        let made = entered
        let (event, registration) = try await database.withDirectory { directory in
            let event = try await directory.create(.event, fields: made, company: "acme", creator: text)
            let registration = try await directory.makeRegistration(
                "\(text)@x.example",
                name: text,
                metadata: made.metadata,
                for: event
            )
            return (event, registration)
        }
        // Read by a process that has nothing of it in memory.
        try await database.withDirectory { directory in
            let read = try #require(try await directory.event(event.uid, .event, company: "acme"))
            #expect(read == event)
            #expect(same(read.fields.name, text) && same(read.fields.picture, text) && same(read.creator, text))
            #expect(same(read.fields.timezone, text) && same(read.fields.networkingHub, text))
            #expect(same(read.fields.presenters.first, text) && same(read.fields.organizers.first, "3\(text)"))
            #expect(read.fields.metadata[text] == .string(text))
            let again = try #require(try await directory.page(of: event).registrations.first)
            #expect(again == registration)
            #expect(same(again.name, text) && same(again.email, "\(text)@x.example"))
            let person = try #require(directory.view.person(for: registration.joinCode))
            #expect(same(person.name, text) && same(person.email, "\(text)@x.example"))
            let removed = try await directory.removeRegistration(
                .email("\(text)@x.example"),
                of: event.uid,
                .event,
                company: "acme"
            )
            #expect(removed == true)
            #expect(try await directory.eventIDs(of: "acme") == [event.uid])
        }
    }

    @Test("Ids and e-mails that mean something to SQL find nothing")
    func injection() async throws {
        let database = try TestDatabase()
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let registration = try await directory.makeRegistration("a@x.example", for: event)
            for text in Self.hostile + ["%", "' OR 1=1 --", "\(event.uid)' --"] {
                #expect(try await directory.event(text, .event, company: "acme") == nil)
                #expect(try await !directory.remove(text, .event, company: "acme"))
                #expect(try await !directory.removeWebhook(text, company: "acme"))
                let removed = try await directory.removeRegistration(
                    .email(text),
                    of: event.uid,
                    .event,
                    company: "acme"
                )
                #expect(removed == false)
            }
            #expect(try await directory.page(of: event).registrations == [registration])
        }
    }

    @Test("Metadata of 16 KiB comes back unchanged: one long text, many members, deep nesting, every number")
    func metadata() async throws {
        let long = [JSONMember("text", .string(String(repeating: "\u{1F600}", count: 4000)))]
        let many = (0..<256).map { JSONMember("member \($0)", .number(Double($0) * 1e17)) }
        var nested = JSONValue.array([])
        for _ in 0..<14 { nested = .object([JSONMember("n", .array([nested]))]) }
        let numbers = [0, -1, 0.1, 1e300 as Double, -.leastNonzeroMagnitude, 9_007_199_254_740_992, .pi, 1e21].map(
            JSONValue.number
        )
        let database = try TestDatabase()
        for metadata in [long, many, [JSONMember("deep", nested)], [JSONMember("numbers", .array(numbers))], []] {
            let (event, registration) = try await database.withDirectory { directory in
                let event = try await directory.makeEvent()
                return (event, try await directory.makeRegistration("a@x.example", metadata: metadata, for: event))
            }
            try await database.withDirectory { directory in
                let read = try await directory.page(of: event).registrations
                #expect(read.first?.metadata == metadata && read.first == registration)
                let updated = try await directory.update(event.uid, .event, company: "acme") { $0.metadata = metadata }
                #expect(updated?.fields.metadata == metadata)
                let event = try await directory.event(event.uid, .event, company: "acme")
                #expect(event?.fields.metadata == metadata)
            }
        }
    }
}
