import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Data of another company does not exist")
    struct IsolationTests {
        /// A call with the ids that it names.
        struct ForeignCall: Sendable, CustomTestStringConvertible {
            let method: String
            /// With `EVENT`, `HUB`, `HOOK`, `SESSION`, `REMOVAL`, `DELIVERY` and `COMPANY` for ids.
            let path: String
            var body: JSONValue?
            var testDescription: String { "\(method) \(path)" }

            init(_ method: String, _ path: String, _ body: JSONValue? = nil) {
                (self.method, self.path, self.body) = (method, path, body)
            }

            func filled(_ ids: [String: String]) -> (path: String, body: JSONValue?) {
                var path = path
                var text = body.map { $0.description } ?? ""
                for (name, id) in ids {
                    path = path.replacingOccurrences(of: name, with: id)
                    text = text.replacingOccurrences(of: name, with: id)
                }
                let bytes = Array(text.utf8)
                return (path, try? JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 16)))
            }
        }

        private static let dates: JSONValue = [
            "name": "Mine now", "startDate": "2030-01-01T10:00:00Z", "endDate": "2030-01-01T11:00:00Z",
            "timezone": "UTC",
        ]

        private static func calls(at path: String) -> [ForeignCall] {
            let person: JSONValue = ["name": "Eve", "email": "eve@globex.example"]
            let known: JSONValue = ["name": "Ada", "email": "ada@example.com", "resend": true]
            let user: JSONValue = ["userId": "u-1", "userName": "Ada"]
            var calls = [ForeignCall("GET", path), ForeignCall("DELETE", path)]
            calls += ["POST", "PATCH"].map { ForeignCall($0, path, ["name": "Mine now"]) }
            calls.append(ForeignCall("POST", path + "/clone", dates))
            for list in ["organizer", "presenter"] {
                calls.append(ForeignCall("PUT", "\(path)/\(list)", .object([JSONMember(list, "me@globex.example")])))
                calls.append(ForeignCall("DELETE", "\(path)/\(list)/host@acme.example"))
                calls.append(ForeignCall("DELETE", "\(path)/\(list)", .object([JSONMember(list, "host@acme.example")])))
            }
            calls += ["embedCode", "embed"].map { ForeignCall("POST", "\(path)/\($0)", user) }
            calls += [person, known].map { ForeignCall("POST", path + "/registrant", $0) }
            calls.append(ForeignCall("DELETE", path + "/registrant", ["email": "ada@example.com"]))
            calls.append(ForeignCall("POST", path + "/registrants", .array([person, known])))
            calls.append(ForeignCall("POST", path + "/registrants?atomic=true", .array([known])))
            calls += ["GET", "DELETE"].map { ForeignCall($0, path + "/registrant/REGISTRATION") }
            calls.append(ForeignCall("PATCH", path + "/registrant/REGISTRATION", ["name": "Mine now"]))
            calls += ["registrants", "analytics", "sessions"].map { ForeignCall("GET", "\(path)/\($0)") }
            calls.append(ForeignCall("DELETE", path + "/sessions/SESSION"))
            calls.append(ForeignCall("POST", path + "/removals", ["email": "ada@example.com"]))
            calls += [ForeignCall("GET", path + "/removals"), ForeignCall("DELETE", path + "/removals/REMOVAL")]
            return calls
        }

        private static func newEvent(of company: JSONValue) -> JSONValue {
            var body = dates
            body["companyId"] = company
            return body
        }

        static let calls: [ForeignCall] = {
            let hook: JSONValue = [
                "eventType": "registration.created", "endpoint": "https://127.0.0.1:9/hook", "eventId": "EVENT",
            ]
            var calls = Self.calls(at: "/event/EVENT") + Self.calls(at: "/networking/HUB")
            calls.append(ForeignCall("GET", "/company/COMPANY"))
            calls += ["events", "networking", "list", "analytics"].map { ForeignCall("GET", "/company/COMPANY/\($0)") }
            calls.append(ForeignCall("GET", "/networking/HUB/participantsList"))
            calls += ["GET", "DELETE"].map { ForeignCall($0, "/company/COMPANY/people?email=ada@example.com") }
            calls.append(ForeignCall("PATCH", "/webhooks/HOOK", ["enabled": false]))
            calls += ["GET", "DELETE"].map { ForeignCall($0, "/webhooks/HOOK") }
            calls.append(ForeignCall("GET", "/webhooks/HOOK/deliveries"))
            calls += ["test", "rotate-secret", "deliveries/DELIVERY/redeliver"].map {
                ForeignCall("POST", "/webhooks/HOOK/\($0)")
            }
            calls.append(ForeignCall("POST", "/webhooks", hook))
            return calls
        }()

        /// What acme has, and what nobody has.
        private struct World: Sendable {
            let site: Site
            let token: String
            let foreignToken: String
            let ids: [String: String]
            let none: [String: String]
        }

        private static let world = Result {
            let site = try Site {
                $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]"
                $0.log = "access = false"
            }
            let backend = try Backend.signedIn(site)
            let people: JSONValue = ["presenters": ["host@acme.example"], "metadata": ["secret": "acme's own"]]
            let event = try backend.createEvent("Acme's launch", people)
            let hub = try backend.ask("POST", "/networking/create", backend.newEvent("Acme's hub"))["uid"]?.text ?? ""
            for path in ["/event/\(event)", "/networking/\(hub)"] {
                _ = try backend.ask("POST", path + "/registrant", ["name": "Ada", "email": "ada@example.com"])
            }
            let hook =
                try backend.call(
                    "POST",
                    "/webhooks",
                    [
                        "eventType": "event.deleted", "endpoint": "https://127.0.0.1:9/hook",
                    ]
                ).json()["id"]?.text ?? ""
            let registered = try backend.ask(
                "POST",
                "/event/\(event)/registrant",
                ["name": "A", "email": "ada@example.com", "resend": true]
            )
            _ = try Browser(site).open(try Registered(registered).target)
            let session = try backend.ask("GET", "/event/\(event)/sessions").list?.first?["session"]?.text ?? ""
            let removed = try backend.call("POST", "/event/\(event)/removals", ["userId": "nobody"])
            let removal = try removed.json()["id"]?.text ?? ""
            return World(
                site: site,
                token: backend.token ?? "",
                foreignToken: try Backend.signedIn(site, company: "globex").token ?? "",
                ids: [
                    "EVENT": event, "HUB": hub, "HOOK": hook, "SESSION": session, "COMPANY": "acme", "REMOVAL": removal,
                    "DELIVERY": "6f1f9d3e-0000-4000-8000-000000000005",
                    "REGISTRATION": registered["registrationId"]?.text ?? "",
                ],
                none: [
                    "EVENT": "6f1f9d3e-0000-4000-8000-000000000000", "HUB": "6f1f9d3e-0000-4000-8000-000000000001",
                    "HOOK": "6f1f9d3e-0000-4000-8000-000000000002",
                    "SESSION": String(session.reversed()), "COMPANY": "initech",
                    "REMOVAL": "6f1f9d3e-0000-4000-8000-000000000003",
                    "DELIVERY": "6f1f9d3e-0000-4000-8000-000000000004",
                    "REGISTRATION": "6f1f9d3e-0000-4000-8000-000000000004",
                ]
            )
        }

        @Test(
            "Every call with another company's token gets 404, the same as for what does not exist",
            arguments: calls
        )
        func foreign(call: ForeignCall) throws {
            let world = try Self.world.get()
            let (acme, globex) = (Backend(port: world.site.port), Backend(port: world.site.port, company: "globex"))
            (acme.token, globex.token) = (world.token, world.foreignToken)
            func state() throws -> [String] {
                try [
                    "/company/acme", "/company/acme/events", "/event/EVENT", "/event/EVENT/registrants",
                    "/event/EVENT/sessions", "/event/EVENT/removals", "/networking/HUB", "/networking/HUB/registrants",
                    "/webhooks",
                ].map { path in
                    let path = ForeignCall("GET", path).filled(world.ids).path
                    return try acme.ask("GET", path).description
                }
            }
            func answer(_ ids: [String: String]) throws -> (Response, comparable: String) {
                let (path, body) = call.filled(ids)
                let response = try globex.call(call.method, path, body)
                let request = response["X-Request-Id"] ?? "no request id"
                let fields = response.fields.filter { !["date", "x-request-id"].contains($0.name.lowercased()) }
                return (response, "\(fields) \(response.text)".replacingOccurrences(of: request, with: "ID"))
            }
            let before = try state()
            let (foreign, none) = (try answer(world.ids), try answer(world.none))
            try expectFault(foreign.0, 404, "not_found")
            #expect(foreign.0.status == none.0.status)
            #expect(foreign.comparable == none.comparable)
            #expect(try state() == before, "nothing of acme's has changed")
            #expect(try globex.ask("GET", "/company/globex")["eventIds"] == [])
            #expect(try globex.ask("GET", "/webhooks") == [])
        }

        @Test("Nothing can be created for another company: it is not found, the same as an unknown one")
        func making() throws {
            let world = try Self.world.get()
            let globex = Backend(port: world.site.port, company: "globex")
            globex.token = world.foreignToken
            for kind in ["event", "networking"] {
                let faults = try ["acme", "initech", "Globex"].map { company in
                    let body = Self.newEvent(of: .string(company))
                    let response = try globex.call("POST", "/\(kind)/create", body)
                    try expectFault(response, 404, "not_found", naming: "Company")
                    return try response.json()["errorMessage"]?.text
                }
                #expect(Set(faults).count == 1)
            }
            let hub: JSONValue = [
                "friendlyName": "Lounge", "organizers": [], "networkingHubRooms": [], "company": "acme",
            ]
            try expectFault(try globex.call("POST", "/networking", hub), 404, "not_found", naming: "Company")
            #expect(try globex.ask("GET", "/company/globex")["eventIds"] == [])
        }

        @Test("Another company's session cannot be reached through one's own event")
        func foreignSession() throws {
            let world = try Self.world.get()
            let (acme, globex) = (Backend(port: world.site.port), Backend(port: world.site.port, company: "globex"))
            (acme.token, globex.token) = (world.token, world.foreignToken)
            let own = try globex.createEvent("Theirs")
            defer { _ = try? globex.call("DELETE", "/event/\(own)") }
            let session = world.ids["SESSION"] ?? ""
            try expectFault(try globex.call("DELETE", "/event/\(own)/sessions/\(session)"), 404, "not_found")
            #expect(try globex.ask("GET", "/event/\(own)/sessions") == [])
            let sessions = try acme.ask("GET", "/event/\(world.ids["EVENT"] ?? "")/sessions").list
            #expect(sessions?.compactMap { $0["session"]?.text } == [session])
        }

        @Test("The table has every call of the API's description that names something of a company")
        func complete() throws {
            let world = try Self.world.get()
            let document = try fetch(world.site.port, "/api/openapi.json").json()
            guard case .object(let paths)? = document["paths"] else {
                Issue.record("no paths")
                return
            }
            let open: Set = [
                "POST /api/oauth/token", "GET /api/openapi.json", "GET /api/v1/webhooks", "POST /api/v1/event/create",
                "POST /api/v1/networking/create", "POST /api/v1/networking", "GET /api/docs",
            ]
            func shape(_ path: String) -> String {
                path.split(separator: "/").map { segment in
                    segment.hasPrefix("{") || segment.allSatisfy { $0.isUppercase } || segment.contains("@")
                        ? "*" : segment
                }.joined(separator: "/")
            }
            let tested = Set(
                Self.calls.map { "\($0.method) " + shape("/api/v1" + $0.path.prefix { $0 != "?" }) }
            )
            for path in paths {
                for method in path.value.names.map({ $0.uppercased() })
                where ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(method) {
                    guard !open.contains("\(method) \(path.name)") else { continue }
                    #expect(tested.contains("\(method) " + shape(path.name)), "\(method) \(path.name)")
                }
            }
        }
    }
}
