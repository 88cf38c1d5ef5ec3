import Admission
import Basics
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Registrations: shown, changed, cancelled, and made in bulk")
struct RegistrationTests {
    private let service: Service

    init() throws { service = try Service() }

    private func registered(
        _ email: String,
        _ name: String = "Ann",
        at path: String
    ) async throws -> (id: String, url: String) {
        let body = object(["name": .string(name), "email": .string(email), "metadata": object(["seat": 7])])
        let reply = try await service.call(.post, "\(path)/registrant", body)
        return (try required(reply["registrationId"]?.text, reply.text), try required(reply["join_url"]?.text))
    }

    private static let kinds = [false, true]

    private func makePath(hub: Bool) async throws -> String {
        let uid = try await service.makeEvent(hub: hub)
        return hub ? "/networking/\(uid)" : "/event/\(uid)"
    }

    @Test("One by its id, with the link only if asked for; cancelled by its id, once", arguments: kinds)
    func single(hub: Bool) async throws {
        let path = try await makePath(hub: hub)
        let (id, url) = try await registered("ann@example.com", at: path)
        let plain = try await service.call(.get, "\(path)/registrant/\(id)")
        #expect(
            plain.json.members.map(\.name) == ["registrationId", "name", "email", "metadata", "registeredAt"]
        )
        #expect(!plain.text.contains("token="))
        let linked = try await service.call(.get, "\(path)/registrant/\(id.uppercased())?include=join_url")
        #expect(linked["join_url"]?.text == url && linked["joinUrl"]?.text == url && linked["joinCode"] != nil)
        #expect(try await service.call(.get, "\(path)/registrant/\(id)?include=all").status == 400)
        #expect(try await service.call(.get, "\(path)/registrant/x").status == 404)
        let other = try await makePath(hub: hub)
        #expect(try await service.call(.get, "\(other)/registrant/\(id)").status == 404)
        #expect(try await service.call(.delete, "\(other)/registrant/\(id)").status == 404)
        #expect(try await service.call(.delete, "\(path)/registrant/\(id)").status == 204)
        for method in [HTTPRequest.Method.get, .delete] {
            #expect(try await service.call(method, "\(path)/registrant/\(id)").status == 404)
        }
        let removed = try await service.call(.get, "\(path)/registrants?state=removed&include=join_url").json.list
        #expect(removed.count == 1 && removed[0]["removedAt"] != nil && removed[0]["join_url"] == nil)
        #expect(try await service.call(.get, "\(path)/registrants").json == [])
    }

    @Test("Changes: only what is named; an e-mail of another registration is 409", arguments: kinds)
    func changes(hub: Bool) async throws {
        let path = try await makePath(hub: hub)
        let (id, url) = try await registered("ann@example.com", at: path)
        _ = try await registered("eve@example.com", at: path)
        let one = "\(path)/registrant/\(id)"
        let name = try await service.call(.patch, one, object(["name": "Anna"]))
        #expect(name["name"] == "Anna" && name["email"] == "ann@example.com")
        #expect(name["metadata"] == object(["seat": 7]) && name["join_url"] == nil)
        let both = try await service.call(
            .patch,
            "\(one)?include=join_url",
            object(["email": " Anna@Example.com ", "metadata": object([:])])
        )
        #expect(both["email"] == "Anna@Example.com" && both["metadata"] == object([:]))
        // The new link has the new name. The old one is valid, too.
        let new = try required(both["join_url"]?.text)
        #expect(new != url && both["registrationId"]?.text == id)
        let token = Array(try required(new.split(separator: "?token=").last).utf8)
        #expect(try Token(parsing: token.span, maxSize: 8192).claims.string("name") == "Anna")
        let taken = try await service.call(.patch, one, object(["email": "EVE@example.com"]))
        #expect(taken.status == 409 && taken.code == "already_registered")
        #expect(try await service.call(.patch, one, object([:])).status == 200)
        for (body, field) in [
            (object(["email": "x"]), "email"), (object(["name": " "]), "name"), (object(["name": .null]), "name"),
            (object(["metadata": .null]), "metadata"), (object(["nmae": "x"]), "nmae"),
        ] {
            let reply = try await service.call(.patch, one, body)
            #expect(reply.status == 400 && reply.message?.hasPrefix(field) == true, "\(reply.text)")
        }
        let long = String(repeating: "\u{1F600}", count: 256)
        let tooLong = String(repeating: "ä", count: 230) + "@example.com"
        _ = try await service.call(.patch, one, object(["name": .string(long)]))
        #expect(try await service.call(.patch, one, object(["email": .string(tooLong)])).status != 500)
    }

    @Test("resend changes the name and the metadata that are given, and says so")
    func resend() async throws {
        let path = try await makePath(hub: false)
        let (id, _) = try await registered("ann@example.com", at: path)
        func resend(_ more: KeyValuePairs<String, JSONValue>) async throws -> Reply {
            let members = more.map { JSONMember($0.key, $0.value) }
            let body = JSONValue.object([JSONMember("email", "ANN@example.com"), JSONMember("resend", true)] + members)
            let reply = try await service.call(.post, "\(path)/registrant", body)
            #expect(reply["registrationId"]?.text == id && reply["email"] == "ann@example.com")
            return reply
        }
        #expect(try await resend(["name": "Ann"])["changed"] == nil)
        let renamed = try await resend(["name": "Anna"])
        #expect(renamed["changed"] == ["name"] && renamed["name"] == "Anna")
        #expect(renamed["metadata"] == object(["seat": 7]))
        let both = try await resend(["name": "Ann", "metadata": object(["seat": 8])])
        #expect(both["changed"] == ["name", "metadata"])
        let shown = try await service.call(.get, "\(path)/registrant/\(id)")
        #expect(shown["name"] == "Ann" && shown["metadata"] == object(["seat": 8]))
    }

    @Test("The list by e-mail, text and page; the link keeps the filters")
    func list() async throws {
        let path = try await makePath(hub: false)
        for name in ["Ann", "Joann", "Bo", "Hannah"] {
            _ = try await registered("\(name.lowercased())@example.com", name, at: path)
        }
        let one = try await service.call(.get, "\(path)/registrants?email=%20JOANN@example.com")
        #expect(one.json.list.compactMap { $0["name"]?.text } == ["Joann"])
        let reply = try await service.call(.get, "\(path)/registrants?q=ANN&state=active&include=join_url&limit=2")
        #expect(reply.json.list.compactMap { $0["name"]?.text } == ["Ann", "Joann"])
        #expect(reply.fields[HTTPField.Name("X-Total-Count")!] == "3")
        let link = try required(reply.fields[HTTPField.Name("Link")!])
        #expect(link.contains("?q=ANN&state=active&include=join_url&limit=2&cursor="))
        let next = String(link.dropFirst("</api/v1".count).prefix { $0 != ">" })
        let rest = try await service.call(.get, next)
        #expect(rest.json.list.compactMap { $0["name"]?.text } == ["Hannah"] && rest.json.list[0]["join_url"] != nil)
        #expect(
            try await service.call(.get, "\(path)/registrants?q=\(String(repeating: "x", count: 101))").status == 400
        )
    }

    @Test("In bulk: an answer for each in order, with its status and all its problems", arguments: kinds)
    func bulk(hub: Bool) async throws {
        let path = try await makePath(hub: hub)
        _ = try await registered("known@example.com", "Old", at: path)
        let people: JSONValue = [
            object(["name": "A", "email": "a@example.com", "metadata": object(["n": 1])]),
            object(["name": " ", "email": "x", "nmae": "A"]), object(["name": "K", "email": "KNOWN@example.com"]),
            object(["name": "New", "email": "known@example.com", "resend": true]), "text",
            object(["name": "B", "email": "A@example.com"]), object(["name": "C", "email": "c@example.com"]),
        ]
        let reply = try await service.call(.post, "\(path)/registrants", people)
        #expect(reply.status == 200, "\(reply.text)")
        let answers = reply.json.list
        #expect(answers.map { $0["status"]?.number } == [200, 400, 409, 200, 400, 409, 200])
        #expect(answers[0]["registration"]?["email"] == "a@example.com")
        #expect(answers[0]["registration"]?["join_url"] != nil && answers[0]["hasError"] == nil)
        #expect(answers[1]["problems"]?.list.compactMap { $0["field"]?.text } == ["name", "email", "nmae"])
        #expect(answers[1]["hasError"] == true && answers[1]["code"] == "invalid_request")
        #expect(answers[2]["code"] == "already_registered" && answers[2]["registration"] == nil)
        #expect(answers[3]["registration"]?["changed"] == ["name"])
        let list = try await service.call(.get, "\(path)/registrants").json.list
        #expect(list.compactMap { $0["name"]?.text } == ["New", "A", "C"])
    }

    @Test("Atomic: one who is wrong or known keeps out all; the problems name them by index")
    func atomic() async throws {
        let path = try await makePath(hub: false)
        _ = try await registered("known@example.com", at: path)
        let good = object(["name": "A", "email": "a@example.com"])
        let known = object(["name": "K", "email": "known@example.com"])
        let bulk = "\(path)/registrants?atomic=true"
        let wrong = try await service.call(.post, bulk, [good, object(["name": "B", "email": "b"]), known])
        #expect(wrong.status == 400 && wrong.message?.hasPrefix("[1].email: ") == true, "\(wrong.text)")
        let conflict = try await service.call(.post, bulk, [good, known, good])
        #expect(conflict.status == 409 && conflict.code == "already_registered")
        #expect(conflict["problems"]?.list.compactMap { $0["field"]?.text } == ["[1].email", "[2].email"])
        #expect(try await service.call(.get, "\(path)/registrants").json.list.count == 1)
        let all = try await service.call(.post, bulk, [good, object(["name": "B", "email": "b@example.com"])])
        #expect(all.status == 200 && all.json.list.map { $0["status"]?.number } == [200, 200])
    }

    @Test("A thousand at once in a megabyte, no more; with an Idempotency-Key once")
    func limits() async throws {
        let path = try await makePath(hub: false)
        func people(_ count: Int, metadata: Int) -> JSONValue {
            .array(
                (0..<count).map { number in
                    object([
                        "name": "Ann", "email": .string("n\(number)@example.com"),
                        "metadata": object(["x": .string(String(repeating: "x", count: metadata))]),
                    ])
                }
            )
        }
        let key: HTTPFields = [HTTPField.Name("Idempotency-Key")!: "one"]
        let thousand = people(1000, metadata: 900)
        #expect(thousand.serialized().count > 900_000)
        let first = try await service.call(.post, "\(path)/registrants", thousand, key)
        #expect(first.status == 200 && first.json.list.allSatisfy { $0["status"]?.number == 200 })
        let replayed = try await service.call(.post, "\(path)/registrants", thousand, key)
        // Says nothing about where they differ, which takes hours for megabytes.
        let isSame = replayed.bytes == first.bytes
        #expect(isSame)
        #expect(replayed.fields[HTTPField.Name("Idempotent-Replayed")!] == "true")
        let other = try await service.call(.post, "\(path)/registrants", people(2, metadata: 1), key)
        #expect(other.status == 422)
        #expect(try await service.call(.post, "\(path)/registrants", people(1001, metadata: 1)).status == 400)
        #expect(try await service.call(.post, "\(path)/registrants", people(900, metadata: 1200)).status == 413)
        #expect(try await service.call(.post, "\(path)/registrants", object(["name": "A"])).status == 400)
        #expect(try await service.call(.post, "\(path)/registrants", []).json == [])
        #expect(try await service.call(.get, "\(path)/registrants").json.list.count == 1000)
    }
}
