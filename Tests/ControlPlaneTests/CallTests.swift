import Admission
import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

@Suite("Every call does what it promises")
struct CallTests {
    @Test("An event is created, read, changed, listed and deleted", arguments: ["event", "networking"])
    func life(kind: String) async throws {
        let service = try Service()
        let hub = try await service.makeEvent(hub: true)
        let body = newEvent([
            "type": "LiveStreamInPerson", "picture": "https://acme.example/p.png",
            "networkingHub": .string(hub.uppercased()),
            "presenters": ["Ann@example.com", "ann@EXAMPLE.com", "u2"],
            "organizers": ["olga"], "isRegistrationModeEnabled": true, "metadata": object(["a": [1, "x", false]]),
            "secondJoin": "ask", "doorsOpen": 15, "startDate": "2027-01-15T10:00:00.250+01:00",
            "page": object(["accent": "#1D4ED8", "home": "https://acme.example/academy", "logo": .null]),
        ])
        let created = try await service.call(.post, "/\(kind)/create", body)
        #expect(created.status == 200, "\(created.text)")
        let uid = try required(created["uid"]?.text)
        var expected = object([
            "uid": .string(uid), "companyUid": "acme", "creatorUid": "acme", "name": "Launch",
            "picture": "https://acme.example/p.png", "startDate": "2027-01-15T09:00:00.250Z",
            "endDate": "2027-01-15T10:00:00.000Z", "timezone": "Europe/Berlin", "type": "LiveStreamInPerson",
            "networkingHub": .string(hub), "presenters": ["Ann@example.com", "u2"],
            "organizers": ["olga"], "isRegistrationModeEnabled": true, "secondJoin": "ask",
            "doorsOpen": 15, "doorsClose": .null,
            "page": object(["accent": "#1d4ed8", "home": "https://acme.example/academy"]),
            "metadata": object(["a": [1, "x", false]]),
        ])
        let rest: JSONValue =
            kind == "event"
            ? object([
                "autoSelectLatestReplay": .null, "disableEventRecording": .null,
                "isAttendeeRegistrationModeEnabled": .null, "isPresenterRegistrationModeEnabled": .null,
                "closeCaptioningSettings": .null, "bannerUrl": .null, "privateEventInfo": .null,
            ])
            : object([
                "friendlyName": "Launch", "company": "acme", "networkingHubRooms": [],
                "whitelabel": object(["hidePagination": false, "hideChat": false, "hideRandomUserMingle": false]),
            ])
        let url = JSONMember("url", .string("\(Service.publicURL)/\(kind)/\(uid)"))
        expected = .object(expected.members + rest.members + [url])
        #expect(created.json == expected)
        #expect(try await service.call(.get, "/\(kind)/\(uid)").json == expected)
        #expect(try await service.call(.get, "/\(kind)/\(uid.uppercased())").json == expected)

        let change = object([
            "name": "Later", "picture": .null, "secondJoin": .null, "presenters": [], "doorsOpen": .null,
            "doorsClose": 0, "page": object(["home": .null, "contact": "help@acme.example"]),
        ])
        for method in [HTTPRequest.Method.post, .patch] {
            let changed = try await service.call(method, "/\(kind)/\(uid)", change)
            #expect(changed.status == 200)
            #expect(changed["name"] == "Later")
            #expect(changed["picture"] == .null)
            #expect(changed["secondJoin"] == .null)
            #expect(changed["doorsOpen"] == .null && changed["doorsClose"] == 0)
            #expect(changed["presenters"] == [])
            #expect(changed["page"] == object(["accent": "#1d4ed8", "contact": "help@acme.example"]))
            #expect(changed["organizers"] == ["olga"])
        }
        let plain = try await service.call(.patch, "/\(kind)/\(uid)", object(["page": .null]))
        #expect(plain["page"] == object([:]))
        let company = try await service.call(.get, "/company/acme")
        #expect(company["eventIds"] == (kind == "event" ? [.string(uid)] : []))

        let deleted = try await service.call(.delete, "/\(kind)/\(uid)")
        #expect(deleted.status == 200)
        #expect(try await service.call(.get, "/\(kind)/\(uid)").status == 404)
        #expect(try await service.call(.delete, "/\(kind)/\(uid)").status == 404)
    }

