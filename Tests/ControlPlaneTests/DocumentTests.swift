import Basics
import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

@Suite("The OpenAPI document describes what is served, and nothing else")
struct DocumentTests {
    private func document() async throws -> JSONValue {
        let reply = await (try Service()).send(.get, "/api/openapi.json")
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "application/json")
        return reply.json
    }

    @Test("It has every call of the table, each with its own name, and no more")
    func calls() async throws {
        let document = try await document()
        #expect(document["openapi"] == "3.1.0")
        let described = (document["paths"]?.members ?? []).flatMap { path in
            path.value.members.map { "\($0.name.uppercased()) \(path.name)" }
        }
        let calls = CallTable.usual
        #expect(Set(described) == Set(calls.map { "\($0.method.rawValue) \($0.path)" }))
        #expect(described.count == calls.count)
        #expect(Set(calls.map(\.id)).count == calls.count)
    }

    @Test("Every call of the table is found by its path")
    func found() throws {
        let calls = CallTable.usual
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

    @Test("Every reference resolves, and every operation that links name exists")
    func references() async throws {
        let document = try await document()
        let names = Set(
            ["schemas", "responses"].flatMap { part in
                (document["components"]?[part]?.members ?? []).map { "#/components/\(part)/\($0.name)" }
            }
        )
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

    @Test("Register's answer is described, member by member")
    func registration() async throws {
        let registration = try await document()["components"]?["schemas"]?["Registration"]
        let names = [
            "registrationId", "name", "email", "join_url", "joinUrl", "joinCode", "metadata", "registeredAt",
        ]
        #expect(registration?["required"]?.texts == names)
        #expect(registration?["properties"]?.members.map(\.name) == names + ["changed"])
    }

    @Test("Calls with a token document 401, calls with a body 413 and 415")
    func statuses() async throws {
        let document = try await document()
        for call in CallTable.usual {
            let operation = document["paths"]?[call.path]?[call.method.rawValue.lowercased()]
            let statuses = Set((operation?["responses"]?.members ?? []).map(\.name))
            #expect(statuses.contains("401") == (call.needsToken || call.hasOAuthFaults), "\(call.id)")
            #expect(statuses.isSuperset(of: ["413", "415"]) == (call.body != nil), "\(call.id)")
            #expect(statuses.contains(String(call.success.status)))
        }
    }

    // MARK: Patterns

    private func matches(_ text: String, _ expression: NSRegularExpression) -> Bool {
        expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
    }

    private func pattern(_ text: Text) throws -> NSRegularExpression {
        let pattern = text.members.first { $0.name == "pattern" }?.value.text
        return try NSRegularExpression(pattern: try required(pattern))
    }

    @Test(
        "E-mails are those of all scripts; where a person is meant, whatever has no @ is a user id",
        arguments: [
            ("josé@acme.example", true), ("i@bücher.example", true), ("i@BÜCHER.example", true), ("a@日本.example", true),
            ("почта@пример.испытание", true), (" a@b.c\u{A0}", true), ("\u{FEFF}a@b.c", true), ("a.b@c.d", true),
            ("first+last@acme.example", true), ("a@xn--bcher-kva.example", true), ("a", false), ("a@b", false),
            ("a@@b.c", false), ("a b@c.d", false), (".a@b.c", false), ("a.@b.c", false), ("a..b@c.d", false),
            ("a,b@c.d", false), ("mailto:a@b.c", false), ("\"a\"@b.c", false), ("a@127.0.0.1", false),
            ("a@b.1c", false), ("a@b..c", false), ("a@-b.c", false), ("a@b-.c", false), ("\u{200B}a@b.c", false),
            ("a\u{2060}@b.c", false), ("a@b\u{AD}c.d", false), ("a\\b@c.d", false), ("\u{3000}", false),
        ]
    )
    func emails(text: String, isEmail: Bool) throws {
        let email = Text(kind: .email, maxLength: 254)
        #expect((email.fault(in: text) == nil) == isEmail)
        #expect(email.members.first { $0.name == "format" }?.value == "idn-email")
        let person = Text(kind: .person, maxLength: 320)
        let choices = person.members.first { $0.name == "anyOf" }?.value.list ?? []
        #expect(choices.first?["format"] == "idn-email" && choices.count == 2)
        let expression = try NSRegularExpression(pattern: try required(choices.last?["pattern"]?.text))
        #expect((person.fault(in: text) == nil) == (isEmail || matches(text, expression)))
        let optional = Text(kind: .email, maxLength: 254, mayBeBlank: true)
        let blank = try required(optional.members.first { $0.name == "anyOf" }?.value.list.last?["pattern"]?.text)
        let isBlank = try matches(text, NSRegularExpression(pattern: blank))
        #expect((optional.fault(in: text) == nil) == (isEmail || isBlank))
    }

    @Test("Keys of calls are as the document has them: for each character, first and later")
    func idempotencyKeys() async throws {
        let service = try Service()
        let parameters = await service.send(.get, "/api/openapi.json").json["paths"]?["/api/v1/webhooks"]?["post"]
        let header = parameters?["parameters"]?.list.first { $0["name"] == "Idempotency-Key" }
        let expression = try NSRegularExpression(pattern: try required(header?["schema"]?["pattern"]?.text))
        for value in UInt8(0x21)...0x7e {
            for text in ["\(Unicode.Scalar(value))", "a\(Unicode.Scalar(value))"] {
                let key = try? IdempotencyKey([IdempotencyKey.field: text])
                #expect((key != nil) == matches(text, expression), "\(text)")
            }
        }
        #expect(try IdempotencyKey([IdempotencyKey.field: "\"a,b\""]) != nil)
    }

    @Test("For each character, the pattern for tokens' e-mails agrees with the API")
    func claims() throws {
        let rule = Text(kind: .claim)
        let expression = try pattern(rule)
        var different: [String] = []
        for value in UInt32(0)...0xffff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for text in ["\(scalar)", "\(scalar)a", "a\(scalar)", "a\(scalar)a"]
            where matches(text, expression) != (rule.fault(in: text) == nil) {
                different.append(String(value, radix: 16))
            }
        }
        #expect(different == [])
    }

    @Test(
        "The pattern for endpoints agrees with the API",
        arguments: [
            "https://x.example", "HTTPS://x.example/", "https://x.example:65535/", "https://x.example:10000/a?b#c",
            "https://x.example:65536/", "https://x.example:0/", "https://x.example:00443/", "https://x.example:000443/",
            "https://[2001:db8::1]:8443/x", "https://[::]/", "https://[::1]", "https://[1:2:3:4:5:6:7:8]/",
            "https://[1::3:4:5:6:7:8]/", "https://[1:2:3:4:5:6:7::]/", "https://[::ffff:192.0.2.1]/",
            "https://[1:2:3:4:5:6:192.0.2.1]/", "https://[1:2:3:4:5:6:7]/", "https://[1:2:3:4:5:6:7:8:9]/",
            "https://[::1::2]/", "https://[::12345]/", "https://[1:2:3:4:5:6:7:8::]/", "https://[::1.2.3]/",
            "https://[]/",
            "https://x.3com/", "https://x.1-a/", "https://127.1/", "https://127.0.0.1/", "https://256.0.0.1/",
            "https://-x.example/", "https://u@x.example/", "ftp://x.example/", "http://x.example/",
            "https://x.example/\\",
        ]
    )
    func endpoints(text: String) throws {
        for isSecure in [true, false] {
            let rule = Text(kind: .endpoint(isSecure: isSecure), maxLength: 2048)
            #expect(try matches(text, pattern(rule)) == (rule.fault(in: text) == nil))
        }
    }

    @Test(
        "The patterns for what pages show agree with the API",
        arguments: [
            "#1d4ed8", "#FFF", "#ffff", "1d4ed8", "#12345g", "#1d4ed8 ", "", "tel:+49301234567", "tel:112",
            "tel:+11",
            "tel:12", "tel:+49-30-12", "tel:49+30", "tel:123456789012345678901", "help@acme.example", "a+b@c",
            "@c", "a@",
            "a@b@c", "a b@c", "á@c", "https://x.example", "https://x.example/a?b", "https://x.example/a#b",
            "http://x.example/", "https://u@x.example/", "https://x.example/é", "javascript:alert(1)",
            "data:image/png,x",
            "help@acme.example://", "//x.example/",
        ]
    )
    func pages(text: String) throws {
        for rule in [Text(kind: .color), Text(kind: .contact, maxLength: 256), Text(kind: .pageURL, maxLength: 512)] {
            #expect(try matches(text, pattern(rule)) == (rule.fault(in: text) == nil), "\(rule.kind)")
            guard rule.fault(in: text) == nil else { continue }
            // What is let in can be shown.
            let key: CompanyPage.Key =
                switch rule.kind {
                case .color: .accent
                case .contact: .contact
                default: .logo
                }
            var page = CompanyPage()
            #expect(throws: Never.self) { try page.set(key, text) }
        }
    }

    @Test("Required members are marked, and other formats than JSON have their schema")
    func members() async throws {
        let document = try await document()
        let paths = document["paths"]
        let person = paths?["/api/v1/company/{companyId}/people"]?["get"]
        let email = person?["parameters"]?.list.first { $0["name"] == "email" }
        #expect(email?["required"] == true)
        #expect(person?["responses"]?["400"] == object(["$ref": "#/components/responses/BadRequest"]))
        let bad = document["components"]?["responses"]?["BadRequest"]
        let problem = bad?["content"]?["application/problem+json"]
        #expect(problem?["schema"] == object(["$ref": "#/components/schemas/Problem"]))
        let token = document["components"]?["schemas"]?["Token"]?["properties"]?["expires_in"]
        #expect(token?["maximum"] == 3600)
    }
}
