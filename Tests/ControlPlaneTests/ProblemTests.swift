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
                "from: not a date of RFC 3339, such as 2026-11-22 or 2026-11-22T17:00:00Z",
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

    @Test("Problems name what the caller has sent, not what the event has besides")
    func sent() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["presenters": ["ann", "bob"], "organizers": ["eve"]])
        let both = "Users cannot be hosts and presenters at the same time: "
        for (method, path, body, expected, sentence) in [
            (.put, "/organizer", object(["organizer": "bob"]), "organizer: is a presenter too", both + "bob"),
            (.put, "/presenter", object(["presenter": "eve"]), "presenter: is an organizer too", both + "eve"),
            (.patch, "", object(["organizers": ["x", "x", "ann"]]), "organizers[2]: is a presenter too", both + "ann"),
            (.patch, "", object(["hosts": ["ann"]]), "hosts[0]: is a presenter too", both + "ann"),
            (.patch, "", object(["presenters": ["a", "eve"]]), "presenters[1]: is an organizer too", both + "eve"),
            (
                .patch, "", object(["startDate": "2027-01-15T10:00:00Z"]),
                "startDate: must be before endDate, which is 2027-01-15T10:00:00.000Z: change both at once", nil
            ),
            (
                .patch, "", object(["endDate": "2027-01-15T09:00:00Z"]),
                "endDate: must be after startDate, which is 2027-01-15T09:00:00.000Z", nil
            ),
        ] as [(HTTPRequest.Method, String, JSONValue, String, String?)] {
            let reply = try await service.call(method, "/event/\(uid)\(path)", body)
            #expect(reply.status == 400)
            #expect(problems(reply) == [expected])
            #expect(reply.message == sentence ?? expected)
        }
        let hub = try await service.makeEvent(hub: true)
        let open = try await service.makeEvent(["startDate": .null, "endDate": .null], hub: true)
        for (uid, member, value, expected) in [
            (hub, "startDate", .null, "startDate: can be null only together with endDate"),
            (hub, "endDate", .null, "endDate: can be null only together with startDate"),
            (open, "startDate", "2027-01-15T10:00:00Z", "startDate: needs endDate besides"),
            (open, "endDate", "2027-01-15T10:00:00Z", "endDate: needs startDate besides"),
        ] as [(String, String, JSONValue, String)] {
            let reply = try await service.call(.patch, "/networking/\(uid)", object([member: value]))
            #expect(problems(reply) == [expected])
        }
        let mixed = object(["startDate": "2027-01-15T10:00:00Z", "endDate": .null])
        let reply = try await service.call(.patch, "/networking/\(hub)", mixed)
        #expect(problems(reply) == ["endDate: must be a date like the other, or both must be null"])
    }

    @Test("What is too long for a cookie has the caller's name for it")
    func tooLong() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        func faces(_ count: Int) -> JSONValue { .string(String(repeating: "\u{1F600}", count: count)) }
        let avatar = JSONValue.string("https://a.example/" + String(repeating: "a", count: 980))
        for name in ["userName", "userDisplayName"] {
            let body = object(["userId": faces(200), name: faces(256), "userAvatar": avatar])
            let reply = try await service.call(.post, "/event/\(uid)/embed", body)
            #expect(problems(reply) == ["\(name): too long: the token would not fit into a cookie"])
        }
    }

    @Test(
        "A body of a call that takes none is refused, but for an empty object",
        arguments: [
            ("", nil), ("{}", nil), (" { } ", nil), (#"{"secrets": 1, "b": 2}"#, "secrets: is not a known member"),
            ("[]", ": This call takes no body"), ("null", ": This call takes no body"),
            ("x", ": This call takes no body"),
            ("{\"a\": \"\(String(repeating: "a", count: 5000))\"}", ": This call takes no body"),
        ] as [(String, String?)]
    )
    func noBody(body: String, expected: String?) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let webhook = object(["eventTypes": ["event.updated"], "endpoint": "https://hooks.example/"])
        let id = try required(try await service.call(.post, "/webhooks", webhook)["id"]?.text)
        let fields: HTTPFields = [.authorization: "Bearer \(try service.token())"]
        let calls: [(HTTPRequest.Method, String)] = [
            (.post, "/webhooks/\(id)/rotate-secret"), (.post, "/webhooks/\(id)/deliveries/none/redeliver"),
            (.delete, "/event/\(uid)/presenter/ann"), (.delete, "/webhooks/\(id)"), (.delete, "/event/\(uid)"),
        ]
        for (method, path) in calls {
            let reply = await service.send(method, "/api/v1" + path, fields, body: Array(body.utf8))
            #expect((reply.status == 400) == (expected != nil), "\(path) \(reply.text)")
            if let expected { #expect(problems(reply).first == expected) }
        }
        #expect((try await service.call(.get, "/event/\(uid)").status == 200) == (expected != nil))
    }

    @Test("Whatever is wrong with a body as a whole is a problem, too")
    func whole() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let many = JSONValue.array(.init(repeating: object([:]), count: 1001))
        for (path, body, expected) in [
            ("/event/create", ["x"], ": The body must be a JSON object"),
            ("/event/\(uid)/registrants", object([:]), ": The body must be a JSON array"),
            ("/event/\(uid)/registrants", many, ": The body has more than 1000 entries"),
            ("/event/\(uid)/registrants?atomic=true", ["x"], "[0]: must be an object"),
            ("/event/\(uid)/removals", object([:]), "userId: give one of userId, email, registrationId"),
            (
                "/event/\(uid)/removals", object(["email": "a", "userId": "b"]),
                "email: give one of userId, email, registrationId"
            ),
        ] as [(String, JSONValue, String)] {
            let reply = try await service.call(.post, path, body)
            #expect(reply.status == 400)
            #expect(problems(reply) == [expected])
        }
        let bulk = try await service.call(.post, "/event/\(uid)/registrants", ["x"]).json.list.first
        #expect(bulk?["errorMessage"] == "must be an object" && bulk?["problems"]?.list.first?["field"] == "")
        let fields: HTTPFields = [.contentType: "application/json"]
        for (body, expected) in [
            (object(["grant_type": "password"]), "grant_type: must be \"client_credentials\""),
            (object(["grant_type": "client_credentials", "client_id": "acme"]), "client_secret: is required"),
            (object(["grant_type": "client_credentials", "client_secret": "x"]), "client_id: is required"),
        ] {
            let reply = await service.send(.post, "/api/oauth/token", fields, body: body.serialized())
            #expect(reply.status == 400)
            #expect(problems(reply) == [expected])
        }
    }

    @Test("An answer that names as many problems as it may says that there may be more")
    func more() async throws {
        let service = try Service()
        for (count, isCut) in [(Problems.maxCount - 1, false), (Problems.maxCount, true), (200, true)] {
            let people = JSONValue.array(.init(repeating: 5, count: count))
            let reply = try await service.call(.post, "/event/create", newEvent(["presenters": people]))
            #expect(reply.message?.contains("these are the first 32, there may be more") == isCut)
        }
    }

    @Test("Dates of lists: a date alone is the start of the day in UTC; from after to is refused, and both are named")
    func spans() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for (query, isThere) in [
            ("from=2027-01-15", true), ("from=2027-01-16", false), ("to=2027-01-15", false), ("to=2027-01-16", true),
            ("startDate=2027-01-15&endDate=2027-01-16", true),
            ("from=2027-01-15T10:00:00Z&to=2027-01-15T10:00:00Z", true),
            ("from=2027-01-15T10:30:00+01:00", true), ("from=2027-01-15T12:30:00+01:00", false),
        ] {
            let list = try await service.call(.get, "/company/acme/events?\(query)").json.list
            #expect(list.compactMap { $0["uid"]?.text } == (isThere ? [uid] : []), "\(query)")
        }
        for (query, first, second) in [
            ("from=2027-01-16&to=2027-01-15", "from", "to"), ("startDate=2027-01-16&to=2027-01-15", "startDate", "to"),
            ("from=2027-01-15T00:00:00.001Z&endDate=2027-01-15", "from", "endDate"),
        ] {
            let reply = try await service.call(.get, "/company/acme/events?\(query)")
            #expect(reply.status == 400)
            #expect(
                problems(reply) == ["\(first): must not be after \(second)", "\(second): must not be before \(first)"]
            )
        }
        for text in ["2027-02-30", "2027-1-15", "20270115", "2027-01-1x"] {
            #expect(try await service.call(.get, "/company/acme/events?from=\(text)").status == 400, "\(text)")
        }
    }
}
