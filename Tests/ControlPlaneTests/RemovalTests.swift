import Admission
import Basics
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Calls that remove viewers")
struct RemovalTests {
    @Test("Removals are created, listed, replaced and lifted, for events and hubs alike", arguments: [false, true])
    func story(hub: Bool) async throws {
        let service = try Service()
        let path = "/\(hub ? "networking" : "event")/\(try await service.makeEvent(hub: hub))/removals"
        let body = object([
            "email": " Kim@Acme.example", "until": "2027-01-15T09:00:00+00:00", "reason": "rude",
        ])
        let made = try await service.call(.post, path, body)
        #expect(made.status == 201 && made["email"] == "Kim@Acme.example" && made["reason"] == "rude")
        #expect(made["until"] == "2027-01-15T09:00:00.000Z" && made["removedAt"] == "2027-01-15T08:00:00.000Z")
        let id = try required(made["id"]?.text)
        #expect(service.sentAway.map(\.id) == [id])
        let again = try await service.call(.post, path, object(["email": "kim@acme.example", "until": .null]))
        #expect(again.status == 201 && again["id"]?.text == id && again["until"] == .null && again["reason"] == .null)
        #expect(try await service.call(.post, path, object(["userId": "u-1"])).status == 201)
        let list = try await service.call(.get, path)
        #expect(list.json.list.count == 2 && list.json.list[0] == again.json && list.json.list[1]["userId"] == "u-1")
        for (company, status) in [("globex", 404), ("acme", 204), ("acme", 404)] {
            #expect(try await service.call(.delete, "\(path)/\(id)", as: company).status == status)
        }
        #expect(service.lifted.map(\.id) == [id], "of a company that may, and once")
        #expect(try await service.call(.get, path).json.list.count == 1)
        for company in ["globex"] {
            #expect(try await service.call(.get, path, as: company).status == 404)
            #expect(try await service.call(.post, path, body, as: company).status == 404)
        }
        // The other kind has no such event.
        let other = path.replacing(hub ? "/networking" : "/event", with: hub ? "/event" : "/networking")
        #expect(try await service.call(.get, other).status == 404)
    }

    @Test(
        "A call that does not name one person, or a future time, is refused with a reason",
        arguments: [
            (object([:]), "userId"), (object(["userId": "a", "email": "a@b.example"]), "email"),
            (object(["email": "\u{2003} "]), "email"), (object(["userId": " "]), "userId"),
            (object(["email": "a\r\nb"]), "email"), (object(["email": text(321)]), "email"),
            (object(["userId": text(1025)]), "userId"), (object(["registrationId": text(257)]), "registrationId"),
            (object(["userId": "a\u{7}"]), "userId"), (object(["registrationId": 7]), "registrationId"),
            (object(["userId": "a", "until": "2027-01-15T08:00:00Z"]), "until"),
            (object(["userId": "a", "until": "tomorrow"]), "until"),
            (object(["userId": "a", "reason": .string(String(repeating: "r", count: 501))]), "reason"),
        ]
    )
    func refused(body: JSONValue, naming: String) async throws {
        let service = try Service()
        let path = "/event/\(try await service.makeEvent())/removals"
        let reply = try await service.call(.post, path, body)
        #expect(reply.status == 400 && reply.code == "invalid_request" && reply.message?.contains(naming) == true)
        #expect(try await service.call(.get, path).json == [])
        #expect(service.sentAway.isEmpty)
    }

    private static func text(_ count: Int) -> JSONValue { .string(String(repeating: "a", count: count)) }

    @Test(
        "Any id or e-mail that a token may contain can be named",
        arguments: [
            ("userId", text(1024)), ("userId", " ada "), ("userId", "a/b\\c;%2e"), ("registrationId", text(256)),
            ("registrationId", "R 1"), ("email", text(320)), ("email", "ada"), ("email", "ada@"),
            ("email", "a@b@c.example"),
            ("email", "Ada <ada@acme.example>"), ("email", "ad\u{200B}a"), ("email", "\u{FEFF}"),
        ]
    )
    func named(member: String, value: JSONValue) async throws {
        let service = try Service()
        let path = "/event/\(try await service.makeEvent())/removals"
        let reply = try await service.call(.post, path, object([member: value]))
        #expect(reply.status == 201 && reply[member] == value)
        #expect(try await service.call(.get, path).json.list == [reply.json])
    }

    @Test("A person with an e-mail that is no address is shown and erased by it; a user id in a list is no e-mail")
    func noAddress() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["presenters": ["ada"]])
        let body = object(["email": "Ada"])
        #expect(try await service.call(.post, "/event/\(uid)/removals", body).status == 201)
        let shown = try await service.call(.get, "/company/acme/people?email=ADA")
        #expect(shown["removals"]?.list.count == 1 && shown["events"] == [])
        #expect(try await service.call(.delete, "/company/acme/people?email=ADA")["removals"] == 1)
        #expect(try await service.call(.get, "/event/\(uid)")["presenters"] == ["ada"])
    }

    @Test("A person's removals are part of the person's data")
    func people() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object(["email": "kim@acme.example", "reason": "rude"])
        #expect(try await service.call(.post, "/event/\(uid)/removals", body).status == 201)
        let path = "/company/acme/people?email=KIM@acme.example"
        let shown = try await service.call(.get, path)["removals"]?.list ?? []
        #expect(shown.count == 1 && shown[0]["eventId"]?.text == uid && shown[0]["reason"] == "rude")
        #expect(try await service.call(.delete, path)["removals"] == 1)
        #expect(try await service.call(.get, "/event/\(uid)/removals").json == [])
    }
}
