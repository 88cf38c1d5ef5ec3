import Admission
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Calls that send viewers away")
struct RemovalTests {
    @Test("made, listed, made anew and lifted, of events and hubs alike", arguments: [false, true])
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
        "what does not say one person, or a time to come, is refused, and says why",
        arguments: [
            (object([:]), "userId"), (object(["userId": "a", "email": "a@b.example"]), "registrationId"),
            (object(["email": "nobody"]), "email"), (object(["userId": " "]), "userId"),
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

    @Test("a person's removals stand in what is shown of the person")
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