    @Test("The company call returns the company")
    func company() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let reply = try await service.call(.get, "/company/acme")
        #expect(
            reply.json
                == object([
                    "uid": "acme", "name": "Company acme", "logo": .null, "parentCompanyId": .null,
                    "eventIds": [.string(uid)], "metadata": object([:]),
                ])
        )
    }

    @Test("An event and a networking hub are not interchangeable")
    func kinds() async throws {
        let service = try Service()
        let (event, hub) = (try await service.makeEvent(), try await service.makeEvent(hub: true))
        #expect(try await service.call(.get, "/networking/\(event)").status == 404)
        #expect(try await service.call(.get, "/event/\(hub)").status == 404)
        #expect(try await service.call(.post, "/event/\(hub)/embedCode", object(["userId": "u"])).status == 404)
        let embed = try await service.call(.post, "/networking/\(hub)/embedCode", object(["userId": "u"]))
        #expect(embed.json.text?.hasPrefix("\(Service.publicURL)/networking/\(hub)?token=") ?? false)
    }

    @Test("A clone has the lists and not the registrations")
    func clone() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["presenters": ["ann"], "metadata": object(["k": "v"])])
        try await service.call(.post, "/event/\(uid)/registrant", object(["name": "N", "email": "n@example.com"]))
        let body = object([
            "name": "Again", "startDate": "2028-01-01T00:00:00Z", "endDate": "2028-01-02T00:00:00Z", "timezone": "UTC",
            "organizers": ["bob"],
        ])
        let clone = try await service.call(.post, "/event/\(uid)/clone", body)
        #expect(clone.status == 200, "\(clone.text)")
        #expect(clone["name"] == "Again")
        #expect(clone["timezone"] == "UTC")
        #expect(clone["presenters"] == ["ann"])
        #expect(clone["organizers"] == ["bob"], "what the body names is not copied")
        #expect(clone["metadata"] == object(["k": "v"]))
        let cloned = try required(clone["uid"]?.text)
        #expect(cloned != uid)
        #expect(try await service.call(.get, "/event/\(cloned)/registrants").json == [])
    }

    @Test(
        "Organizers and presenters are added and removed, and repeating a call changes nothing",
        arguments: ["organizer", "presenter"]
    )
    func roster(list: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let path = "/event/\(uid)/\(list)"
        for _ in 0..<2 {
            let added = try await service.call(.put, path, object([list: "Ann@example.com"] as KeyValuePairs))
            #expect(added.status == 200)
            #expect(added.json == ["Ann@example.com"])
        }
        #expect(
            try await service.call(.put, path, object([list: "ANN@example.com"] as KeyValuePairs)).json == [
                "Ann@example.com"
            ]
        )
        #expect(
            try await service.call(.put, path, object([list: "u/2 ?"] as KeyValuePairs)).json == [
                "Ann@example.com", "u/2 ?",
            ]
        )
        for _ in 0..<2 {
            #expect(try await service.call(.delete, "\(path)/ann%40EXAMPLE.com").json == ["u/2 ?"])
        }
        #expect(try await service.call(.delete, "\(path)/u%2F2%20%3f").json == [])
    }

    @Test("Attack: another company's hub, or a non-hub, becomes an event's hub; one deleted meanwhile stays")
    func hubs() async throws {
        let service = try Service()
        let hub = try await service.makeEvent(hub: true)
        let foreign = try await service.call(
            .post,
            "/networking/create",
            newEvent(["companyId": "globex"]),
            as: "globex"
        )
        let event = try await service.makeEvent(["networkingHub": .string(hub)])
        for other in [foreign["uid"]?.text ?? "", event, "9b2b2c5e-0000-4000-8000-000000000001"] {
            let change = object(["networkingHub": .string(other)])
            let created = try await service.call(.post, "/event/create", newEvent(["networkingHub": .string(other)]))
            let changed = try await service.call(.patch, "/event/\(event)", change)
            for reply in [created, changed] {
                #expect(reply.status == 400 && reply.message == "networkingHub: not a networking hub of this company")
            }
        }
        #expect(try await service.call(.delete, "/networking/\(hub)").status == 200)
        let again = object(["networkingHub": .string(hub), "name": "Later"])
        #expect(try await service.call(.post, "/event/\(event)", again)["name"] == "Later")
        #expect(try await service.call(.patch, "/event/\(event)", object(["networkingHub": .null])).status == 200)
        #expect(try await service.call(.post, "/event/\(event)", again).status == 400)
    }

    @Test("Deleting an event deletes its webhooks")
    func webhooksOfRemovedEvents() async throws {
        let service = try Service()
        let event = try await service.makeEvent()
        for (type, id) in [("event.deleted", event), ("session.left", event), ("event.created", nil)] {
            var hook = object(["eventType": .string(type), "endpoint": "https://hooks.example/"])
            if let id { hook = hook.replacing("eventId", .string(id)) }
            #expect(try await service.call(.post, "/webhooks", hook).status == 201)
        }
        #expect(try await service.call(.get, "/webhooks").json.list.count == 3)
        #expect(try await service.call(.delete, "/event/\(event)").status == 200)
        #expect(try await service.call(.get, "/webhooks").json.list.map { $0["eventId"] } == [.null])
        // Pending messages are still sent, and then nothing is left of them.
        let retention = Retention(stays: 1 << 40, removed: 1 << 40, webhooks: 1 << 40)
        service.now += 3_600_001
        _ = try await service.directory.purge(retention)
        let left = try #require(service.directory.allWebhooks.first { $0.event != nil })
        #expect(service.directory.allWebhooks.count == 2 && left.types == [.eventDeleted])
        guard case .message(let message) = try await service.directory.nextMessage(for: left, at: service.now) else {
            throw Unexpected(what: "no message")
        }
        try await service.directory.finish(message)
        _ = try await service.directory.purge(retention)
        #expect(service.directory.allWebhooks.map(\.event) == [nil])
    }

    @Test("Attack: a user id that differs from a presenter's in case or white space is only itself")
    func userIDsAreExact() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["presenters": [" aB3xQ\t", "aB3xQ", "Kim@acme.example"]])
        let event = try await service.call(.get, "/event/\(uid)")
        #expect(event["presenters"] == ["aB3xQ", "Kim@acme.example"])
        for (user, role) in [
            ("aB3xQ", "host"), ("Ab3Xq", "attendee"), (" aB3xQ ", "host"), ("KIM@acme.example", "host"),
        ] as [(String, JSONValue)] {
            let reply = try await service.call(.post, "/event/\(uid)/embed", object(["userId": .string(user)]))
            #expect(reply["role"] == role, "\(user)")
            // White space at the ends of a call's values is not part of them.
            let viewer = try viewer(reply["token"]?.text ?? "")
            #expect(viewer.userID.hasSameBytes(as: user == " aB3xQ " ? "aB3xQ" : user))
        }
        // It does not conflict with the presenter, and removing it does not remove the presenter.
        let organizer = try await service.call(.put, "/event/\(uid)/organizer", object(["organizer": "Ab3Xq"]))
        #expect(organizer.json == ["Ab3Xq"])
        #expect(try await service.call(.delete, "/event/\(uid)/presenter/AB3XQ").json == ["aB3xQ", "Kim@acme.example"])
        let conflict = try await service.call(.put, "/event/\(uid)/organizer", object(["organizer": " aB3xQ"]))
        #expect(conflict.status == 400)
        #expect(try await service.call(.delete, "/event/\(uid)/presenter/%20aB3xQ").json == ["Kim@acme.example"])
    }

    @Test("An embed URL is a bare JSON string with the user's token and nothing else in its query")
    func embedCode() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object(["userId": "u1", "userDisplayName": "Display", "userEmail": "Ann@Example.com"])
        let reply = try await service.call(.post, "/event/\(uid)/embedCode", body)
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "application/json")
        let url = try required(reply.json.text)
        let token = try required(url.split(separator: "?token=").last.map(String.init))
        #expect(url == "\(Service.publicURL)/event/\(uid)?token=\(token)")
        let viewer = try viewer(token)
        #expect(viewer.kind == .embed)
        #expect(viewer.userID == "u1")
        #expect(viewer.name == "Display")
        #expect(viewer.event == uid)
        #expect(viewer.eventSpecific)
        // SHA-256 of ann@example.com.
        let hash = "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476"
        #expect(viewer.avatar == "https://www.gravatar.com/avatar/\(hash)")
        #expect(Gravatar.address(of: " ANN@example.com\t") == viewer.avatar)
    }

    @Test("An embed URL is good until an hour after the event's end, and at least an hour, or for as long as was asked")
    func embedLifetime() async throws {
        let service = try Service()
        // From 9 to 10 o'clock; it is 8.
        let uid = try await service.makeEvent()
        let path = "/event/\(uid)/embed"
        func minutes(_ more: KeyValuePairs<String, JSONValue> = [:]) async throws -> Milliseconds? {
            let reply = try await service.call(
                .post,
                path,
                .object(object(["userId": "u"]).members + object(more).members)
            )
            return reply["expiresAt"]?.text.flatMap(RFC3339.parse).map { ($0 - service.now) / 60_000 }
        }
        #expect(try await minutes() == 180)
        #expect(try await minutes(["embedLifetime": 120]) == 2)
        #expect(try await minutes(["embedLifetime": 14_400]) == 240)
        #expect(try await minutes(["embedLifetime": 14_400, "eventSpecific": false]) == 240)
        #expect(try await minutes(["embedLifetime": .null]) == 180)
        service.now += 150 * 60_000
        #expect(try await minutes() == 60)
        service.now -= 600 * 60_000
        #expect(try await minutes() == 240, "as long as the operator allows, at most")
        for (lifetime, message) in [
            (14_401, "must be 60 to 14400"), (59, "must be 60 to 14400"),
        ] {
            let body = object(["userId": "u", "embedLifetime": .number(Double(lifetime))])
            let reply = try await service.call(.post, path, body)
            #expect(reply.status == 400)
            #expect(reply.message == "embedLifetime: \(message)")
        }
    }

    @Test("userName wins over userDisplayName; blank members count as absent; eventSpecific can be false")
    func embedMembers() async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["organizers": ["ann@example.com"]])
        let body = object([
            "userId": "u1", "userName": "Name", "userDisplayName": "Display", "userEmail": "ANN@example.com",
            "userAvatar": "https://acme.example/a.png", "eventSpecific": false,
        ])
        let reply = try await service.call(.post, "/event/\(uid)/embed", body)
        #expect(reply.json.members.map(\.name) == ["url", "token", "expiresAt", "role"])
        #expect(reply["role"] == "host")
        #expect(reply["expiresAt"] == .string(Timestamp.text(Service.start + 4 * 3_600_000)))
        let viewer = try viewer(try required(reply["token"]?.text))
        #expect(viewer.name == "Name")
        #expect(viewer.avatar == "https://acme.example/a.png")
        #expect(!viewer.eventSpecific)

        let blank = object(["userId": "u2", "userName": " ", "userDisplayName": "D", "userEmail": "", "userAvatar": ""])
        let other = try await service.call(.post, "/event/\(uid)/embed", blank)
        #expect(other["role"] == "attendee")
        let second = try self.viewer(try required(other["token"]?.text))
        #expect(second.name == "D")
        #expect(second.email == nil)
        #expect(second.avatar == nil)
    }

    @Test("Register answers once, then with 409; with resend it repeats the first answer")
    func register() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let path = "/event/\(uid)/registrant"
        let body = object(["name": "Ann", "email": "Ann@Example.com", "metadata": object(["seat": 7])])
        let first = try await service.call(.post, path, body)
        #expect(first.status == 200, "\(first.text)")
        #expect(
            first.json.members.map(\.name) == [
                "registrationId", "name", "email", "join_url", "joinUrl", "joinCode", "metadata", "registeredAt",
            ]
        )
        #expect(first["join_url"] == first["joinUrl"])
        #expect(first["metadata"] == object(["seat": 7]))
        #expect(first["joinCode"]?.text?.utf8.count == 12)
        let url = try required(first["joinUrl"]?.text)
        let viewer = try viewer(try required(url.split(separator: "?token=").last.map(String.init)))
        #expect(viewer.kind == .registration)
        #expect(viewer.email == "Ann@Example.com")
        #expect(viewer.registration != nil && first["registrationId"]?.text == viewer.registration)

        service.now += 60_000
        let second = try await service.call(.post, path, object(["name": "Eve", "email": "aNN@example.com"]))
        #expect(second.status == 409)
        #expect(second.code == "already_registered")
        for word in ["resend", "resendInvite"] {
            let again = JSONValue.object([
                JSONMember("name", "Ann"), JSONMember("email", "ann@example.com"), JSONMember(word, true),
            ])
            #expect(try await service.call(.post, path, again).json == first.json)
        }
        let list = try await service.call(.get, "/event/\(uid)/registrants?include=join_url")
        #expect(list.json == [first.json])

        let email = object(["email": "ANN@example.com"])
        #expect(try await service.call(.delete, path, email).status == 204)
        #expect(try await service.call(.delete, path, email).status == 404)
        #expect(try await service.call(.post, path, body).status == 200)
    }

    @Test("Sessions are listed and ended by their names")
    func sessions() async throws {
        let service = try Service()
        let (uid, other) = (try await service.makeEvent(), try await service.makeEvent())
        let embed = try await service.call(
            .post,
            "/event/\(uid)/embed",
            object(["userId": "u1", "userName": "Ann", "userEmail": "ann@example.com"])
        )
        let name = try service.join(try viewer(try required(embed["token"]?.text)), event: uid)
        let list = try await service.call(.get, "/event/\(uid)/sessions")
        #expect(
            list.json == [
                object([
                    "session": .string(name), "userId": "u1", "name": "Ann", "email": "ann@example.com",
                    "role": "attendee", "joinedAt": .string(Timestamp.text(Service.start)), "leased": false,
                ])
            ]
        )
        #expect(try await service.call(.get, "/event/\(other)/sessions").json == [])
        #expect(try await service.call(.delete, "/event/\(other)/sessions/\(name)").status == 404)
        #expect(service.kicked.isEmpty)
        #expect(try await service.call(.delete, "/event/\(uid)/sessions/\(name)").status == 204)
        #expect(service.kicked == [name])
    }

    @Test("Webhooks are created with a secret that is shown once, listed, deleted; at most a hundred")
    func webhooks() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object([
            "eventType": "session.left", "endpoint": "https://hooks.example/x", "eventId": .string(uid),
        ])
        let created = try await service.call(.post, "/webhooks", body)
        #expect(created.status == 201)
        let id = try required(created["id"]?.text)
        let secret = try required(created["secret"]?.text)
        let list = try await service.call(.get, "/webhooks")
        #expect(!list.text.contains(secret))
        #expect(
            list.json == [
                object([
                    "id": .string(id), "eventTypes": ["session.left"], "eventType": "session.left",
                    "endpoint": "https://hooks.example/x",
                    "eventId": .string(uid), "createdAt": .string(Timestamp.text(Service.start)),
                    "enabled": true, "failingSince": .null, "lastError": .null,
                    "disabledAt": .null, "disabledBy": .null, "oldSecretExpiresAt": .null,
                ])
            ]
        )
        let off = try await service.call(.patch, "/webhooks/\(id)", object(["enabled": false]))
        #expect(off["disabledBy"] == "api")
        #expect(off["enabled"] == false && off["disabledAt"] == .string(Timestamp.text(Service.start)))
        #expect(try await service.call(.get, "/webhooks").json == [off.json])
        let on = try await service.call(.patch, "/webhooks/\(id)", object(["enabled": true]))
        #expect(on["enabled"] == true && on["disabledAt"] == .null)
        #expect(try await service.call(.patch, "/webhooks/\(id)", object([:])).json == on.json)
        #expect(try await service.call(.get, "/webhooks/\(id)").json == on.json)
        for _ in 0..<99 { #expect(try await service.call(.post, "/webhooks", body).status == 201) }
        #expect(try await service.call(.post, "/webhooks", body).status == 409)
        #expect(try await service.call(.delete, "/webhooks/\(id)").status == 204)
        #expect(try await service.call(.delete, "/webhooks/\(id)").status == 404)
    }

    @Test("New settings take effect on the next request")
    func reload() async throws {
        let service = try Service()
        let token = try service.token()
        var settings = try Service.settings()
        settings.companies.remove(at: 0)
        try service.plane.adopt(settings)
        let reply = await service.send(.get, "/api/v1/company/acme", [.authorization: "Bearer \(token)"])
        #expect(reply.status == 401)
    }

    /// The viewer of a token, as the data plane would read it.
    private func viewer(_ token: String) throws -> Viewer {
        let authority = TokenAuthority(try Service.settings(), generation: 1)
        let bytes = Array(token.utf8)
        return try authority.viewer(for: bytes.span)
    }
}
