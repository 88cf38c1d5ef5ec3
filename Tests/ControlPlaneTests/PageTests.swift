import Admission
import Basics
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Lists come in pages linked by Link, with each entry once")
struct PageTests {
    private static let link = HTTPField.Name("Link")!

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
        #expect(try await all(service, "/company/acme/events").map(\.count) == [7])

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
}
