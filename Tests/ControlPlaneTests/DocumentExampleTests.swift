import Basics
import Directory
import Foundation
import GatewayConfiguration
import HTTPTypes
import JOSE
import SchemaSupport
import Testing

@testable import ControlPlane

@Suite("The OpenAPI document has an example and a word for everything")
struct DocumentExampleTests {
    private static let calls = CallTable.usual

    private func problems(_ value: JSONValue, _ schema: Schema) -> [String] {
        var problems = Problems()
        schema.check(value, "", &problems)
        return problems.all.map(\.sentence)
    }

    /// The texts in a value.
    private func texts(_ value: JSONValue) -> [String] {
        [value.text].compactMap { $0 } + value.list.flatMap(texts) + value.members.flatMap { texts($0.value) }
    }

    @Test("The example of every body would be accepted", arguments: calls.map(\.id))
    func bodies(id: String) throws {
        let call = try required(Self.calls.first { $0.id == id })
        guard let body = call.body else { return }
        #expect(problems(body.example, body) == [])
        var between = Problems()
        call.judge?(Members(body.example.members), &between)
        #expect(between.all == [])
        #expect(!texts(body.example).contains(Schema.unknownText), "\(body.example)")
    }

    @Test("The document says which members of a body exclude each other, and the API agrees")
    func choices() async throws {
        let service = try Service()
        let document = await service.send(.get, "/api/openapi.json").json
        let checker = JSONSchema(document: document)
        let (event, hook) = (try await service.makeEvent(), object(["endpoint": "https://hooks.example/"]))
        let made = try await service.call(.post, "/webhooks", hook.replacing("eventType", "event.created"))
        let path = "/webhooks/\(try required(made["id"]?.text))"
        let types = [("eventTypes", ["event.created"]), ("eventType", "event.created")] as [(String, JSONValue)]
        let people = [("userId", "u"), ("email", "a@b.example"), ("registrationId", "r")] as [(String, JSONValue)]
        for (schema, method, path, members, mayBeNone) in [
            ("NewWebhook", .post, "/webhooks", types, false), ("WebhookChange", .patch, path, types, true),
            ("NewRemoval", .post, "/event/\(event)/removals", people, false),
        ] as [(String, HTTPRequest.Method, String, [(String, JSONValue)], Bool)] {
            let described = try required(document["components"]?["schemas"]?[schema])
            for choice in 0..<(1 << members.count) {
                var body = schema == "NewRemoval" ? object([:]) : hook
                for (index, member) in members.enumerated() {
                    if choice & 1 << index != 0 {
                        body = body.replacing(member.0, member.1)
                    } else if member.0 != "eventTypes" {
                        body = .object(body.members + [JSONMember(member.0, .null)])
                    }
                }
                let isRight = choice.nonzeroBitCount == 1 || mayBeNone && choice == 0
                let reply = try await service.call(method, path, body)
                #expect((reply.status != 400) == isRight, "\(reply.text)")
                let faults = checker.faults(in: body, described)
                #expect(faults.isEmpty == isRight, "\(schema) \(body) \(faults)")
                let sentence = "give one of \(members.map { $0.0 }.joined(separator: ", "))"
                #expect(isRight || reply.message == sentence && reply["problems"]?.list.count == 1, "\(reply.text)")
            }
        }
        let none = hook.replacing("eventTypes", [])
        #expect(try await service.call(.post, "/webhooks", none).message == "eventTypes: needs at least 1")
        let webhook = try required(document["components"]?["schemas"]?["NewWebhook"])
        #expect(!checker.faults(in: none, webhook).isEmpty)
    }

    @Test("The most that the operator allows for embed tokens is in the document, also after a reload")
    func embedLifetime() async throws {
        let service = try Service()
        for seconds in [60, 7200, 86_400] {
            var settings = try Service.settings()
            settings.tokens.embedLifetime = .seconds(seconds)
            try service.plane.adopt(settings)
            let schemas = await service.send(.get, "/api/openapi.json").json["components"]?["schemas"]
            let member = schemas?["EmbedRequest"]?["properties"]?["embedLifetime"]?["anyOf"]?.list.first
            #expect(member?["minimum"] == 60 && member?["maximum"] == .number(Double(seconds)))
            let path = "/event/\(try await service.makeEvent())/embed"
            for (lifetime, status) in [(seconds, 200), (seconds + 1, 400)] {
                let body = object(["userId": "u", "embedLifetime": .number(Double(lifetime))])
                #expect(try await service.call(.post, path, body).status == status)
            }
        }
    }

