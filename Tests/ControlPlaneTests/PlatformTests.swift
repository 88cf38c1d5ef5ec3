import Admission
import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("The platform's own clients are understood")
struct PlatformTests {
    private static let hub = object([
        "friendlyName": "Lounge", "organizers": ["olga@acme.example"], "company": "acme",
        "networkingHubRooms": [object(["name": "Sofa", "maxSlots": 8])], "whitelabel": object(["hideChat": true]),
    ])

    private func makeHub(_ service: Service) async throws -> Reply {
        let reply = try await service.call(.post, "/networking", Self.hub)
        #expect(reply.status == 200, "\(reply.text)")
        return reply
    }

    @Test("A hub in the platform's form has no dates, and answers have both forms")
    func hub() async throws {
        let service = try Service()
        let made = try await makeHub(service)
        let uid = try required(made["uid"]?.text)
        #expect(made["name"] == "Lounge" && made["friendlyName"] == "Lounge")
        #expect(made["company"] == "acme" && made["companyUid"] == "acme")
        #expect(made["startDate"] == .null && made["endDate"] == .null)
        #expect(made["organizers"] == ["olga@acme.example"])
        #expect(made["networkingHubRooms"] == [object(["name": "Sofa", "maxSlots": 8])])
        let hidden = object(["hidePagination": false, "hideChat": true, "hideRandomUserMingle": false])
        #expect(made["whitelabel"] == hidden)
        #expect(try await service.call(.get, "/networking/\(uid)").json == made.json)
    }

    @Test(
        "What the form needs is named",
        arguments: [
            ("friendlyName", "friendlyName: is required"), ("organizers", "organizers: is required"),
            ("networkingHubRooms", "networkingHubRooms: is required"),
        ]
    )
    func missing(name: String, message: String) async throws {
        let body = JSONValue.object(Self.hub.members.filter { $0.name != name })
        let reply = try await (try Service()).call(.post, "/networking", body)
        #expect(reply.status == 400 && reply.message == message, "\(reply.text)")
    }

    @Test("A whole answer can be sent back: nothing changes but what differs", arguments: ["event", "networking"])
    func wholeAnswer(kind: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent(["metadata": object(["a": 1])], hub: kind == "networking")
        let before = try await service.call(.get, "/\(kind)/\(uid)").json
        let same = try await service.call(.post, "/\(kind)/\(uid)", before)
        #expect(same.status == 200 && same.json == before, "\(same.text)")
        let changed = kind == "event" ? "name" : "friendlyName"
        let renamed = JSONValue.object(
            before.members.map { $0.name == changed ? JSONMember(changed, "Other") : $0 }
        )
        #expect(try await service.call(.post, "/\(kind)/\(uid)", renamed)["name"] == "Other")

        let other = object(["uid": "9b2b2c5e-0000-4000-8000-000000000000"])
        #expect(try await service.call(.post, "/\(kind)/\(uid)", other).message == "uid: must be the one in the path")
        let foreign = object(["companyUid": "globex"])
        #expect(try await service.call(.post, "/\(kind)/\(uid)", foreign).message == "Company not found")
    }

    @Test("A hub without dates never closes; its registrations last as long as registration tokens do")
    func noDates() async throws {
        let service = try Service()
        let uid = try required(try await makeHub(service)["uid"]?.text)
        let record = try required(service.directory.view.event(uid))
        #expect(record.closesAt == nil)
        #expect(record.doors == Doors())
        let person = object(["name": "Ann", "email": "ann@example.com"])
        let registered = try await service.call(.post, "/networking/\(uid)/registrant", person)
        let token = try required(registered["join_url"]?.text?.split(separator: "=").last)
        let part = Array(token.split(separator: ".")[1].utf8)
        let payload = try required(Base64URL.decode(part.span))
        let claims = try JSONValue(parsing: payload.span, limits: JSONLimits(size: 4096))
        let lifetime = service.plane.snapshot.viewerTokens.registrationLifetime
        #expect(claims["exp"]?.number == Double(service.now / 1000 + lifetime))
        let embed = try await service.call(.post, "/networking/\(uid)/embed", object(["userId": "u"]))
        #expect(embed.status == 200, "\(embed.text)")
        let analytics = try await service.call(.get, "/networking/\(uid)/analytics")
        #expect(analytics["startDate"] == .null && analytics["concurrencyStep"] == 1, "\(analytics.text)")
    }

