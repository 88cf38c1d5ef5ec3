import Basics
import Foundation
import JOSE
import SchemaSupport
import Testing

extension EndToEnd {
    @Suite("Webhooks notify a company's backend, signed, in order, and nothing is lost")
    struct WebhookTests {
        private static func site() throws -> Site {
            try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
        }

        /// A company's backend that gets the messages.
        private struct Receiver {
            let server: RecordingUpstream
            private(set) var secrets: [String: String] = [:]
            /// The OpenAPI document.
            private var document: JSONValue?

            init(port: UInt16 = 0) throws {
                server = try RecordingUpstream(port: port) { try $0.reply("204 No Content") }
            }

            /// Creates a webhook with its own path.
            mutating func subscribe(_ backend: Backend, _ type: String, event: String? = nil) throws {
                var body: JSONValue = [
                    "eventType": .string(type), "endpoint": .string("http://127.0.0.1:\(server.port)/\(type)"),
                ]
                body["eventId"] = event.map { .string($0) }
                let response = try backend.call("POST", "/webhooks", body)
                try #require(response.status == 201, "\(response)")
                secrets["/\(type)"] = try response.json()["secret"]?.text
                if document == nil { document = try fetch(backend.port, "/api/openapi.json").json() }
            }

            /// The messages of one type, once there are this many.
            func messages(_ type: String, _ count: Int, within seconds: Double = 15) throws -> [JSONValue] {
                let path = "/\(type)"
                let hasCome = eventually(within: seconds) {
                    server.requests(for: path).filter(\.isComplete).count >= count
                }
                #expect(hasCome, "\(server.requests(for: path).count) of \(count) \(type)")
                return try server.requests(for: path).map { request in
                    let message = try Self.verified(request, secrets[path] ?? "")
                    let document = try #require(document)
                    let operation = document["webhooks"]?[type]?["post"]
                    let schema = operation?["requestBody"]?["content"]?["application/json"]?["schema"]
                    #expect(JSONSchema(document: document).faults(in: message, try #require(schema)) == [])
                    return message
                }
            }

            /// The signature that a request has to have.
            static func signature(of request: RecordedRequest, _ secret: String) throws -> String {
                let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
                let start = "\(request["webhook-id"] ?? "").\(request["webhook-timestamp"] ?? "")."
                let code = hmacSHA256(key: Array(key), Array(start.utf8) + request.body)
                return "v1," + Data(code).base64EncodedString()
            }

            /// Checks the signature with the secret, and returns the body.
            static func verified(_ request: RecordedRequest, _ secret: String) throws -> JSONValue {
                #expect(request.method == "POST" && request["Content-Type"] == "application/json")
                let id = try #require(request["webhook-id"])
                let timestamp = try #require(request["webhook-timestamp"])
                let time = try #require(Double(timestamp))
                #expect(abs(time - Date().timeIntervalSince1970) < 60)
                #expect(try request["webhook-signature"] == signature(of: request, secret))
                var response = Response()
                response.body = request.body
                let message = try response.json()
                #expect(message.names == ["companyId", "data", "eventId", "id", "sequence", "timestamp", "type"])
                #expect(message["id"]?.text == id)
                return message
            }
        }

        @Test("registration.created, session.joined, session.replaced and session.left, with their data")
        func story() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            var receiver = try Receiver()
            for type in ["registration.created", "session.joined", "session.replaced", "session.left", "event.updated"]
            {
                try receiver.subscribe(backend, type, event: event)
            }
            let body: JSONValue = ["name": "Ada", "email": "ada@example.com", "metadata": ["crm": "a-1"]]
            let registered = try Registered(try backend.ask("POST", "/event/\(event)/registrant", body))
            let created = try #require(try receiver.messages("registration.created", 1).first)
            #expect(created["type"] == "registration.created" && created["companyId"] == "acme")
            #expect(created["eventId"]?.text == event)
            #expect(created["data"]?["email"] == "ada@example.com" && created["data"]?["metadata"] == ["crm": "a-1"])
            #expect(!created.description.contains(registered.joinCode), "a message admits nobody")

