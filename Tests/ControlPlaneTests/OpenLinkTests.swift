import Admission
import Basics
import HTTPTypes
import Testing

@testable import ControlPlane

@Suite("Links of events that are over are refused, with what to do")
struct OpenLinkTests {
    private let service: Service

    init() throws { service = try Service() }

    private static let hour: Milliseconds = 3_600_000
    /// The end of the events here.
    private static let end = Service.start + 2 * hour

    private func person(_ email: String, _ more: KeyValuePairs<String, JSONValue> = [:]) -> JSONValue {
        var body = object(["name": "Ann", "email": .string(email)])
        for (name, value) in more { body = body.replacing(name, value) }
        return body
    }

    @Test("A registration is made until its link would no longer open: a day after the end", arguments: [false, true])
    func register(hub: Bool) async throws {
        let path = "/\(hub ? "networking" : "event")/\(try await service.makeEvent(hub: hub))"
        let first = try await service.call(.post, "\(path)/registrant", person("ann@example.com"))
        #expect(first.status == 200)
        service.now = Self.end + 24 * Self.hour - 1
        #expect(try await service.call(.post, "\(path)/registrant", person("bob@example.com")).status == 200)
        service.now += 1
        let before = try await service.call(.get, "\(path)/registrants").text
        for body in [person("eve@example.com"), person("ann@example.com", ["name": "Anna", "resend": true])] {
            let reply = try await service.call(.post, "\(path)/registrant", body)
            #expect(reply.status == 409 && reply.code == "event_over")
            #expect(reply.message?.contains("endDate") == true)
        }
        let bulk: JSONValue = [person("eve@example.com"), person("x"), person("ann@example.com", ["resend": true])]
        let answers = try await service.call(.post, "\(path)/registrants", bulk).json.list
        #expect(answers.map { $0["status"]?.number } == [409, 400, 409])
        #expect(answers[0]["code"] == "event_over" && answers[2]["code"] == "event_over")
        let atomic = try await service.call(.post, "\(path)/registrants?atomic=true", [person("eve@example.com")])
        #expect(atomic.status == 409 && atomic.code == "event_over")
        let wrong = try await service.call(.post, "\(path)/registrants?atomic=true", bulk)
        #expect(wrong.status == 400 && wrong["problems"]?.list.first?["field"] == "[1].email")
        #expect(try await service.call(.get, "\(path)/registrants").text == before)
        // What the sentence says helps.
        try await service.call(.patch, path, object(["endDate": "2027-01-16T10:00:01Z"]))
        #expect(try await service.call(.post, "\(path)/registrant", person("eve@example.com")).status == 200)
    }

    @Test("Once the doors are closed, only hosts get a registration")
    func doors() async throws {
        let uid = try await service.makeEvent(["doorsClose": 15, "presenters": ["Pete@example.com"]])
        service.now = Self.end + 15 * 60_000 - 1
        #expect(try await service.call(.post, "/event/\(uid)/registrant", person("ann@example.com")).status == 200)
        service.now += 1
        let late = try await service.call(.post, "/event/\(uid)/registrant", person("eve@example.com"))
        #expect(late.status == 409 && late.code == "event_over")
        #expect(try await service.call(.post, "/event/\(uid)/registrant", person("pete@EXAMPLE.com")).status == 200)
    }

    @Test("An embed link is given as long as it opens: to hosts always, to others until the doors close")
    func embed() async throws {
        let uid = try await service.makeEvent(["presenters": ["pete"]])
        let closing = try await service.makeEvent(["doorsClose": 0, "presenters": ["pete"]])
        service.now = Self.end + 40 * 24 * Self.hour
        for call in ["embed", "embedCode"] {
            let open = try await service.call(.post, "/event/\(uid)/\(call)", object(["userId": "ann"]))
            #expect(open.status == 200, "its doors do not close")
            let over = try await service.call(.post, "/event/\(closing)/\(call)", object(["userId": "ann"]))
            #expect(over.status == 409 && over.code == "event_over")
            for (user, more) in [("pete", true), ("ann", false)] {
                let body = object(["userId": .string(user), "eventSpecific": .bool(more)])
                #expect(try await service.call(.post, "/event/\(closing)/\(call)", body).status == 200)
            }
        }
        service.now = Self.end - 1
        #expect(try await service.call(.post, "/event/\(closing)/embed", object(["userId": "ann"])).status == 200)
    }

    @Test("A registration of a hub without dates that has expired is not given again as if it opened")
    func expired() async throws {
        let uid = try await service.makeEvent(["startDate": .null, "endDate": .null], hub: true)
        let path = "/networking/\(uid)/registrant"
        let again = person("ann@example.com", ["resend": true])
        #expect(try await service.call(.post, path, again).status == 200)
        let lifetime = service.plane.snapshot.viewerTokens.registrationLifetime + service.plane.snapshot.leeway
        service.now += lifetime * 1000 - 1
        #expect(try await service.call(.post, path, again).status == 200)
        service.now += 1
        let reply = try await service.call(.post, path, again)
        #expect(reply.status == 409 && reply.code == "registration_expired")
        #expect(try await service.call(.delete, path, object(["email": "ann@example.com"])).status == 204)
        #expect(try await service.call(.post, path, again).status == 200)
    }

    @Test("Attack: another company does not learn that an event is over")
    func foreign() async throws {
        let uid = try await service.makeEvent(["doorsClose": 0])
        service.now = Self.end + 48 * Self.hour
        for call in ["registrant", "embed", "embedCode"] {
            let body = call == "registrant" ? person("ann@example.com") : object(["userId": "u"])
            #expect(try await service.call(.post, "/event/\(uid)/\(call)", body, as: "globex").status == 404)
            #expect(try await service.call(.post, "/networking/\(uid)/\(call)", body).status == 404)
        }
    }

    @Test("The error about an e-mail that is registered names the registration, in every call")
    func inTheWay() async throws {
        let path = "/event/\(try await service.makeEvent())"
        let known = try await service.call(.post, "\(path)/registrant", person("ann@example.com"))
        let id = try required(known["registrationId"])
        let single = try await service.call(.post, "\(path)/registrant", person("ANN@example.com"))
        #expect(single.status == 409 && single["registrationId"] == id)
        let bulk = try await service.call(.post, "\(path)/registrants", [person("ann@example.com")]).json.list[0]
        #expect(bulk["status"] == 409 && bulk["registrationId"] == id)
        let other = try await service.call(.post, "\(path)/registrant", person("bob@example.com"))
        let one = "\(path)/registrant/\(try required(other["registrationId"]?.text))"
        let taken = try await service.call(.patch, one, object(["email": "ann@example.com"]))
        #expect(taken.status == 409 && taken["registrationId"] == id)
    }
}