    @Test("A name in a path that is longer than the document says is refused", arguments: ["organizer", "presenter"])
    func longName(list: String) async throws {
        let service = try Service()
        let path = "/event/\(try await service.makeEvent())/\(list)"
        #expect(try await service.call(.delete, "\(path)/\(String(repeating: "a", count: 1024))").json == [])
        let reply = try await service.call(.delete, "\(path)/\(String(repeating: "a", count: 1025))")
        #expect(reply.status == 400 && reply["problems"]?.list.first?["field"] == "who", "\(reply.text)")
    }

    @Test("The example of every answer follows its schema, and says something", arguments: calls.map(\.id))
    func answers(id: String) throws {
        let call = try required(Self.calls.first { $0.id == id })
        guard let schema = call.success.schema else { return }
        let example = call.success.example ?? schema.example
        #expect(problems(example, schema) == [])
        // Examples has a value for each member that the gateway returns as it is.
        #expect(!texts(example).contains(Schema.unknownText), "\(example)")
    }

    @Test("The document shows them, and one of each error with its code")
    func shown() async throws {
        let document = await (try Service()).send(.get, "/api/openapi.json").json
        for call in Self.calls {
            let operation = document["paths"]?[call.path]?[call.method.rawValue.lowercased()]
            if call.body != nil {
                #expect(operation?["requestBody"]?["content"]?["application/json"]?["example"] != nil, "\(call.id)")
            }
            let responses = operation?["responses"]?.members ?? []
            let statuses = Set(responses.map(\.name))
            #expect(statuses.contains("405") && statuses.contains("500"), "\(call.id)")
            #expect(statuses.contains("429") == (call.needsToken || call.hasOAuthFaults), "\(call.id)")
            for (status, response) in responses.map({ ($0.name, $0.value) }) {
                let name = response["$ref"]?.text?.split(separator: "/").last.map(String.init)
                let response = name.flatMap { document["components"]?["responses"]?[$0] } ?? response
                #expect(response["description"]?.text?.isEmpty == false)
                guard !status.hasPrefix("2") else { continue }
                let examples = response["content"]?["application/json"]?["examples"]?.members ?? []
                #expect(!examples.isEmpty, "\(call.id) \(status)")
                for example in examples {
                    let value = try required(example.value["value"])
                    let schema = call.hasOAuthFaults ? CommonSchemas.tokenFault : CommonSchemas.fault
                    #expect(problems(value, schema) == [])
                    #expect(value["code"]?.text == example.name)
                    #expect(response["description"]?.text?.contains("`\(example.name)`") ?? false)
                }
            }
        }
    }

    @Test("Every tag is described, and every described tag is used")
    func tags() async throws {
        let document = await (try Service()).send(.get, "/api/openapi.json").json
        let described = document["tags"]?.list.compactMap { $0["name"]?.text } ?? []
        #expect(Set(described) == Set(Self.calls.map(\.tag)))
        #expect(document["info"]?["description"]?.text?.contains("Idempotency-Key") ?? false)
    }

    // MARK: The page

    private func page() async throws -> Reply {
        let reply = await (try Service()).send(.get, "/api/docs")
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "text/html; charset=utf-8")
        return reply
    }

    @Test("The page has every call, message and object, and all its links lead somewhere")
    func links() async throws {
        let text = try await page().text
        let ids = text.matches(of: /id="([^"]+)"/).map { String($0.output.1) }
        #expect(Set(ids).count == ids.count)
        #expect(Set(ids).isSuperset(of: Self.calls.map(\.id)))
        #expect(Set(ids).isSuperset(of: WebhookType.allCases.map { "message-\($0.rawValue)" }))
        let links = Set(text.matches(of: /href="([^"]+)"/).map { String($0.output.1) })
        #expect(links.subtracting(ids.map { "#\($0)" }) == ["openapi.json"])
    }

    @Test("The page needs nothing from elsewhere, has no script, and its policy allows exactly its style")
    func policy() async throws {
        let reply = try await page()
        let policy = try required(reply.fields[.contentSecurityPolicy])
        #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
        let style = try required(reply.text.firstMatch(of: /<style>([^<]*)<\/style>/).map { String($0.output.1) })
        let hash = Data(SHA256.hash(style.utf8Span.span)).base64EncodedString()
        #expect(policy.contains("'sha256-\(hash)'"))
        for word in ["<script", " style=", " src=", "@import", "url(", "<link"] {
            #expect(!reply.text.contains(word), "\(word)")
        }
    }

    @Test("Attack: a text of the document is not taken for HTML")
    func escaping() {
        var writer = PageWriter()
        writer.markdown("a `<b>` & <script>\"x\"")
        #expect(writer.text == "<p>a <code>&lt;b&gt;</code> &amp; &lt;script&gt;&quot;x&quot;</p>\n")
    }
}
