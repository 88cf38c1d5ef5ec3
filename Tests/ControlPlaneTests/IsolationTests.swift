import Admission
import Basics
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Data of another company does not exist")
struct IsolationTests {
    /// Bodies that would be valid for the owner, by the suffix of operation ids.
    private static func body(of call: Call) -> JSONValue? {
        switch call.id {
        case "patchWebhook": object(["enabled": false])
        case let id where id.hasPrefix("clone"): newEvent(["companyId": .null])
        case let id where id.hasPrefix("bulkRegister"): [object(["name": "N", "email": "new@example.com"])]
        case let id where id.hasPrefix("register"): object(["name": "N", "email": "new@example.com"])
        case let id where id.hasSuffix("Registrant") && id.hasPrefix("remove"): object(["email": "ann@example.com"])
        case let id where id.hasSuffix("Embed") || id.hasSuffix("EmbedCode"): object(["userId": "u"])
        case let id where id.hasPrefix("add") || id.hasPrefix("removeNamed"):
            object([id.hasSuffix("Organizer") ? "organizer" : "presenter": "u"])
        case let id where id.hasPrefix("update") || id.hasPrefix("patch"): object(["name": "Stolen"])
        case "createWebhook": object(["eventType": "event.created", "endpoint": "https://hooks.example/"])
        case let id where id.hasPrefix("create"): newEvent()
        case let id where id.hasSuffix("Viewer"): object(["userId": "u"])
        default: nil
        }
    }

    /// What acme owns.
    private struct Possessions {
        let event: String
        let hub: String
        let webhook: String
        let session: String
        let removal: String
        let delivery: String
        let registration: String

        func path(of call: Call) -> String {
            let own = call.path.contains("/networking/") ? hub : call.path.contains("/webhooks/") ? webhook : event
            let query = call.query.contains { $0.isRequired } ? "?email=ann%40example.com" : ""
            return String(call.path.dropFirst("/api/v1".count)).replacing("{id}", with: own)
                .replacing("{companyId}", with: "acme").replacing("{session}", with: session)
                .replacing("{who}", with: "ann").replacing("{removal}", with: removal)
                .replacing("{delivery}", with: delivery)
                .replacing("{registrationId}", with: registration) + query
        }
    }

    private func fill(_ service: Service) async throws -> Possessions {
        let event = try await service.makeEvent(["presenters": ["ann"]])
        let hub = try await service.makeEvent(hub: true)
        let person = object(["name": "Ann", "email": "ann@example.com"])
        let registered = try await service.call(.post, "/event/\(event)/registrant", person)
        let registration = try required(registered["registrationId"]?.text)
        try await service.call(.post, "/networking/\(hub)/registrant", person)
        let hook = object(["eventType": "event.created", "endpoint": "https://hooks.example/"])
        let webhook = try required(try await service.call(.post, "/webhooks", hook)["id"]?.text)
        let viewer = Viewer(
            kind: .embed,
            company: "acme",
            event: event,
            eventSpecific: true,
            userID: "u",
            validity: Validity(expires: Service.start / 1000 + 600, notBefore: nil, issuedAt: nil)
        )
        let session = try service.join(viewer, event: event)
        let removed = try await service.call(.post, "/event/\(event)/removals", object(["userId": "other"]))
        let removal = try required(removed["id"]?.text)
        // The hook's first message.
        _ = try await service.makeEvent()
        let deliveries = try await service.call(.get, "/webhooks/\(webhook)/deliveries").json.list
        return Possessions(
            event: event,
            hub: hub,
            webhook: webhook,
            session: session,
            removal: removal,
            delivery: try required(deliveries.first?["id"]?.text),
            registration: registration
        )
    }

    @Test("Every call with another company's token gets the same 404 as for what does not exist, and changes nothing")
    func everyCall() async throws {
        let service = try Service()
        let own = try await fill(service)
        let nowhere = Possessions(
            event: "9b2b2c5e-0000-4000-8000-000000000000",
            hub: "9b2b2c5e-0000-4000-8000-000000000000",
            webhook: "9b2b2c5e-0000-4000-8000-000000000000",
            session: "0000000000000000",
            removal: "9b2b2c5e-0000-4000-8000-000000000000",
            delivery: "9b2b2c5e-0000-4000-8000-000000000000",
            registration: "9b2b2c5e-0000-4000-8000-000000000000"
        )
        let id: HTTPFields = [HTTPField.Name("X-Request-Id")!: "x"]
        let calls = CallTable.usual.filter {
            $0.needsToken && $0.path.contains("{")
        }
        #expect(calls.count > 30)
        for call in calls {
            let reply = try await service.call(call.method, own.path(of: call), Self.body(of: call), as: "globex", id)
            let nothing = try await service.call(
                call.method,
                nowhere.path(of: call),
                Self.body(of: call),
                as: "globex",
                id
            )
            #expect(reply.status == 404, "\(call.id): \(reply.text)")
            #expect(reply.bytes == nothing.bytes, "\(call.id)")
            #expect(reply.fields == nothing.fields, "\(call.id)")
        }
        let event = try await service.call(.get, "/event/\(own.event)")
        #expect(event["name"] == "Launch")
        #expect(event["presenters"] == ["ann"])
        #expect(try await service.call(.get, "/event/\(own.event)/registrants").json.list.count == 1)
        #expect(try await service.call(.get, "/webhooks").json.list.count == 1)
        #expect(try await service.call(.get, "/event/\(own.event)/removals").json.list.count == 1)
        #expect(service.kicked.isEmpty && service.sentAway.count == 1)
    }

    @Test("Nothing can be created in another company's name, or for its events")
    func making() async throws {
        let service = try Service()
        let own = try await fill(service)
        for kind in ["event", "networking"] {
            #expect(try await service.call(.post, "/\(kind)/create", newEvent(), as: "globex").status == 404)
        }
        let hook = object([
            "eventType": "event.created", "endpoint": "https://hooks.example/", "eventId": .string(own.event),
        ])
        #expect(try await service.call(.post, "/webhooks", hook, as: "globex").status == 404)
        #expect(try await service.call(.get, "/webhooks", as: "globex").json == [])
        let list = try await service.call(.get, "/company/globex/events", as: "globex")
        #expect(list.json == [])
    }

    @Test("Every call needs a token, except the open ones")
    func tokens() async throws {
        let service = try Service()
        let own = try await fill(service)
        for call in CallTable.usual {
            let reply = await service.send(call.method, "/api/v1" + own.path(of: call), [:])
            #expect(call.needsToken ? reply.status == 401 : reply.status != 401, "\(call.id)")
        }
    }
}