            let browsers = [Browser(site), Browser(site, host: 2)]
            for browser in browsers { #expect(try browser.open(registered.target).status == 200) }
            let joined = try receiver.messages("session.joined", 2)
            #expect(joined.allSatisfy { $0["data"]?["email"] == "ada@example.com" })
            let replaced = try #require(try receiver.messages("session.replaced", 1).first)
            #expect(replaced["data"]?["session"] == joined[0]["data"]?["session"])
            #expect(replaced["data"]?["reason"] == "replaced")
            let referer = "Referer: http://localhost:\(site.port)/event/\(event)"
            let left = try browsers[1].fetch(
                "/.gateway/leave",
                "POST",
                [referer, "Origin: http://localhost:\(site.port)"]
            )
            #expect(left.status == 204)
            let leaving = try #require(try receiver.messages("session.left", 1).first)
            #expect(leaving["data"]?["session"] == joined[1]["data"]?["session"])
            #expect(leaving["data"]?["reason"] == "left")
            #expect(try receiver.messages("event.updated", 0).isEmpty)

            // Nothing is told about another event or another company.
            let other = try backend.createEvent("Another one")
            _ = try backend.register("eve@example.com", for: other)
            let globex = try Backend.signedIn(site, company: "globex")
            _ = try globex.register("eve@example.com", for: try globex.createEvent())
            _ = try backend.register("eve@example.com", for: event)
            let mails = try receiver.messages("registration.created", 2).compactMap { $0["data"]?["email"]?.text }
            #expect(mails == ["ada@example.com", "eve@example.com"])
        }

        @Test(
            "The standardwebhooks library verifies a message, and refuses one that was changed",
            .enabled(if: PythonLibrary.isThere("standardwebhooks"), "python3 has no module standardwebhooks")
        )
        func library() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            var receiver = try Receiver()
            try receiver.subscribe(backend, "event.created")
            _ = try backend.createEvent("Grün 😀")
            _ = try receiver.messages("event.created", 1)
            let request = try #require(receiver.server.requests(for: "/event.created").first)
            let secret = try #require(receiver.secrets["/event.created"])
            let fields = ["webhook-id", "webhook-timestamp", "webhook-signature"].map { request[$0] ?? "" }
            let verdicts = try [request.body, request.body + [0x20]].map { body in
                try PythonLibrary.run(
                    """
                    import sys, base64, standardwebhooks
                    names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
                    try:
                        standardwebhooks.Webhook(sys.argv[1]).verify(
                            base64.b64decode(sys.argv[2]), dict(zip(names, sys.argv[3:])))
                        print("verified")
                    except standardwebhooks.WebhookVerificationError:
                        print("refused")
                    """,
                    [secret, Data(body).base64EncodedString()] + fields
                )
            }
            #expect(verdicts == ["verified", "refused"])
        }

        @Test("One webhook of two types: tried out, its secret rotated, its deliveries listed, one of them repeated")
        func lifecycle() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let server = try RecordingUpstream { try $0.reply("204 No Content") }
            let body: JSONValue = [
                "eventTypes": ["event.created", "event.updated"],
                "endpoint": .string("http://127.0.0.1:\(server.port)/hook"),
            ]
            let made = try backend.call("POST", "/webhooks", body).json()
            let (hook, first) = (try #require(made["id"]?.text), try #require(made["secret"]?.text))
            let test = try backend.ask("POST", "/webhooks/\(hook)/test")
            #expect(test["delivered"] == true && test["responseStatus"] == 204)
            let rotated = try backend.ask("POST", "/webhooks/\(hook)/rotate-secret")
            let second = try #require(rotated["secret"]?.text)
            let event = try backend.createEvent()
            _ = try backend.ask("POST", "/event/\(event)", ["name": "Renamed"])
            func requests(_ count: Int) throws -> [RecordedRequest] {
                #expect(eventually(within: 20) { server.requests(for: "/hook").filter(\.isComplete).count >= count })
                return server.requests(for: "/hook")
            }
            for request in try requests(3).dropFirst() {
                let signatures = (request["webhook-signature"] ?? "").split(separator: " ").map(String.init)
                let expected = try [second, first].map { try Receiver.signature(of: request, $0) }
                #expect(signatures == expected)
            }
            let path = "/webhooks/\(hook)/deliveries"
            #expect(try eventually { try backend.ask("GET", path + "?status=delivered").list?.count == 2 })
            let deliveries = try #require(try backend.ask("GET", path).list)
            #expect(deliveries.map { $0["type"] } == ["event.updated", "event.created"])
            #expect(deliveries.allSatisfy { $0["responseStatus"] == 204 && $0["attempts"] == 1 })
            let id = try #require(deliveries[1]["id"]?.text)
            #expect(try backend.call("POST", "\(path)/\(id)/redeliver").status == 202)
            let all = try requests(4)
            #expect(all[3]["webhook-id"] == id && all[1]["webhook-id"] == id && all[3].body == all[1].body)
        }

