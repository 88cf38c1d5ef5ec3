import Admission
import Basics
import Directory
import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("A call with an Idempotency-Key is performed once")
struct RepeatedCallTests {
    private static let key = HTTPField.Name("Idempotency-Key")!
    private static let replayed = HTTPField.Name("Idempotent-Replayed")!
    private static let person = object(["name": "Ann", "email": "ann@example.com"])

    private func events(_ service: Service, _ company: String = "acme") async throws -> Int {
        try await service.call(.get, "/company/\(company)/events", as: company).json.list.count
    }

    @Test("Repeating it gives the first answer, and makes nothing")
    func repeated() async throws {
        let service = try Service()
        let first = try await service.call(.post, "/event/create", newEvent(), [Self.key: "\"a-1\""])
        #expect(first.status == 200)
        #expect(first.fields[Self.replayed] == nil)
        service.now += 3_600_000
        // With and without quotation marks.
        for key in ["\"a-1\"", "a-1"] {
            let again = try await service.call(.post, "/event/create", newEvent(), [Self.key: key])
            #expect(again.status == 200)
            #expect(again.bytes == first.bytes)
            #expect(again.fields[.contentType] == "application/json")
            #expect(again.fields[Self.replayed] == "true")
        }
        #expect(try await events(service) == 1)
        #expect(try await service.call(.post, "/event/create", newEvent(), [Self.key: "a-2"]).status == 200)
        #expect(try await service.call(.post, "/event/create", newEvent()).status == 200)
        #expect(try await events(service) == 3)
    }