    @Test("The dates of a hub come and go together")
    func dates() async throws {
        let service = try Service()
        let path = "/networking/\(try required(try await makeHub(service)["uid"]?.text))"
        let (start, end): (JSONValue, JSONValue) = ("2027-01-15T09:00:00.000Z", "2027-01-15T10:00:00.000Z")
        for name in ["startDate", "endDate"] {
            let reply = try await service.call(.post, path, object([name: start]))
            let other = name == "startDate" ? "endDate" : "startDate"
            #expect(reply.message == "\(name): needs \(other) besides")
            #expect(try await service.call(.post, path, object([name: .null])).status == 200)
        }
        let dated = try await service.call(.post, path, object(["startDate": start, "endDate": end]))
        #expect(dated["startDate"] == start && dated["endDate"] == end, "\(dated.text)")
        #expect(try await service.call(.post, path, object(["endDate": .null])).status == 400)
        let later: JSONValue = "2027-01-15T11:00:00.000Z"
        #expect(try await service.call(.post, path, object(["endDate": later]))["endDate"] == later)
        let open = try await service.call(.post, path, object(["startDate": .null, "endDate": .null]))
        #expect(open["startDate"] == .null && open["endDate"] == .null)
        let event = try await service.makeEvent()
        let never = object(["startDate": .null, "endDate": .null])
        #expect(try await service.call(.post, "/event/\(event)", never).status == 400)
    }

    @Test("What the gateway has no use for is kept, returned, cloned, and removed by null")
    func kept() async throws {
        let service = try Service()
        let given: KeyValuePairs<String, JSONValue> = [
            "autoSelectLatestReplay": true, "disableEventRecording": false, "isAttendeeRegistrationModeEnabled": true,
            "isPresenterRegistrationModeEnabled": false, "bannerUrl": "https://acme.example/b.png",
            "closeCaptioningSettings": object(["transcription": object(["enabled": true])]),
        ]
        let uid = try await service.makeEvent(given)
        let body = object([
            "name": "Again", "startDate": "2028-01-01T00:00:00Z", "endDate": "2028-01-02T00:00:00Z",
            "timezone": "Etc/UTC", "bannerUrl": .null, "hosts": ["hana"], "presenterPasscode": .null,
        ])
        let shown = try await service.call(.get, "/event/\(uid)")
        let clone = try await service.call(.post, "/event/\(uid)/clone", body)
        #expect(clone.status == 200, "\(clone.text)")
        #expect(clone["organizers"] == ["hana"])
        for (name, value) in given {
            #expect(shown[name] == value)
            #expect(clone[name] == (name == "bannerUrl" ? .null : value))
        }
    }

    @Test(
        "Passcodes are never kept: they are refused with the reason",
        arguments: ["attendeePasscode", "presenterPasscode", "hostPasscode", "privateEventInfo"]
    )
    func passcodes(name: String) async throws {
        let service = try Service()
        let reply = try await service.call(.post, "/event/create", newEvent([name: "1234"]))
        #expect(reply.status == 400)
        let reason = "must be null: there are no passcodes here, every viewer has a link of their own"
        #expect(reply.message == "\(name): \(reason)")
    }

    @Test("Its error texts, and a company without children")
    func texts() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for list in ["organizer", "presenter"] {
            let reply = try await service.call(.put, "/event/\(uid)/\(list)", object([:]))
            #expect(reply.status == 400 && reply.message == "Missing \(list) field in request", "\(reply.text)")
        }
        for reply in [
            try await service.call(.post, "/event/create", newEvent(["companyId": "globex"])),
            try await service.call(.get, "/company/globex/list"), try await service.call(.get, "/company/globex"),
        ] {
            #expect(reply.status == 404 && reply.message == "Company not found" && reply.code == "not_found")
        }
        #expect(try await service.call(.get, "/company/acme/list").json == [])
    }

    @Test("The list of participants has who is there now, each person once")
    func participants() async throws {
        let service = try Service()
        let uid = try required(try await makeHub(service)["uid"]?.text)
        let path = "/networking/\(uid)/participantsList"
        #expect(try await service.call(.get, path).json == [])
        for (user, name) in [("u1", "Ann"), ("u2", nil), ("u1", "Ann")] {
            let viewer = Viewer(
                kind: .embed,
                company: "acme",
                event: uid,
                eventSpecific: true,
                userID: user,
                name: name,
                validity: Validity(expires: service.now / 1000 + 600, notBefore: nil, issuedAt: nil)
            )
            _ = try service.join(viewer, event: uid)
            service.now += 1000
        }
        func entry(_ user: JSONValue, _ name: JSONValue, _ when: Milliseconds) -> JSONValue {
            let meta = object(["userId": user, "username": name, "email": "", "avatar": ""])
            return object(["meta": meta, "when": .number(Double(when))])
        }
        let list = try await service.call(.get, path)
        #expect(
            list.json == [entry("u1", "Ann", Service.start), entry("u2", "", Service.start + 1000)],
            "\(list.text)"
        )
    }
}
