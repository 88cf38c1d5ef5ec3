import Basics
import Directory
import HTTPTypes
import SchemaSupport
import Testing

@testable import ControlPlane

@Suite("The document's webhooks describe the messages that are sent")
struct WebhookMessageTests {
    @Test("Every type is described, with an example that is as described")
    func examples() async throws {
        let document = await (try Service()).send(.get, "/api/openapi.json").json
        let webhooks = try required(document["webhooks"]).members
        #expect(webhooks.map(\.name) == WebhookType.allCases.map(\.rawValue) + ["webhook.test"])
        for webhook in webhooks {
            let content = webhook.value["post"]?["requestBody"]?["content"]?["application/json"]
            let (schema, example) = (try required(content?["schema"]), try required(content?["example"]))
            #expect(JSONSchema(document: document).faults(in: example, schema) == [])
            #expect(example["type"] == .string(webhook.name))
        }
    }

    @Test("The messages that calls cause are as described")
    func messages() async throws {
        let service = try Service()
        let types = JSONValue.array(WebhookType.allCases.map { .string($0.rawValue) })
        let hook = object(["eventTypes": types, "endpoint": "https://hooks.example/"])
        let id = try required(try await service.call(.post, "/webhooks", hook)["id"]?.text)
        // A hub without dates, which neither starts nor ends.
        let lounge = object(["friendlyName": "Lounge", "organizers": [], "networkingHubRooms": []])
        try await service.call(.post, "/networking", lounge)
        let uid = try await service.makeEvent()
        let person = object(["name": "Ann", "email": "ann@example.com", "metadata": object(["crm": 1])])
        let ann = try await service.call(.post, "/event/\(uid)/registrant", person)
        let registration = try required(ann["registrationId"]?.text)
        try await service.call(.patch, "/event/\(uid)/registrant/\(registration)", object(["name": "Ann Li"]))
        try await service.call(.put, "/event/\(uid)/presenter", object(["presenter": "u-1"]))
        try await service.call(.post, "/event/\(uid)/removals", object(["userId": "u-2", "reason": "spam"]))
        try await service.call(.delete, "/event/\(uid)/registrant", object(["email": "ann@example.com"]))
        service.now += 86_400_000
        try await service.directory.announceDates()
        try await service.call(.delete, "/event/\(uid)")
        let document = await service.send(.get, "/api/openapi.json").json
        let webhook = try required(service.directory.webhook(id, company: "acme"))
        var seen: [String] = []
        while case .message(let delivery) = try await service.directory.nextMessage(for: webhook, at: service.now) {
            let bytes = Array(delivery.message.utf8)
            let message = try JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 20))
            let operation = document["webhooks"]?[delivery.type]?["post"]
            let schema = operation?["requestBody"]?["content"]?["application/json"]?["schema"]
            #expect(JSONSchema(document: document).faults(in: message, try required(schema)) == [])
            seen.append(delivery.type)
            try await service.directory.finish(delivery)
        }
        #expect(
            seen == [
                "event.created", "event.created", "registration.created", "registration.updated", "event.updated",
                "role.changed", "viewer.removed", "registration.cancelled", "event.started", "event.ended",
                "event.deleted",
            ]
        )
    }
}
