import Admission
import Basics
import Directory
import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import Testing

@testable import ControlPlane

@Suite("Lists come in pages linked by Link, with each entry once")
struct PageTests {
    private static let link = HTTPField.Name("Link")!
    private static let total = HTTPField.Name("X-Total-Count")!

    /// Follows a list to its end.
    private func all(_ service: Service, _ path: String) async throws -> [[JSONValue]] {
        var pages: [[JSONValue]] = []
        var next: String? = path
        while let path = next, pages.count < 50 {
            let reply = try await service.call(.get, path)
            #expect(reply.status == 200, "\(reply.text)")
            pages.append(reply.json.list)
            next = nil
            if let link = reply.fields[Self.link] {
                let parts = link.split(separator: ">; ")
                #expect(parts.last == "rel=\"next\"")
                let address = try required(parts.first.map(String.init))
                #expect(address.hasPrefix("</api/v1/"))
                #expect(reply.fields[Self.total].flatMap { Int($0) } != nil)
                next = String(address.dropFirst("</api/v1".count))
            }
        }
        return pages
    }

    @Test("Events come soonest first, including ones that start at the same time")
    func events() async throws {
        let service = try Service()
        var expected: [String] = []
        for day in [3, 1, 2, 2, 2, 5, 4] {
            let dates: KeyValuePairs<String, JSONValue> = [
                "startDate": .string("2027-02-0\(day)T00:00:00Z"), "endDate": .string("2027-02-0\(day)T01:00:00Z"),
                "name": .string("\(day)"),
            ]
            expected.append(try await service.makeEvent(dates))
        }
        let pages = try await all(service, "/company/acme/events?limit=2")
        #expect(pages.map(\.count) == [2, 2, 2, 1])
        #expect(pages.joined().compactMap { $0["name"]?.text } == ["1", "2", "2", "2", "3", "4", "5"])
        #expect(Set(pages.joined().compactMap { $0["uid"]?.text }) == Set(expected))
        let whole = try await service.call(.get, "/company/acme/events")
        #expect(whole.json.list == Array(pages.joined()) && whole.fields[Self.total] == "7")
        #expect(whole.fields[Self.link] == nil)

        let query = "from=2027-02-02T01:00:00%2B00:00&to=2027-02-04T01:00:00%2B01:00&limit=2"
        let part = try await all(service, "/company/acme/events?\(query)")
        #expect(part.joined().compactMap { $0["name"]?.text } == ["2", "2", "2", "3", "4"])
    }

