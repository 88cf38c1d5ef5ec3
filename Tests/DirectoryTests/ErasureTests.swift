import Basics
import Foundation
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("An erased person is in no table and in no file", .onEachDatabase)
struct ErasureTests {
    private let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func stays(_ event: Event, _ directory: Directory) async throws -> [EventAttendance.Participant] {
        try await directory.report(of: event, now: start + 600_000).participants
    }

    @Test("Attack: a user id that is the e-mail, in another case; it is shown and erased")
    func userID() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.sessionJoined)
            let event = try await directory.makeEvent()
            let stay = session(1, event: event, userID: "Kim@X.example", since: start)
            let other = session(2, event: event, userID: "ann@x.example", since: start)
            try await directory.record([.arrived(stay), .arrived(other)])
            #expect(try await directory.person(email: "kim@x.example", company: "acme").stays.count == 1)
            #expect(try await directory.person(email: "kim@x.example", company: "globex").stays.isEmpty)
            let erasure = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(erasure == Erasure(stays: 1, messages: 1))
            #expect(try await directory.person(email: "kim@x.example", company: "acme").stays.isEmpty)
            // Its end is recorded, and announced to nobody.
            try await directory.record([.departed(stay, .removed, at: start + 60_000)])
            let found = try await stays(event, directory)
            #expect(found.count == 2 && found.allSatisfy { $0.userID != "Kim@X.example" })
            #expect(found.contains { $0.userID == "ann@x.example" && $0.lastLeave == nil })
            #expect(found.contains { $0.minutes == 1 })
            #expect(
                try await directory.takeDeliveries(at: start + 60_000).map { $0.message.contains("Kim@") } == [false]
            )
            #expect(try database.stored(["Kim@X.example", "kim@x.example"]) == [])
        }
    }

    @Test(
        "Attack: an arrival written after the erasure is without the person; a later one is with them"
    )
    func lateArrival() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.sessionJoined)
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", name: "Kimberly", for: event)
            let stay = session(1, event: event, registration: kim, since: start)
            let embedded = session(2, event: event, userID: "kim@x.example", since: start)
            database.clock.advance(400)
            _ = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            try await directory.record([
                .arrived(stay), .arrived(embedded), .departed(stay, .removed, at: start + 60_000),
            ])
            #expect(try await directory.person(email: "kim@x.example", company: "acme").stays.isEmpty)
            let found = try await stays(event, directory)
            #expect(found.count == 2 && found.allSatisfy { $0.email == nil && $0.name == nil })
            #expect(found.contains { $0.registrationID != nil && $0.registrationID != kim.uid && $0.minutes == 1 })
            #expect(try await directory.takeDeliveries(at: start + 60_000).isEmpty)
            // A valid token brings the person back.
            let later = session(3, event: event, userID: "kim@x.example", since: database.clock.now + 1)
            try await directory.record([.arrived(later)])
            #expect(try await directory.person(email: "kim@x.example", company: "acme").stays.count == 1)
        }
    }

    @Test("Attack: deleted, overwritten or delivered data is read from the file and its log")
    func files() async throws {
        let directory = try database.open()
        let words = ["Kimberly", "kim@x.example", "Kim@X.example", "a seat by the window"]
        try await directory.makeWebhook(.registrationCreated)
        let event = try await directory.makeEvent()
        let kim = try await directory.makeRegistration(
            "Kim@X.example",
            name: "Kimberly",
            // Long enough for its own pages.
            metadata: [.init("seat", .string(String(repeating: "a seat by the window ", count: 700)))],
            for: event
        )
        #expect(try await directory.takeDeliveries(at: start).count == 1)
        for number in 0..<5 {
            let stay = session(UInt64(number), event: event, registration: kim, since: start + Int64(number) * 1000)
            try await directory.record([.arrived(stay)])
            try await directory.record([.departed(stay, .left, at: start + Int64(number) * 1000 + 500)])
        }
        #expect(try database.stored(words) == words, "the test sees what is there")
        _ = try await directory.erasePerson(email: "kim@x.example", company: "acme")
        #expect(try database.stored(words) == [])
        await directory.close()
        #expect(try database.stored(words) == [])
    }
}