        @Test("Events tell of their start and end at their dates, with who was there; registrations of their changes")
        func dates() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            var receiver = try Receiver()
            for type in [
                "event.started", "event.ended", "registration.updated", "registration.cancelled", "role.changed",
            ] {
                try receiver.subscribe(backend, type)
            }
            let lounge: JSONValue = ["friendlyName": "Lounge", "organizers": [], "networkingHubRooms": []]
            _ = try backend.ask("POST", "/networking", lounge)
            func text(_ seconds: Double) -> JSONValue {
                .string(ISO8601DateFormatter().string(from: Date().addingTimeInterval(seconds)))
            }
            let event = try backend.createEvent("Short", ["startDate": text(-60), "endDate": text(3600)])
            #expect(try receiver.messages("event.started", 1).first?["data"]?["uid"]?.text == event)
            let answer = try backend.ask(
                "POST",
                "/event/\(event)/registrant",
                ["name": "Ada", "email": "ada@example.com"]
            )
            let registered = try Registered(answer)
            let registration = try #require(answer["registrationId"]?.text)
            _ = try backend.ask("PATCH", "/event/\(event)/registrant/\(registration)", ["name": "Ada Lovelace"])
            let updated = try #require(try receiver.messages("registration.updated", 1).first)
            #expect(
                updated["data"]?["name"] == "Ada Lovelace"
                    && updated["data"]?["registrationId"] == answer["registrationId"]
            )
            #expect(try Browser(site).open(registered.target).status == 200)
            let person = "/company/acme/people?email=ada@example.com"
            #expect(try eventually { try backend.ask("GET", person)["stays"]?.list?.count == 1 })
            _ = try backend.ask("POST", "/event/\(event)", ["endDate": text(1)])
            let ended = try #require(try receiver.messages("event.ended", 1, within: 20).first)
            #expect(ended["data"]?["participantCount"] == 1)
            #expect(ended["data"]?["participants"]?.list?.map { $0["email"] } == ["ada@example.com"])
            _ = try backend.ask("PUT", "/event/\(event)/presenter", ["presenter": "bob@example.com"])
            #expect(try receiver.messages("role.changed", 1).first?["data"]?["role"] == "presenter")
            let body: JSONValue = ["email": "ada@example.com"]
            #expect(try backend.call("DELETE", "/event/\(event)/registrant", body).status == 204)
            let cancelled = try receiver.messages("registration.cancelled", 1)
            #expect(cancelled.first?["data"]?["email"] == "ada@example.com")
            #expect(try receiver.messages("event.started", 1).count == 1)
            #expect(try receiver.messages("event.ended", 1).count == 1)
        }

        @Test("A refused message is sent again, unchanged and under the same id, before those that follow it")
        func order() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            var receiver = try Receiver()
            try receiver.subscribe(backend, "registration.created")
            let refusals = Counter()
            receiver.server.on("/registration.created") { exchange in
                guard refusals.count == 0 else { return try exchange.reply("204 No Content") }
                refusals.add()
                return try exchange.reply("500 Internal Server Error")
            }
            let emails = (0..<8).map { "viewer\($0)@example.com" }
            for email in emails { _ = try backend.register(email, for: event) }
            let messages = try receiver.messages("registration.created", emails.count + 1, within: 30)
            #expect(messages.compactMap { $0["data"]?["email"]?.text } == [emails[0]] + emails)
            #expect(messages[0] == messages[1])
            #expect(Set(messages.compactMap { $0["id"]?.text }).count == emails.count)
        }

        @Test(
            "An undelivered message survives a SIGKILL, and arrives when the receiver is back",
            .timeLimit(.minutes(2))
        )
        func kept() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            var receiver = try Receiver()
            try receiver.subscribe(backend, "registration.created")
            let (port, secrets) = (receiver.server.port, receiver.secrets)
            receiver.server.stop()
            let emails = (0..<5).map { "viewer\($0)@example.com" }
            for email in emails { _ = try backend.register(email, for: event) }
            try site.gateway.restart()
            let server = try RecordingUpstream(port: port) { try $0.reply("204 No Content") }
            let haveCome = eventually(within: 60) {
                server.requests(for: "/registration.created").filter(\.isComplete).count >= emails.count
            }
            #expect(haveCome)
            let messages = try server.requests(for: "/registration.created").map {
                try Receiver.verified($0, secrets["/registration.created"] ?? "")
            }
            #expect(messages.compactMap { $0["data"]?["email"]?.text } == emails)
        }

        @Test("A deleted webhook gets nothing more, not even waiting messages")
        func deleted() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            var receiver = try Receiver()
            try receiver.subscribe(backend, "registration.created")
            try receiver.subscribe(backend, "event.updated")
            let refused = Counter()
            receiver.server.on("/registration.created") { exchange in
                refused.add()
                return try exchange.reply("503 Service Unavailable")
            }
            _ = try backend.register("ada@example.com", for: event)
            #expect(eventually { refused.count > 0 })
            let hooks = try #require(try backend.ask("GET", "/webhooks").list)
            #expect(hooks.count == 2 && hooks.allSatisfy { $0["secret"] == nil })
            let hook = try #require(hooks.first { $0["eventType"] == "registration.created" }?["id"]?.text)
            #expect(try backend.call("DELETE", "/webhooks/\(hook)").status == 204)
            let before = refused.count
            _ = try backend.register("eve@example.com", for: event)
            _ = try backend.ask("POST", "/event/\(event)", ["name": "Renamed"])
            #expect(try receiver.messages("event.updated", 1).first?["data"]?["name"] == "Renamed")
            #expect(refused.count <= before + 1)
            try expectFault(try backend.call("DELETE", "/webhooks/\(hook)"), 404, "not_found")
        }

        @Test(
            "Without webhook_private_addresses nothing on this machine can be reached",
            arguments: [
                "http://127.0.0.1:PORT/", "https://127.0.0.1:PORT/", "https://localhost:PORT/", "https://[::1]:PORT/",
                "https://2130706433:PORT/", "https://[::ffff:127.0.0.1]:PORT/", "https://0.0.0.0:PORT/",
            ]
        )
        func privateAddresses(endpoint: String) throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let server = try RecordingUpstream { try $0.reply("204 No Content") }
            let url = endpoint.replacingOccurrences(of: "PORT", with: "\(server.port)")
            let body: JSONValue = ["eventType": "event.created", "endpoint": .string(url)]
            let response = try backend.call("POST", "/webhooks", body)
            try expectFault(response, 400, "invalid_request", naming: "endpoint")
            #expect(try backend.ask("GET", "/webhooks") == [])
            #expect(server.connections == 0)
        }
    }
}

/// HMAC with SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)), in an independent implementation.
func hmacSHA256(key: [UInt8], _ text: [UInt8]) -> [UInt8] {
    var block = key.count > 64 ? SHA256.hash(key.span) : key
    block += [UInt8](repeating: 0, count: 64 - block.count)
    let inner = SHA256.hash((block.map { $0 ^ 0x36 } + text).span)
    return SHA256.hash((block.map { $0 ^ 0x5c } + inner).span)
}

/// Python, where it is installed, with a library of other people.
enum PythonLibrary {
    static func isThere(_ name: String) -> Bool { (try? run("import \(name)", [])) != nil }

    /// Runs a program, and returns what it printed.
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program] + arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
        return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    struct Failed: Error {}
}
