import Basics
import HTTPTypes
import Testing

@testable import ControlPlane

@Suite("A refused call names everything that is wrong with it at once")
struct ProblemTests {
    /// The problems of an error, each as `field: message`.
    private func problems(_ reply: Reply) -> [String] {
        (reply["problems"]?.list ?? []).map { "\($0["field"]?.text ?? ""): \($0["message"]?.text ?? "")" }
    }

    @Test("Every wrong member of a body, and what is wrong between them")
    func body() async throws {
        let service = try Service()
        let body = newEvent([
            "name": .null, "endDate": "2027-01-15T08:00:00Z", "timezone": "Mars/Olympus",
            "presenters": ["a", "b", " "],
            "organizers": ["B"], "doorsOpen": "5",
        ])
        let reply = try await service.call(.post, "/event/create", body)
        #expect(reply.status == 400)
        #expect(reply.code == "invalid_request")
        #expect(
            problems(reply) == [
                "name: is required",
                "timezone: not a name of the IANA time zone database, such as Europe/Berlin",
                "presenters[2]: must not be blank", "doorsOpen: must be a whole number",
                "endDate: must be after startDate",
            ]
        )
        let sentences = problems(reply).joined(separator: "; ")
        #expect(reply.message == sentences)
    }

    @Test("Nobody is in both lists: the known sentence, and the entry")
    func bothLists() async throws {
        let body = newEvent(["presenters": ["ann", "Bob@x.example"], "organizers": [" bob@X.example"], "picture": "x"])
        let reply = try await (try Service()).call(.post, "/event/create", body)
        #expect(problems(reply) == ["picture: not an http or https URL", "presenters[1]: is an organizer too"])
        #expect(
            reply.message
                == "picture: not an http or https URL; Users cannot be hosts and presenters at the same time: Bob@x.example"
        )
    }

    @Test(
        "Members that no call knows are refused, with the name that was probably meant",
        arguments: [
            ("presenter", #"is not a known member; did you mean "presenters"?"#),
            ("start_date", #"is not a known member; did you mean "startDate"?"#),
            ("NAME", "is not a known member"), ("", "is not a known member"),
            ("companyId ", #"did you mean "companyId"?"#),
        ]
    )
    func members(name: String, message: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let before = try await service.call(.get, "/event/\(uid)").text
        for (path, body) in [
            ("/event/create", newEvent([name: ["x"]])),
            ("/event/\(uid)", object(["doorsOpen": 5, name: ["x"]])),
        ] where !(path.hasSuffix(uid) && name == "companyId ") {
            let reply = try await service.call(.post, path, body)
            #expect(reply.status == 400)
            #expect(problems(reply).count == 1)
            #expect(problems(reply).first?.hasPrefix("\(name): ") ?? false)
            #expect(problems(reply).first?.hasSuffix(message) ?? false, "\(reply.text)")
        }
        // Refused as a whole.
        #expect(try await service.call(.get, "/event/\(uid)").text == before)
    }

    @Test("The same for every call with a body")
    func everyBody() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let calls: [(HTTPRequest.Method, String)] = [
            (.post, "clone"), (.put, "organizer"), (.put, "presenter"), (.delete, "organizer"), (.post, "embedCode"),
            (.post, "embed"), (.post, "registrant"), (.delete, "registrant"), (.post, "removals"),
        ]
        for (method, path) in calls {
            let reply = try await service.call(method, "/event/\(uid)/\(path)", object(["nonsense": true]))
            #expect(reply.status == 400)
            #expect(problems(reply).contains("nonsense: is not a known member"), "\(path): \(reply.text)")
        }
    }

    @Test("Parameters that do not exist are refused, not ignored; several are named")
    func parameters() async throws {
        let service = try Service()
        let reply = try await service.call(.get, "/company/acme/events?limt=5&from=x&cursor=1")
        #expect(reply.status == 400)
        #expect(
            Set(problems(reply)) == [
                #"limt: is not a known parameter; did you mean "limit"?"#,
                "from: not a date and time of RFC 3339, such as 2026-11-22T17:00:00Z",
                "cursor: not one that a list gave",
            ]
        )
        let uid = try await service.makeEvent()
        #expect(try await service.call(.get, "/event/\(uid)?email=a").status == 400)
        #expect(try await service.call(.post, "/event/\(uid)/embedCode?x", object(["userId": "u"])).status == 400)
        #expect(try await service.call(.get, "/company/acme/events?limit=0").message == "limit: must be 1 to 1000")
        #expect(try await service.call(.get, "/company/acme/events?limit=x").message == "limit: must be a whole number")
        #expect(try await service.call(.get, "/company/acme/people").message == "email: is required")
    }

    @Test("The token endpoint ignores what it does not know, as OAuth has it (RFC 6749 section 3.2)")
    func token() async throws {
        let body = object([
            "grant_type": "client_credentials", "client_id": "acme", "client_secret": .string(Service.secret),
            "scope": "all", "resource": ["x"],
        ])
        let fields: HTTPFields = [.contentType: "application/json"]
        let reply = await (try Service()).send(.post, "/api/oauth/token?x=y", fields, body: body.serialized())
        #expect(reply.status == 200, "\(reply.text)")
    }

    @Test("However much is wrong, the answer is short")
    func bounded() async throws {
        let service = try Service()
        let long = String(repeating: "é", count: 100_000)
        let names = (0..<200).map { JSONMember("m\($0)", 1) } + [JSONMember(long, 1)]
        for members in [names, names.reversed()] {
            let reply = try await service.call(.post, "/event/create", .object(members))
            #expect(reply.status == 400)
            #expect(problems(reply).count == Problems.maxCount)
            #expect(reply.bytes.count < 8192)
        }
        // One character of many scalars.
        let cluster = "a" + String(repeating: "\u{301}", count: 100_000)
        let one = try await service.call(.post, "/event/create", .object([JSONMember(cluster, 1)]))
        #expect(one.status == 400)
        #expect(one.bytes.count < 2048)
        let people = JSONValue.array(.init(repeating: 5, count: 200))
        let reply = try await service.call(.post, "/event/create", newEvent(["presenters": people]))
        #expect(problems(reply).count == Problems.maxCount)
    }
}
