import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("What webhooks are told: dates, roles, registrations, and whose sessions they are", .onEachDatabase)
struct AnnouncementTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func makeWebhook(_ types: [WebhookType], _ directory: Directory) async throws {
        _ = try await directory.createWebhook(types, endpoint: "https://x.example", event: nil, company: "acme")
    }

    /// The types and data of the messages that wait.
    private func told(_ directory: Directory) async throws -> [(type: String, at: JSONValue?, data: [JSONMember])] {
        try await directory.takeDeliveries(at: database.clock.now).map { delivery in
            let message = try JSONText.members(delivery.message)
            guard case .object(let data)? = message["data"] else { throw NotRegistered() }
            return (delivery.type, message["timestamp"], data)
        }
    }

    @Test("An event's start and end are announced at their dates, once, also over a restart and a time without gateway")
    func dates() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.eventStarted, .eventEnded], directory)
            _ = try await directory.makeEvent("soon", startsAt: start + 1000)
            try await directory.announceDates()
            #expect(try await told(directory).isEmpty)
            database.clock.advance(1000)
            for _ in 0..<2 { try await directory.announceDates() }
            let first = try await told(directory)
            #expect(first.map(\.type) == ["event.started"])
            #expect(first[0].at == .string(Timestamp.text(start + 1000)) && first[0].data["name"] == .string("soon"))
        }
        database.clock.advance(7_200_000)
        for isFirst in [true, false] {
            try await database.withDirectory { directory in
                try await directory.announceDates()
                let found = try await told(directory)
                #expect(found.map(\.type) == (isFirst ? ["event.ended"] : []))
                if isFirst { #expect(found[0].at == .string(Timestamp.text(start + 3_601_000))) }
            }
        }
    }

    @Test("A date that is moved ahead is announced again; an event that is over or deleted is not announced")
    func moved() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.eventStarted, .eventEnded], directory)
            let event = try await directory.makeEvent("moved", startsAt: start)
            let gone = try await directory.makeEvent("gone", startsAt: start + 1)
            _ = try await directory.makeEvent("over", startsAt: start - 3_600_001)
            try await directory.announceDates()
            #expect(try await told(directory).map { $0.data["name"] } == [.string("moved")])
            _ = try await directory.update(event.uid, .event, company: "acme") {
                $0.startsAt = start + 2000
                $0.endsAt = start + 3000
            }
            _ = try await directory.remove(gone.uid, .event, company: "acme")
            try await directory.announceDates()
            #expect(try await told(directory).isEmpty)
            database.clock.advance(3000)
            try await directory.announceDates()
            let found = try await told(directory)
            #expect(found.map(\.type) == ["event.started", "event.ended"])
            #expect(found.allSatisfy { $0.data["name"] == .string("moved") })
        }
    }

    @Test("A hub without dates neither starts nor ends, also if it had some; with dates it ends")
    func undated() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.eventCreated, .eventStarted, .eventEnded], directory)
            func setDates(_ event: Event, _ dates: Range<Milliseconds>) async throws {
                _ = try await directory.update(event.uid, .networking, company: "acme") {
                    ($0.startsAt, $0.endsAt) = (dates.lowerBound, dates.upperBound)
                }
                try await directory.announceDates()
            }
            var fields = EventFields(name: "hub", startsAt: 0, endsAt: 0, timezone: "Europe/Berlin")
            (fields.startsAt, fields.endsAt) = (EventFields.always.lowerBound, EventFields.always.upperBound)
            let hub = try await directory.create(.networking, fields: fields, company: "acme", creator: "acme")
            try await directory.announceDates()
            let created = try await told(directory)
            #expect(created.map(\.type) == ["event.created"])
            #expect(created[0].data["startDate"] == .null && created[0].data["endDate"] == .null)
            try await setDates(hub, start + 1000..<start + 2000)
            try await setDates(hub, EventFields.always)
            database.clock.advance(3000)
            try await directory.announceDates()
            #expect(try await told(directory).isEmpty)
            try await setDates(hub, start..<start + 4000)
            database.clock.advance(1000)
            try await directory.announceDates()
            #expect(try await told(directory).map(\.type) == ["event.ended"])
        }
    }

    @Test("A registration that is changed is announced with what it is now, once; by a resend too")
    func updated() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.registrationUpdated], directory)
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            for _ in 0..<2 {
                _ = try await directory.changeRegistration(
                    .id(kim.uid),
                    of: event.uid,
                    .event,
                    company: "acme",
                    RegistrationChanges(name: "Kim Li", email: "kim.li@x.example")
                )
            }
            let metadata = [JSONMember("crm", .string("a-1"))]
            let again = NewRegistration(
                name: "Kim Li",
                email: "kim.li@x.example",
                metadata: metadata,
                changesKnown: true
            )
            _ = try await directory.register(again, for: event.uid, .event, company: "acme")
            let updated = try await told(directory)
            #expect(updated.map(\.type) == ["registration.updated", "registration.updated"])
            #expect(updated.map { $0.data["registrationId"] } == [.string(kim.uid), .string(kim.uid)])
            #expect(updated.map { $0.data["name"] } == [.string("Kim Li"), .string("Kim Li")])
            #expect(updated.map { $0.data["email"] }.allSatisfy { $0 == .string("kim.li@x.example") })
            #expect(updated.map { $0.data["metadata"] } == [.object([]), .object(metadata)])
        }
    }

    @Test("The end names who was there, and not who was erased, neither before nor afterwards")
    func participants() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.eventEnded], directory)
            let event = try await directory.makeEvent()
            let people = ["kim@x.example", "ann@x.example", "bob@x.example"]
            for (number, email) in people.enumerated() {
                let registration = try await directory.makeRegistration(email, name: email, for: event)
                let stay = session(UInt64(number), event: event, registration: registration, since: start + 60_000)
                try await directory.record([.arrived(stay), .departed(stay, .left, at: start + 150_000)])
            }
            try await directory.record([.arrived(session(9, event: event, userID: "u-9", since: start + 90_000))])
            _ = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            database.clock.advance(3_600_000)
            try await directory.announceDates()
            _ = try await directory.erasePerson(email: "ANN@x.example", company: "acme")
            let data = try #require(try await told(directory).first).data
            #expect(data["participantCount"] == .number(4))
            guard case .array(let found)? = data["participants"] else { throw NotRegistered() }
            let known = found.compactMap { value -> [JSONMember]? in
                guard case .object(let person) = value, person["email"] != .null || person["userId"] != nil else {
                    return nil
                }
                return person
            }
            #expect(known.map { $0["email"] } == [.string("bob@x.example"), .null])
            #expect(known[0]["minutes"] == .number(1.5) && known[0]["role"] == .string("attendee"))
            #expect(known[1]["userId"] == .string("u-9") && known[1]["lastLeave"] == .null)
            // Kept messages too.
            let erased = try await directory.erasePerson(email: "bob@x.example", company: "acme")
            #expect(erased.stays == 1)
            #expect(try database.stored(people) == [])
        }
    }

    @Test("A change of the lists announces everyone whose role it changes, and nobody else")
    func roles() async throws {
        try await database.withDirectory { directory in
            try await makeWebhook([.roleChanged], directory)
            let event = try await directory.makeEvent()
            func change(_ presenters: [String], _ organizers: [String]) async throws -> [[JSONValue?]] {
                _ = try await directory.update(event.uid, .event, company: "acme") {
                    $0.presenters = presenters
                    $0.organizers = organizers
                }
                return try await told(directory).map { told in
                    [told.data["userId"] ?? told.data["email"], told.data["previousRole"], told.data["role"]]
                }
            }
            let (attendee, presenter, organizer) = (
                JSONValue.string("attendee"), JSONValue.string("presenter"), JSONValue.string("organizer")
            )
            let made = try await change(["u-1", "Kim@x.example"], [])
            #expect(made == [[.string("u-1"), attendee, presenter], [.string("Kim@x.example"), attendee, presenter]])
            let moved = try await change(["u-1"], ["kim@x.example"])
            #expect(moved == [[.string("kim@x.example"), presenter, organizer]])
            let removed = try await change([], ["kim@x.example"])
            #expect(removed == [[.string("u-1"), presenter, attendee]])
            let same = try await change([], ["KIM@x.example"])
            #expect(same.isEmpty)
        }
    }

    @Test(
        "A cancelled registration is announced; sessions carry their registration's metadata, also if they are stopped"
    )
    func registrations() async throws {
        let metadata = [JSONMember("crm", .string("a-1"))]
        try await database.withDirectory { directory in
            try await makeWebhook([.registrationCancelled, .sessionJoined, .sessionLeft], directory)
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", metadata: metadata, for: event)
            try await directory.record([
                .arrived(session(1, event: event, registration: kim, since: start)),
                .arrived(session(2, event: event, userID: "u-2", since: start)),
            ])
            let joined = try await told(directory)
            #expect(joined.map { $0.data["metadata"] } == [.object(metadata), nil])
        }
        try await database.withDirectory { directory in
            let left = try await told(directory)
            #expect(left.map(\.type) == ["session.left", "session.left"])
            #expect(left.map { $0.data["metadata"] } == [.object(metadata), nil])
            let found = try await directory.storage.read { try $0.value("SELECT uid FROM event", as: String.self) }
            let uid = try #require(found)
            for isThere in [true, false] {
                let isRemoved = try await directory.removeRegistration(
                    .email("kim@x.example"),
                    of: uid,
                    .event,
                    company: "acme"
                )
                #expect(isRemoved == isThere)
            }
            let cancelled = try await told(directory)
            #expect(cancelled.map(\.type) == ["registration.cancelled"])
            #expect(cancelled[0].data["email"] == .string("kim@x.example"))
            #expect(cancelled[0].data["metadata"] == .object(metadata))
        }
    }
}
