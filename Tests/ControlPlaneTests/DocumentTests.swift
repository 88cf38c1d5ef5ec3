import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("The OpenAPI document says what is served, and nothing else")
struct DocumentTests {
    private func document() async throws -> JSONValue {
        let reply = await (try Service()).send(.get, "/api/openapi.json")
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "application/json")
        return reply.json
    }

    @Test("It has every call of the table, each with a name of its own, and no more")
    func calls() async throws {
        let document = try await document()
        #expect(document["openapi"] == "3.1.0")
        let described = (document["paths"]?.members ?? []).flatMap { path in
            path.value.members.map { "\($0.name.uppercased()) \(path.name)" }
        }
        let calls = CallTable.calls(allowsPlainWebhooks: false)
        #expect(Set(described) == Set(calls.map { "\($0.method.rawValue) \($0.path)" }))
        #expect(described.count == calls.count)
        #expect(Set(calls.map(\.id)).count == calls.count)
    }

    @Test("Every call of the table is found by its path")
    func found() throws {
        let calls = CallTable.calls(allowsPlainWebhooks: false)
        let table = CallTable(calls)
        for call in calls {
            let path = call.path.replacing("{id}", with: "9b2b2c5e-0000-4000-8000-000000000000")
                .replacing("{companyId}", with: "acme").replacing("{who}", with: "a%40b").replacing(
                    "{session}",
                    with: "s"
                )
            let match = try required(table.match(path[...]))
            #expect(match.call(call.method)?.id == call.id)
        }
    }

    @Test("Every reference leads somewhere, and every operation that links lead to is there")
    func references() async throws {
        let document = try await document()
        let names = Set((document["components"]?["schemas"]?.members ?? []).map { "#/components/schemas/\($0.name)" })
        var references: Set<String> = []
        var operations: Set<String> = []
        var linked: Set<String> = []
        func walk(_ value: JSONValue, inLinks: Bool = false) {
            for element in value.list { walk(element) }
            for member in value.members {
                if member.name == "$ref", let text = member.value.text { references.insert(text) }
                if member.name == "operationId", let text = member.value.text {
                    if inLinks { linked.insert(text) } else { operations.insert(text) }
                }
                walk(member.value, inLinks: inLinks || member.name == "links")
            }
        }
        walk(document)
        #expect(references == names)
        #expect(linked.isSubset(of: operations))
        #expect(!linked.isEmpty)
    }

    @Test("What has a token has its 401, what has a body its 413 and 415")
    func statuses() async throws {
        let document = try await document()
        for call in CallTable.calls(allowsPlainWebhooks: false) {
            let operation = document["paths"]?[call.path]?[call.method.rawValue.lowercased()]
            let statuses = Set((operation?["responses"]?.members ?? []).map(\.name))
            #expect(statuses.contains("401") == (call.needsToken || call.hasOAuthFaults), "\(call.id)")
            #expect(statuses.isSuperset(of: ["413", "415"]) == (call.body != nil), "\(call.id)")
            #expect(statuses.contains(String(call.success.status)))
        }
    }
}
