import Basics
import Directory
import GatewayConfiguration
import HTTPTypes
import NIOHTTP1
import Testing

@testable import ControlPlane

@Suite("Webhooks: subscriptions, their secrets, and what was delivered")
struct WebhookCallTests {
    private func make(_ service: Service, _ more: KeyValuePairs<String, JSONValue> = [:]) async throws -> String {
        var body: JSONValue = object(["eventTypes": ["event.updated"], "endpoint": "https://hooks.example/"])
        for (name, value) in more { body = body.replacing(name, value) }
        let reply = try await service.call(.post, "/webhooks", body)
        return try required(reply["id"]?.text, reply.text)
    }

    private func service(allowed: [String] = []) throws -> Service {
        try Service { $0.control.webhookPrivateAddresses = try allowed.map { try AddressRange(parsing: $0) } }
    }

    @Test("A webhook has several types, each once, and eventType only if it has one")
    func types() async throws {
        let service = try Service()
        let several = try await make(service, ["eventTypes": ["session.left", "event.updated", "session.left"]])
        let shown = try await service.call(.get, "/webhooks/\(several)")
        #expect(shown["eventTypes"] == ["session.left", "event.updated"] && shown["eventType"] == nil)
        let one = try await make(service, ["eventTypes": .null, "eventType": "event.created"])
        let other = try await service.call(.get, "/webhooks/\(one)")
        #expect(other["eventTypes"] == ["event.created"] && other["eventType"] == "event.created")
        for (name, value, field) in [
            ("eventTypes", [], "eventTypes"), ("eventTypes", ["event.eaten"], "eventTypes[0]"),
            ("eventType", "event.created", "eventType"),
        ] as [(String, JSONValue, String)] {
            let body = object(["eventTypes": ["event.updated"], "endpoint": "https://hooks.example/"])
            for (method, path) in [(.post, "/webhooks"), (.patch, "/webhooks/\(one)")] as [(HTTPRequest.Method, String)]
            {
                let reply = try await service.call(method, path, body.replacing(name, value))
                #expect(reply.status == 400 && reply["problems"]?.list.first?["field"] == .string(field))
            }
        }
    }

    @Test("Endpoint, types, event and state are changed together or not at all; what is not named stays")
    func change() async throws {
        let service = try Service()
        let (event, id) = (try await service.makeEvent(), try await make(service))
        let path = "/webhooks/\(id)"
        let body = object([
            "endpoint": "https://other.example/x", "eventTypes": ["event.deleted", "event.created"],
            "eventId": .string(event), "enabled": false,
        ])
        let changed = try await service.call(.patch, path, body)
        #expect(changed["endpoint"] == "https://other.example/x" && changed["eventId"] == .string(event))
        #expect(changed["eventTypes"] == ["event.created", "event.deleted"] && changed["enabled"] == false)
        #expect(try await service.call(.get, path).json == changed.json)
        for (name, value, status) in [
            ("endpoint", "https://private.example/", 400), ("endpoint", "https://nowhere.example/", 400),
            ("endpoint", "https://127.0.0.1/", 400), ("endpoint", "http://hooks.example/", 400),
            ("eventId", "9b2b2c5e-0000-4000-8000-000000000000", 404),
        ] as [(String, JSONValue, Int)] {
            let reply = try await service.call(.patch, path, object(["enabled": true]).replacing(name, value))
            #expect(reply.status == status, "\(reply.text)")
            #expect(try await service.call(.get, path).json == changed.json)
        }
        let all = try await service.call(.patch, path, object(["eventId": .null]))
        #expect(all["eventId"] == .null && all["endpoint"] == "https://other.example/x" && all["enabled"] == false)
    }

    @Test("After a rotation the old secret signs too, for a day, also after another rotation")
    func rotation() async throws {
        let service = try Service()
        let id = try await make(service)
        func keys() throws -> [WebhookSecret] {
            try required(service.directory.webhook(id, company: "acme")).secrets(at: service.now)
        }
        let first = try keys()
        let reply = try await service.call(.post, "/webhooks/\(id)/rotate-secret")
        let second = try required(WebhookSecret(reply["secret"]?.text ?? ""))
        #expect(try first.count == 1 && keys() == [second] + first)
        let end = Service.start + 24 * 3_600_000
        #expect(reply["oldSecretExpiresAt"] == .string(Timestamp.text(end)))
        let shown = try await service.call(.get, "/webhooks/\(id)")
        #expect(shown["oldSecretExpiresAt"] == reply["oldSecretExpiresAt"])
        #expect(!shown.text.contains(second.text))
        service.now += 1000
        let again = try await service.call(.post, "/webhooks/\(id)/rotate-secret")
        let third = try required(WebhookSecret(again["secret"]?.text ?? ""))
        #expect(try keys() == [third, second] + first)
        #expect(again["oldSecretExpiresAt"] == .string(Timestamp.text(end + 1000)))
        service.now = end
        #expect(try keys() == [third, second])
        let last = try await service.call(.get, "/webhooks/\(id)")
        #expect(last["oldSecretExpiresAt"] == again["oldSecretExpiresAt"])
        service.now = end + 1000
        #expect(try keys() == [third])
        #expect(try await service.call(.get, "/webhooks/\(id)")["oldSecretExpiresAt"] == .null)
    }

