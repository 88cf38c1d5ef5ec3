import Admission
import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("One call shows a person's data, another erases it")
struct PeopleTests {
    @Test(
        "GET shows registrations and stays; DELETE erases them and reports their number; another company sees nothing"
    )
    func calls() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["presenters": ["kim+a@example.com"]])
        let body = object(["name": "Kim", "email": "Kim+A@example.com", "metadata": object(["seat": 4])])
        try await service.call(.post, "/event/\(uid)/registrant", body)
        let path = "/company/acme/people?email=kim+a@EXAMPLE.com"
        let shown = try await service.call(.get, path)
        #expect(shown.status == 200)
        let registrations = shown["registrations"]?.list ?? []
        #expect(registrations.count == 1 && registrations[0]["name"] == "Kim" && registrations[0]["removedAt"] == .null)
        #expect(registrations[0]["metadata"] == object(["seat": 4]) && shown["stays"] == [])
        for (path, company, status) in [
            (path, "globex", 404), ("/company/acme/people", "acme", 400),
            ("/company/acme/people?email=%20", "acme", 400),
        ] {
            #expect(try await service.call(.get, path, as: company).status == status)
            #expect(try await service.call(.delete, path, as: company).status == status)
        }
        #expect(
            try await service.call(.delete, "/company/globex/people?email=kim+a@example.com", as: "globex").json
                == object(["registrations": 0, "stays": 0, "messages": 0, "events": 0, "removals": 0])
        )
        let erased = try await service.call(.delete, path)
        #expect(
            erased.json == object(["registrations": 1, "stays": 0, "messages": 0, "events": 1, "removals": 0])
        )
        #expect(try await service.call(.get, path)["registrations"] == [])
        #expect(try await service.call(.get, "/event/\(uid)")["presenters"] == [])
        #expect(try await service.call(.get, "/event/\(uid)/registrants").json == [])
    }

    @Test("The export has the lists that name a person, and shows when a registration was deleted with its event")
    func exportIsWhole() async throws {
        let service = try Service()
        let kim: JSONValue = ["Kim@example.com", "other"]
        let kept = try await service.makeEvent(["organizers": kim, "name": "Kept"])
        let gone = try await service.makeEvent(["presenters": kim, "name": "Gone"])
        _ = try await service.makeEvent(["presenters": ["kim"]])
        for uid in [kept, gone] {
            let body = object(["name": "Kim", "email": "kim@example.com"])
            #expect(try await service.call(.post, "/event/\(uid)/registrant", body).status == 200)
        }
        #expect(try await service.call(.delete, "/event/\(gone)").status == 200)
        let shown = try await service.call(.get, "/company/acme/people?email=KIM@example.com")
        let now = JSONValue.string(Timestamp.text(Service.start))
        #expect(
            shown["events"] == [
                object(["eventId": .string(kept), "name": "Kept", "listedAs": "organizer", "removedAt": .null]),
                object(["eventId": .string(gone), "name": "Gone", "listedAs": "presenter", "removedAt": now]),
            ]
        )
        let registrations = shown["registrations"]?.list ?? []
        #expect(registrations.map { $0["eventId"] } == [.string(kept), .string(gone)])
        #expect(registrations.map { $0["removedAt"] } == [.null, now])
    }

    /// The e-mail that a query means; `nil` for 400, empty for nobody's.
    private static let queries: [(query: String, means: String?)] = [
        ("first%20last@acme.example", ""), ("first+last@acme.example", "first+last@acme.example"),
        ("first%2Blast@acme.example", "first+last@acme.example"), ("%20plain2@acme.example", "plain2@acme.example"),
        ("+plain2@acme.example", "+plain2@acme.example"), ("plain2@acme.example%20", "plain2@acme.example"),
        ("%09plain2@acme.example%0D%0A", "plain2@acme.example"), ("%C2%A0plain2@acme.example", "plain2@acme.example"),
        ("first%09last@acme.example", nil), ("first%C2%A0last@acme.example", ""), ("a@b%20c.example", ""),
        ("a%20@b.example", ""), ("a@%20b.example", ""), ("%20", nil), ("", nil),
    ]

    @Test("Attack: an e-mail with a space does not erase a person whose e-mail has a plus there", arguments: queries)
    func blankIsNoPlus(query: String, means: String?) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let people = ["first+last@acme.example", "+plain2@acme.example", "plain2@acme.example"]
        for email in people {
            let body = object(["name": "A", "email": .string(email)])
            #expect(try await service.call(.post, "/event/\(uid)/registrant", body).status == 200)
        }
        let path = "/company/acme/people?email=\(query)"
        let shown = try await service.call(.get, path)
        let erased = try await service.call(.delete, path)
        #expect(shown.status == (means == nil ? 400 : 200) && erased.status == shown.status)
        #expect((shown["registrations"]?.list ?? []).compactMap { $0["email"]?.text } == people.filter { $0 == means })
        let left = try await service.call(.get, "/event/\(uid)/registrants").json.list.compactMap { $0["email"]?.text }
        #expect(left == people.filter { $0 != means })
    }
}