    @Test("Registrations come in the order of their creation")
    func registrations() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for number in 0..<7 {
            let body = object(["name": "N", "email": .string("n\(number)@example.com")])
            #expect(try await service.call(.post, "/event/\(uid)/registrant", body).status == 200)
        }
        let pages = try await all(service, "/event/\(uid)/registrants?limit=3")
        #expect(pages.map(\.count) == [3, 3, 1])
        #expect(pages.joined().compactMap { $0["email"]?.text } == (0..<7).map { "n\($0)@example.com" })
    }

    @Test("An unencoded plus is read as a plus")
    func plainPlus() async throws {
        let reply = try await (try Service()).call(.get, "/company/acme/events?from=2027-01-01T00:00:00+01:00")
        #expect(reply.status == 200)
    }

    /// Makes events that are over, and one that is to come.
    private func fill(_ service: Service, past count: Int, hub: Bool = false) async throws {
        for number in 0..<count {
            let day = Timestamp.text(Service.start - Milliseconds(number + 1) * 86_400_000)
            let end = Timestamp.text(Service.start - Milliseconds(number + 1) * 86_400_000 + 3_600_000)
            _ = try await service.makeEvent(
                ["startDate": .string(day), "endDate": .string(end), "name": .string("Past \(number)")],
                hub: hub
            )
        }
        _ = try await service.makeEvent(["name": "Next"], hub: hub)
    }

    @Test("The platform's client reads one array: an event that is to come is in it, first, behind 101 that are over")
    func quickstart() async throws {
        let service = try Service()
        try await fill(service, past: 101)
        let reply = try await service.call(.get, "/company/acme/events")
        #expect(reply.json.list.count == 102 && reply.fields[Self.total] == "102" && reply.fields[Self.link] == nil)
        #expect(reply.json.list.prefix(3).compactMap { $0["name"]?.text } == ["Next", "Past 0", "Past 1"])
        #expect(reply.json.list.last?["name"] == "Past 100")
    }

    @Test("Networking hubs have a list of their own")
    func hubs() async throws {
        let service = try Service()
        try await fill(service, past: 2, hub: true)
        let pages = try await all(service, "/company/acme/networking?limit=2")
        #expect(pages.map { $0.compactMap { $0["name"]?.text } } == [["Next", "Past 0"], ["Past 1"]])
        #expect(try await service.call(.get, "/company/acme/events").json == [])
    }

    @Test("What is over stays what it was on all pages, while time passes: each event is there once")
    func timePasses() async throws {
        let service = try Service()
        for minute in 0..<6 {
            let (start, end) = (Service.start + Milliseconds(minute) * 60_000, Service.start + 3_600_000)
            _ = try await service.makeEvent([
                "startDate": .string(Timestamp.text(start)), "endDate": .string(Timestamp.text(end)),
                "name": .string("\(minute)"),
            ])
        }
        var names: [String] = []
        var path: String? = "/company/acme/events?limit=1"
        while let next = path {
            let reply = try await service.call(.get, next)
            names += reply.json.list.compactMap { $0["name"]?.text }
            path = reply.fields[Self.link].map { String($0.dropFirst("</api/v1".count).prefix { $0 != ">" }) }
            service.now += 1_200_000
        }
        #expect(names == (0..<6).map(String.init))
    }

    @Test(
        "A plus in what is searched for is a space, as programs write it; in an e-mail it is a plus",
        arguments: [
            ("events?q=Spring+la", 1), ("events?q=Spring%20la", 1), ("events?q=Spring%2Bla", 0),
            ("registrants?q=Ann+Other", 1), ("registrants?q=ann%2Bnews", 1), ("registrants?q=ann+news", 0),
            ("registrants?email=ann+news@acme.example", 1), ("registrants?email=ann%2Bnews@acme.example", 1),
        ]
    )
    func pluses(query: String, count: Int) async throws {
        let service = try Service()
        let event = try await service.makeEvent(["name": "Spring launch"])
        let person = object(["name": "Ann Other", "email": "ann+news@acme.example"])
        #expect(try await service.call(.post, "/event/\(event)/registrant", person).status == 200)
        let folder = query.hasPrefix("events") ? "company/acme" : "event/\(event)"
        let reply = try await service.call(.get, "/\(folder)/\(query)")
        #expect(reply.status == 200 && reply.json.list.count == count, "\(reply.text)")
    }

    @Test("The link to the next page keeps all filters")
    func filters() async throws {
        let service = try Service()
        try await fill(service, past: 4)
        let query = "status=past&from=2027-01-01T00:00:00%2B01:00&q=PAST%20&lastDay=false&limit=1"
        let pages = try await all(service, "/company/acme/events?\(query)")
        #expect(pages.joined().compactMap { $0["name"]?.text } == ["Past 0", "Past 1", "Past 2", "Past 3"])
        let link = try required(try await service.call(.get, "/company/acme/events?\(query)").fields[Self.link])
        #expect(
            link.hasPrefix(
                "</api/v1/company/acme/events?status=past&from=2027-01-01T00%3A00%3A00%2B01%3A00&q=PAST%20"
                    + "&lastDay=false&limit=1&cursor="
            ),
            "\(link)"
        )
    }

    @Test(
        "The platform's names for a span of time, and which of them go together",
        arguments: [
            ("lastDay=true", 1), ("last7days=true", 7), ("last30days=true", 30), ("last30days=false", 41),
            ("lastDay=true&last7days=false&includeSubCompanies=true", 1), ("includeSubCompanies=false", 41),
            ("startDate=2027-01-13T00:00:00Z", 3), ("endDate=2027-01-13T00:00:00Z", 38),
            ("startDate=2027-01-10T00:00:00Z&endDate=2027-01-13T00:00:00Z", 3),
            ("from=2027-01-10T00:00:00Z&endDate=2027-01-13T00:00:00Z", 3),
            ("lastDay=true&last7days=true", nil), ("lastDay=true&startDate=2027-01-10T00:00:00Z", nil),
            ("last7days=true&endDate=2027-01-10T00:00:00Z", nil), ("last30days=true&from=2027-01-10T00:00:00Z", nil),
            ("from=2027-01-10T00:00:00Z&startDate=2027-01-10T00:00:00Z", nil), ("lastDay=yes", nil),
        ] as [(String, Int?)]
    )
    func platformSpans(query: String, count: Int?) async throws {
        let service = try Service()
        try await fill(service, past: 40)
        let reply = try await service.call(.get, "/company/acme/events?\(query)")
        #expect(reply.status == (count == nil ? 400 : 200), "\(reply.text)")
        if let count { #expect(reply.json.list.count == count) }
    }

    @Test("Attack: cursors that no list gave")
    func cursors() async throws {
        let service = try Service()
        try await fill(service, past: 2)
        for cursor in [
            "03" + String(repeating: "0", count: 64), "02" + "8" + String(repeating: "0", count: 63),
            "00" + String(repeating: "f", count: 64),
        ] {
            let reply = try await service.call(.get, "/company/acme/events?lastDay=true&limit=1&cursor=\(cursor)")
            #expect(reply.code == "invalid_request", "\(cursor)")
        }
        let early = "02" + String(repeating: "0", count: 64)
        #expect(try await service.call(.get, "/company/acme/events?last30days=true&cursor=\(early)").json == [])
    }

    @Test(
        "A long list without limit is read and written in pieces; its JSON is whole, also if entries vanish meanwhile"
    )
    func pieces() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for number in 0..<250 {
            let body = object(["name": "N", "email": .string("n\(number)@example.com")])
            #expect(try await service.call(.post, "/event/\(uid)/registrant", body).status == 200)
        }
        let head = HTTPRequest(
            method: .get,
            scheme: "http",
            authority: "gateway",
            path: "/api/v1/event/\(uid)/registrants",
            headerFields: [.authorization: "Bearer \(try service.token())"]
        )
        let answer = await service.plane.answer(head, RequestBody(buffer: ByteBuffer()))
        let further = try required(answer.further)
        #expect(answer.body.isEmpty && further.weight == 2000)
        #expect(answer.fields[Self.total] == "250")
        for number in 0..<100 { try await remove(number, of: uid, service) }
        for number in 200..<250 { try await remove(number, of: uid, service) }
        var text: [UInt8] = []
        for number in 0..<3 { text += try required(try await further.piece(number)) }
        #expect(try await further.piece(3) == nil)
        let people = try JSONValue(parsing: text.span, limits: JSONLimits(size: 1 << 20)).list
        #expect(people.compactMap { $0["email"]?.text } == (100..<200).map { "n\($0)@example.com" })
        answer.place?.leave()
    }

    private func remove(_ number: Int, of uid: String, _ service: Service) async throws {
        let body = object(["email": .string("n\(number)@example.com")])
        #expect(try await service.call(.delete, "/event/\(uid)/registrant", body).status == 204)
    }
}
