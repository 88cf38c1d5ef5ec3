import Admission
import Basics
import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Texts come back as they were sent, whatever they would mean elsewhere")
struct UnchangedTextTests {
    static let texts = [
        "'; DROP TABLE event; --", "\" OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "%00%0a",
        "../../etc/passwd", "a\r\nSet-Cookie: x=y", "tab\tand\u{1}control", "\u{202E}right to left", "null",
        "\\u0000 \\\" \\", "e\u{301} and é", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", "\u{FEFF}bom", "K\u{212A}",
        "  padded  ",
        "=1+1",
    ]

    @Test("Events", arguments: texts)
    func events(text: String) async throws {
        let service = try Service()
        let value = JSONValue.string(text)
        let body = newEvent([
            "name": value, "presenters": [value], "metadata": .object([JSONMember(text, object(["list": [value]]))]),
        ])
        let uid = try required(try await service.call(.post, "/event/create", body)["uid"]?.text)
        let event = try await service.call(.get, "/event/\(uid)")
        #expect(event["name"]?.text?.utf8.elementsEqual(text.utf8) ?? false)
        // White space at the ends of a list's entry is not part of it.
        #expect(event["presenters"]?.texts.first?.utf8.elementsEqual(trimmed(text).utf8) ?? false)
        #expect(event["metadata"]?.members.first?.name.utf8.elementsEqual(text.utf8) ?? false)
        #expect(event["metadata"]?[text]?["list"] == [value])
        let path = "/event/\(uid)/presenter/\(percentEncoded(text))"
        #expect(try await service.call(.delete, path).json == [])
    }

    @Test("Registrations, in answers, in tokens and in tables", arguments: texts)
    func registrations(text: String) async throws {
        let service = try Service()
        let value = JSONValue.string(text)
        let uid = try await service.makeEvent()
        let body = object(["name": value, "email": "ann@example.com", "metadata": object(["m": value])])
        let first = try await service.call(.post, "/event/\(uid)/registrant", body)
        #expect(first["name"]?.text?.utf8.elementsEqual(text.utf8) ?? false)
        #expect(first["metadata"]?["m"]?.text?.utf8.elementsEqual(text.utf8) ?? false)
        #expect(try await service.call(.get, "/event/\(uid)/registrants?include=join_url").json == [first.json])
        let url = try required(first["joinUrl"]?.text)
        let token = Array(try required(url.split(separator: "?token=").last).utf8)
        #expect(try Token(parsing: token.span, maxSize: 8192).claims.string("name") == text)
    }

    @Test("Texts never become part of header fields")
    func fields() async throws {
        let service = try Service()
        for text in Self.texts {
            for name in ["cursor", "x", percentEncoded(text)] {
                let reply = try await service.call(.get, "/company/acme/events?\(name)=\(percentEncoded(text))")
                #expect(reply.status == 400)
                #expect(reply.fields[HTTPField.Name("Link")!] == nil)
            }
        }
    }

    @Test("Numbers, big lists and nesting in metadata come back unchanged")
    func metadata() async throws {
        let service = try Service()
        let metadata = object([
            "numbers": [.number(0.1), .number(-1e-7), .number(1e21), .exactNumber("9007199254740993"), 0],
            "deep": [[[[[object(["a": .null])]]]]], "": true,
        ])
        let uid = try await service.makeEvent(["metadata": metadata])
        #expect(try await service.call(.get, "/event/\(uid)")["metadata"] == metadata)
    }
}