    @Test("Statuses other than 200 are repeated too, and tokens are the same")
    func everyKind() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let calls: [(String, JSONValue)] = [
            ("/event/\(uid)/embedCode", object(["userId": "u"])), ("/event/\(uid)/registrant", Self.person),
            ("/event/\(uid)/removals", object(["userId": "v"])),
            ("/webhooks", object(["eventType": "event.created", "endpoint": "https://hooks.example/"])),
        ]
        for (index, (path, body)) in calls.enumerated() {
            let first = try await service.call(.post, path, body, [Self.key: "k\(index)"])
            #expect((200...201).contains(first.status), "\(first.text)")
            service.now += 1000
            let again = try await service.call(.post, path, body, [Self.key: "k\(index)"])
            #expect(again.status == first.status)
            #expect(again.bytes == first.bytes)
        }
        #expect(try await service.call(.get, "/webhooks").json.list.count == 1)
    }

    @Test("The key of another call is refused: another body, path or query")
    func reused() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let fields: HTTPFields = [Self.key: "k"]
        #expect(try await service.call(.post, "/event/\(uid)/registrant", Self.person, fields).status == 200)
        let others: [(String, JSONValue)] = [
            ("/event/\(uid)/registrant", object(["name": "Ann", "email": "bob@example.com"])),
            ("/event/\(uid)/embedCode", object(["userId": "u"])), ("/event/create", newEvent()),
        ]
        for (path, body) in others {
            let reply = try await service.call(.post, path, body, fields)
            #expect(reply.status == 422)
            #expect(reply.code == "idempotency_key_reused")
        }
        #expect(try await service.call(.get, "/event/\(uid)/registrants").json.list.count == 1)
    }

    @Test("A key means nothing to another company")
    func companies() async throws {
        let service = try Service()
        let fields: HTTPFields = [Self.key: "shared"]
        let first = try await service.call(.post, "/event/create", newEvent(), fields)
        let body = newEvent(["companyId": "globex"])
        let other = try await service.call(.post, "/event/create", body, as: "globex", fields)
        #expect(other.status == 200)
        #expect(other["uid"] != first["uid"])
        #expect(try await events(service, "globex") == 1)
    }

    @Test("A refused call may be mended and sent with the same key")
    func refused() async throws {
        let service = try Service()
        let fields: HTTPFields = [Self.key: "k"]
        #expect(try await service.call(.post, "/event/create", newEvent(["name": .null]), fields).status == 400)
        #expect(try await service.call(.post, "/event/create", newEvent(), fields).status == 200)
        let uid = try await service.makeEvent()
        #expect(try await service.call(.post, "/event/\(uid)/registrant", Self.person).status == 200)
        let known: HTTPFields = [Self.key: "known"]
        for _ in 0..<2 {
            let reply = try await service.call(.post, "/event/\(uid)/registrant", Self.person, known)
            #expect(reply.code == "already_registered")
        }
        let resend = Self.person.replacing("resend", true)
        #expect(try await service.call(.post, "/event/\(uid)/registrant", resend, known).status == 200)
    }

    @Test("Of concurrent calls with one key, one is performed; the others are told to ask again, or get its answer")
    func concurrent() async throws {
        let service = try Service()
        let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
            for _ in 0..<20 {
                group.addTask { try await service.call(.post, "/event/create", newEvent(), [Self.key: "k"]) }
            }
            return try await group.reduce(into: [Reply]()) { $0.append($1) }
        }
        let uids = Set(replies.filter { $0.status == 200 }.compactMap { $0["uid"]?.text })
        #expect(uids.count == 1)
        for reply in replies where reply.status != 200 {
            #expect(reply.code == "call_under_way")
            #expect(reply.fields[.retryAfter] == "1")
        }
        #expect(try await events(service) == 1)
    }

    @Test("The order of members means nothing")
    func order() async throws {
        let service = try Service()
        let body = newEvent(["metadata": object(["a": 1, "b": object(["x": 1, "y": 2])])])
        let other = newEvent(["metadata": object(["b": object(["y": 2, "x": 1]), "a": 1])])
        let first = try await service.call(.post, "/event/create", body, [Self.key: "k"])
        let reversed = JSONValue.object(other.members.reversed())
        let again = try await service.call(.post, "/event/create", reversed, [Self.key: "k"])
        #expect(again.status == 200)
        #expect(again.bytes == first.bytes)
    }

    @Test("Once a person is erased, no kept answer tells of them")
    func erased() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let fields: HTTPFields = [Self.key: "k"]
        let path = "/event/\(uid)/registrant"
        #expect(try await service.call(.post, path, Self.person, fields).status == 200)
        #expect(try await service.call(.delete, "/company/acme/people?email=ann@example.com").status == 200)
        let reply = try await service.call(.post, path, Self.person, fields)
        #expect(reply.code == "answer_lost")
        #expect(!reply.text.contains("ann@"))
    }

    @Test("An answer that is too large to keep takes no space, and its call is not performed again")
    func large() async throws {
        let service = try Service()
        let people = (0..<200).map { JSONValue.string("p\($0)" + String(repeating: "\u{1F600}", count: 250)) }
        let body = newEvent(["presenters": .array(people)])
        #expect(try await service.call(.post, "/event/create", body, [Self.key: "k"]).status == 200)
        #expect(try await service.call(.post, "/event/create", body, [Self.key: "k"]).code == "answer_lost")
        #expect(try await events(service) == 1)
    }

    @Test("Keys are forgotten after a day")
    func forgotten() async throws {
        let service = try Service()
        let fields: HTTPFields = [Self.key: "k"]
        let first = try await service.call(.post, "/event/create", newEvent(), fields)
        service.now += 86_400_001
        let second = try await service.call(.post, "/event/create", newEvent(), fields)
        #expect(second["uid"] != first["uid"])
        #expect(try await service.call(.post, "/event/create", newEvent(), fields)["uid"] == second["uid"])
        service.now += 86_400_001
        let retention = Retention(stays: 1 << 40, removed: 1 << 40, webhooks: 1 << 40)
        #expect(try await service.directory.purge(retention)?.calls == 1)
    }

    @Test("If the process ended before the answer was kept, the call is not performed again")
    func lost() async throws {
        let service = try Service()
        let fields: HTTPFields = [Self.key: "k"]
        let call = try await named(service, newEvent(), "k")
        // What it wrote is on disk, its answer is not.
        _ = try await NamedCall.$current.withValue(call) {
            try await service.directory.create(
                .event,
                fields: EventFields(name: "E", startsAt: 0, endsAt: 1, timezone: "UTC"),
                company: "acme",
                creator: "acme"
            )
        }
        let reply = try await service.call(.post, "/event/create", newEvent(), fields)
        #expect(reply.status == 409)
        #expect(reply.code == "answer_lost")
        #expect(try await events(service) == 1)
    }

    /// The call under which the service knows a creation with this key.
    private func named(_ service: Service, _ body: JSONValue, _ key: String) async throws -> NamedCall {
        let idempotencyKey = try required(try IdempotencyKey([Self.key: key]))
        let secret = service.plane.snapshot.tokenKey
        return NamedCall(
            company: "acme",
            name: try idempotencyKey.name(for: "acme", secret),
            fingerprint: try ControlPlane.fingerprint(.post, "/api/v1/event/create", body, secret),
            madeAt: service.now
        )
    }

    @Test(
        "Keys that cannot be one are refused",
        arguments: ["", "\"\"", "\"open", "a b", "\"a\"b", "é", "\"a\\x\"", "a,b", String(repeating: "k", count: 256)]
    )
    func malformed(key: String) async throws {
        let service = try Service()
        let reply = try await service.call(.post, "/event/create", newEvent(), [Self.key: key])
        #expect(reply.status == 400)
        #expect(reply["problems"]?.list.first?["field"] == "Idempotency-Key")
        #expect(try await events(service) == 0)
    }

    @Test("Neither keys nor the tokens in answers can be read in the database")
    func sealed() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let fields: HTTPFields = [Self.key: "a-key-to-be-looked-for"]
        let made = try await service.call(.post, "/event/\(uid)/embedCode", object(["userId": "u"]), fields)
        let token = try required(made.json.text?.split(separator: "token=").last)
        await service.directory.close()
        let file = try Data(contentsOf: service.folder.appending(path: "gateway.sqlite"))
        #expect(file.range(of: Data("named_call".utf8)) != nil)
        #expect(file.range(of: Data("a-key-to-be-looked-for".utf8)) == nil)
        #expect(file.range(of: Data(token.utf8)) == nil)
    }
}