    @Test("A rotation that would end a secret before its day is refused, and says when it can be; nothing changes")
    func rotations() async throws {
        let service = try Service()
        let id = try await make(service)
        func keys() throws -> [WebhookSecret] {
            try required(service.directory.webhook(id, company: "acme")).secrets(at: service.now)
        }
        for _ in 0..<Directory.maxFormerSecrets {
            #expect(try await service.call(.post, "/webhooks/\(id)/rotate-secret").status == 200)
            service.now += 1000
        }
        let before = try keys()
        #expect(before.count == 4)
        let full = try await service.call(.post, "/webhooks/\(id)/rotate-secret")
        #expect(full.status == 409 && full.code == "too_many_secrets")
        let first = Service.start + 24 * 3_600_000
        #expect(full.message?.contains(Timestamp.text(first)) == true, "\(full.text)")
        #expect(try keys() == before)
        service.now = first
        #expect(try await service.call(.post, "/webhooks/\(id)/rotate-secret").status == 200)
        #expect(try keys().dropFirst() == before.dropLast())
    }

    @Test("A test call delivers a signed message at once, and says how it went", arguments: [204, 500])
    func test(status: Int) async throws {
        let receiver = try await Receiver { _, _ in .status(status) }
        let service = try service(allowed: DeliveryFixture.loopback)
        let endpoint = "http://receiver.example:\(receiver.port)/"
        let id = try await make(service, ["endpoint": .string(endpoint)])
        let reply = try await service.call(.post, "/webhooks/\(id)/test")
        #expect(reply.status == 200 && reply["responseStatus"] == .number(Double(status)))
        #expect(reply["delivered"] == .bool(status == 204))
        #expect(reply["error"] == (status == 204 ? .null : "answered 500"))
        let request = try required(receiver.received.first)
        let message = try JSONValue.object(request.members())
        #expect(message["type"] == "webhook.test" && message["data"]?["webhookId"] == .string(id))
        #expect(message["id"] == reply["messageId"] && request["webhook-id"] == reply["messageId"]?.text)
        let secret = try required(service.directory.webhook(id, company: "acme")).secret
        let signature = DeliverySignature.field(
            keys: [secret.key],
            id: request["webhook-id"] ?? "",
            timestamp: try required(request["webhook-timestamp"].flatMap(Int64.init)),
            body: request.body
        )
        #expect(request["webhook-signature"] == signature)
        #expect(receiver.received.count == 1)
        #expect(try await service.call(.get, "/webhooks/\(id)/deliveries").json == [])
    }

    @Test("Deliveries are listed latest first, by status, in pages, and delivered again under the same id")
    func deliveries() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let id = try await make(service)
        let path = "/webhooks/\(id)/deliveries"
        for name in ["a", "b", "c"] { try await service.call(.post, "/event/\(uid)", object(["name": .string(name)])) }
        let webhook = try required(service.directory.webhook(id, company: "acme"))
        func next() async throws -> Delivery {
            guard case .message(let message) = try await service.directory.nextMessage(for: webhook, at: service.now)
            else { throw Unexpected(what: "no message") }
            return message
        }
        let arrived = try await next()
        try await service.directory.finish(arrived, response: 204)
        let lost = try await next()
        try await service.directory.retry(lost, at: service.now, reason: "answered 500", response: 500)
        try await service.directory.retry(lost, at: nil, reason: "timed out")
        let all = try await service.call(.get, path)
        #expect(all.json.list.map { $0["status"] } == ["pending", "failed", "delivered"])
        let now = JSONValue.string(Timestamp.text(Service.start))
        #expect(
            all.json.list[1]
                == object([
                    "id": .string(lost.uid), "type": "event.updated", "eventId": .string(uid), "status": "failed",
                    "createdAt": now, "attempts": 2, "lastAttemptAt": now, "nextAttemptAt": .null,
                    "responseStatus": .null, "error": "timed out",
                ])
        )
        #expect(all.json.list[2]["responseStatus"] == 204 && all.json.list[2]["error"] == .null)
        #expect(all.json.list[0]["attempts"] == 0 && all.json.list[0]["nextAttemptAt"] == now)
        for (index, status) in ["pending", "failed", "delivered"].enumerated() {
            #expect(try await service.call(.get, "\(path)?status=\(status)").json == [all.json.list[index]])
        }
        #expect(try await service.call(.get, "\(path)?status=lost").status == 400)
        var pages: [JSONValue] = []
        var page: String? = "\(path)?limit=1"
        while let path = page {
            let reply = try await service.call(.get, path)
            pages += reply.json.list
            let link = reply.fields[.link]?.split(separator: ">").first
            page = link.map { String($0.dropFirst("</api/v1".count)) }
        }
        #expect(pages == all.json.list)

        // Again: the same id and content, behind what waits.
        service.now += 1000
        let later = JSONValue.string(Timestamp.text(service.now))
        let again = try await service.call(.post, "\(path)/\(arrived.uid)/redeliver")
        #expect(again.status == 202 && again["status"] == "pending" && again["id"] == .string(arrived.uid))
        #expect(again["createdAt"] == now && again["nextAttemptAt"] == later)
        #expect(again["attempts"] == 1 && again["lastAttemptAt"] == now && again["responseStatus"] == 204)
        #expect(try await service.call(.get, "\(path)?status=delivered").json == [])
        try await service.directory.finish(try await next())
        let repeated = try await next()
        #expect(repeated.uid == arrived.uid && repeated.message == arrived.message)
        // The attempts and the day of retries begin anew.
        #expect(repeated.attempts == 0 && repeated.queuedAt == service.now)
        try await service.directory.retry(repeated, at: nil, reason: "timed out")
        let failed = try await service.call(.get, "\(path)?status=failed").json.list.first
        #expect(failed?["id"] == .string(arrived.uid) && failed?["createdAt"] == now && failed?["attempts"] == 2)
        #expect(try await service.call(.post, "\(path)/nothing/redeliver").status == 404)
        try await service.call(.patch, "/webhooks/\(id)", object(["enabled": false]))
        let refused = try await service.call(.post, "\(path)/\(arrived.uid)/redeliver")
        #expect(refused.status == 409 && refused.code == "webhook_disabled")
    }
}
