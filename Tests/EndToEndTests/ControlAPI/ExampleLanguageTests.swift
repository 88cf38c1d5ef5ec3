import Basics
import Foundation
import JOSE
import Testing

/// A file of deploy/examples that is also a command.
struct ExampleLanguage: Sendable {
    /// What runs the file.
    let command: [String]
    let file: String

    static let node = ExampleLanguage(command: ["node"], file: "gateway.mjs")
    static let python = ExampleLanguage(command: ["python3"], file: "gateway.py")
    static let php = ExampleLanguage(command: ["php"], file: "gateway.php")
    static let go = ExampleLanguage(command: ["go", "run"], file: "gateway.go")

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/examples").path

    var isInstalled: Bool {
        (try? EndToEndTests.run("/usr/bin/env", ["sh", "-c", "command -v \(command[0])"]).status) == 0
    }

    /// Runs the file, with settings in its environment.
    func run(_ settings: [String: String], _ arguments: [String], input: String = "") throws -> Finished {
        let environment = settings.map { "\($0.key)=\($0.value)" }
        let whole = environment + command + ["\(Self.folder)/\(file)"] + arguments
        return try EndToEndTests.run("/usr/bin/env", whole, input: input, within: 120)
    }

    /// Expects that the command ends well, and returns what it printed.
    func succeed(_ settings: [String: String], _ arguments: [String], input: String = "") throws -> String {
        let finished = try run(settings, arguments, input: input)
        try #require(finished.status == 0, "\(file) \(arguments): \(finished.errors)")
        return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Expects that the command refuses, prints nothing as its result, and says all of these.
    func refuse(
        _ settings: [String: String],
        _ arguments: [String],
        input: String = "",
        saying words: [String],
        _ comment: Comment? = nil
    ) throws {
        let finished = try run(settings, arguments, input: input)
        #expect(finished.status == 1 && finished.output.isEmpty, "\(file) \(arguments): \(finished)")
        for word in words { #expect(finished.errors.contains(word), "\(file): \(finished.errors)") }
    }
}

extension EndToEnd {
    @Suite("deploy/examples in each language: links, webhooks, assertions")
    struct ExampleLanguageTests {
        enum Trial: CaseIterable { case links, repetition, webhooks, assertions }

        @Test("Node", .enabled(if: ExampleLanguage.node.isInstalled, "there is no node"), arguments: Trial.allCases)
        func node(trial: Trial) throws { try perform(trial, in: .node) }

        @Test(
            "Python",
            .enabled(if: ExampleLanguage.python.isInstalled, "there is no python3"),
            arguments: Trial.allCases
        )
        func python(trial: Trial) throws { try perform(trial, in: .python) }

        @Test("PHP", .enabled(if: ExampleLanguage.php.isInstalled, "there is no php"), arguments: Trial.allCases)
        func php(trial: Trial) throws { try perform(trial, in: .php) }

        @Test("Go", .enabled(if: ExampleLanguage.go.isInstalled, "there is no go"), arguments: Trial.allCases)
        func go(trial: Trial) throws { try perform(trial, in: .go) }

        private func perform(_ trial: Trial, in language: ExampleLanguage) throws {
            switch trial {
            case .links: try links(language)
            case .repetition: try repetition(language)
            case .webhooks: try webhooks(language)
            case .assertions: try assertions(language)
            }
        }

        private static func settings(_ port: UInt16) -> [String: String] {
            [
                "GATEWAY_URL": "http://localhost:\(port)", "CLIENT_ID": "acme",
                "CLIENT_SECRET": Backend.secret(of: "acme"), "UPSTREAM": "embed-host",
            ]
        }

        /// Its links open the event for that viewer; what is wrong is named; another company's event is not found.
        private func links(_ language: ExampleLanguage) throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            var settings = Self.settings(site.port)
            let embed = try language.succeed(settings, ["embed", event, "ada", "Ada \"L\" é"])
            #expect(try fetch(site.port, Browser.path(embed)).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-User-Id"] == "ada")
            #expect(site.upstream.requests.last?["X-Gateway-User-Name"] == "Ada%20\"L\"%20%C3%A9")
            let join = try language.succeed(settings, ["register", event, "Grace", "grace@example.com"])
            #expect(try Browser(site).open(Browser.path(join)).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-User-Email"] == "grace@example.com")

            let again = ["register", event, "Grace", "grace@example.com"]
            try language.refuse(settings, again, saying: ["409 already_registered"])
            try language.refuse(
                settings,
                ["register", event, "", "nobody"],
                saying: ["400 invalid_request", "\n  name: ", "\n  email: "]
            )
            let foreign = try Backend.signedIn(site, company: "globex").createEvent()
            try language.refuse(settings, ["embed", foreign, "ada", "Ada"], saying: ["404 not_found"])
            settings["CLIENT_SECRET"] = "another secret"
            try language.refuse(settings, again, saying: ["401 invalid_client"])
            settings["CLIENT_SECRET"] = nil
            try language.refuse(settings, again, saying: ["CLIENT_SECRET is not set"])
        }

        /// A call that is refused for now, or gets no answer, is repeated as the same call; one that is refused is not.
        private func repetition(_ language: ExampleLanguage) throws {
            let calls = Counter()
            // Ends the connection after each answer: PHP reads until then.
            let end = "Connection: close"
            let server = try RecordingUpstream { exchange in
                try exchange.readBody()
                calls.add()
                switch calls.count {
                case 1: _ = try exchange.reply("503 Service Unavailable", [end, "Retry-After: 1"], "busy")
                case 2: break
                default: _ = try exchange.reply("200 OK", [end], "{\"url\": \"https://embed.example/event/e\"}")
                }
                return false
            }
            server.on("/api/oauth/token") {
                let token = "{\"access_token\": \"t\", \"token_type\": \"Bearer\", \"expires_in\": 3600}"
                _ = try $0.reply("200 OK", [end], token)
                return false
            }
            server.on("/api/v1/event/f/embed") {
                _ = try $0.reply("403 Forbidden", [end], "<html>not the gateway</html>")
                return false
            }
            let settings = Self.settings(server.port)
            let made = try language.succeed(settings, ["embed", "e", "ada", "Ada"])
            #expect(made == "https://embed.example/event/e")
            let requests = server.requests(for: "/api/v1/event/e/embed")
            let first = try #require(requests.first)
            #expect(requests.count == 3 && first["Idempotency-Key"]?.isEmpty == false)
            #expect(requests.allSatisfy { $0["Idempotency-Key"] == first["Idempotency-Key"] && $0.body == first.body })
            #expect(requests.allSatisfy { $0["Authorization"] == "Bearer t" })

            try language.refuse(settings, ["embed", "f", "ada", "Ada"], saying: ["403"])
            #expect(server.requests(for: "/api/v1/event/f/embed").count == 1)
        }

        /// Real messages are accepted, also with either secret of a rotation; changed, old and foreign ones are not.
        private func webhooks(_ language: ExampleLanguage) throws {
            let site = try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
            let backend = try Backend.signedIn(site)
            let server = try RecordingUpstream { try $0.reply("204 No Content") }
            let body: JSONValue = [
                "eventTypes": ["event.created"], "endpoint": .string("http://127.0.0.1:\(server.port)/hook"),
            ]
            let made = try backend.call("POST", "/webhooks", body).json()
            let (hook, first) = (try #require(made["id"]?.text), try #require(made["secret"]?.text))
            func receive(_ count: Int) throws -> (id: String, time: String, signatures: String, body: String) {
                _ = try backend.createEvent("Grün 😀")
                #expect(eventually { server.requests(for: "/hook").filter(\.isComplete).count == count })
                let request = try #require(server.requests(for: "/hook").last)
                return (
                    request["webhook-id"] ?? "", request["webhook-timestamp"] ?? "",
                    request["webhook-signature"] ?? "", String(decoding: request.body, as: UTF8.self)
                )
            }
            let real = try receive(1)
            let settings = ["WEBHOOK_SECRET": first]
            func accept(_ message: (id: String, time: String, signatures: String, body: String), _ secret: String)
                throws
            {
                let said = try language.succeed(
                    ["WEBHOOK_SECRET": secret],
                    ["webhook", message.id, message.time, message.signatures],
                    input: message.body
                )
                #expect(said == "event.created \(message.id)")
            }
            try accept(real, first)
            let second = try #require(try backend.ask("POST", "/webhooks/\(hook)/rotate-secret")["secret"]?.text)
            let rotated = try receive(2)
            #expect(rotated.signatures.split(separator: " ").count == 2)
            for secret in [first, second] { try accept(rotated, secret) }
            try accept((real.id, real.time, "v1a,AAAA v2 " + real.signatures, real.body), first)

            let refused = "webhook refused"
            let signature = real.signatures
            for (arguments, input) in [
                ([real.id, real.time, signature], real.body + " "),
                (["another", real.time, signature], real.body),
                ([real.id, String((Int(real.time) ?? 0) + 1), signature], real.body),
                ([real.id, real.time, ""], real.body),
                ([real.id, real.time, "v1,"], real.body),
                ([real.id, real.time, "v2" + signature.dropFirst(2)], real.body),
            ] {
                try language.refuse(settings, ["webhook"] + arguments, input: input, saying: [refused])
            }
            let key = try #require(Data(base64Encoded: String(first.dropFirst("whsec_".count))))
            for time in [Int(Minter.now) - 600, Int(Minter.now) + 600] {
                let code = hmacSHA256(key: Array(key), Array("\(real.id).\(time).\(real.body)".utf8))
                let arguments = ["webhook", real.id, "\(time)", "v1," + Data(code).base64EncodedString()]
                try language.refuse(settings, arguments, input: real.body, saying: [refused, "not sent just now"])
            }
            let fresh = ["webhook", real.id, real.time, signature]
            try language.refuse(["WEBHOOK_SECRET": second], fresh, input: real.body, saying: [refused])
            // Anybody could sign with an empty key.
            let empty = ["WEBHOOK_SECRET": "whsec_"]
            try language.refuse(empty, fresh, input: real.body, saying: ["WEBHOOK_SECRET must be"])
            try language.refuse(["WEBHOOK_SECRET": ""], fresh, input: real.body, saying: ["WEBHOOK_SECRET is not set"])
        }

        /// The assertion that the embed host got is accepted; forged, old and foreign ones are not.
        private func assertions(_ language: ExampleLanguage) throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let link = Browser.path(try backend.embed(["userId": "ada"], in: event))
            #expect(try fetch(site.port, link).status == 200)
            let real = try #require(site.upstream.requests.last?["X-Gateway-Assertion"])
            let settings = Self.settings(site.port)
            #expect(try language.succeed(settings, ["assertion", real]) == "ada attendee \(event)")

            let published = try fetch(site.port, "/.gateway/jwks.json").json()["keys"]?.list?.first
            let id = try #require(published?["kid"]?.text)
            let pem = Array(try Data(contentsOf: URL(fileURLWithPath: site.gateway.directory["assertion.key"])))
            let own = try Key.pem(pem, algorithm: .es256, id: id)
            func assertion(
                _ changes: JSONValue = [:],
                type: String? = "assertion+jwt",
                with key: Key? = nil
            ) throws -> String {
                var claims: JSONValue = [
                    "iss": .string("http://localhost:\(site.port)"), "aud": "embed-host", "sub": "ada",
                    "exp": .number(Minter.now + 60), "role": "host", "eventId": .string(event),
                ]
                if case .object(let members) = changes { for member in members { claims[member.name] = member.value } }
                guard case .object(let members) = claims else { return "" }
                return try Token.sign(members, type: type, with: key ?? own)
            }
            // What is refused below is refused for its one difference to this.
            #expect(try language.succeed(settings, ["assertion", try assertion()]) == "ada host \(event)")

            func refuse(_ text: String, _ words: String...) throws {
                try language.refuse(settings, ["assertion", text], saying: ["assertion refused"] + words)
            }
            try refuse(try assertion(["exp": .number(Minter.now - 1)]), "expired")
            try refuse(try assertion(["aud": "another-upstream"]), "another-upstream")
            try refuse(try assertion(["iss": "https://another.example"]), "https://another.example")
            for type in [nil, "JWT"] { try refuse(try assertion(type: type)) }
            let forger = try Key.generate(.es256, id: id)
            try refuse(try assertion(with: forger), "not signed by the gateway")
            try refuse(try assertion(with: try Key.pem(pem, algorithm: .es256, id: "unknown")), "not signed")
            let parts = real.split(separator: ".").map(String.init)
            let others = try assertion().split(separator: ".").map(String.init)
            try refuse("\(others[0]).\(others[1]).\(parts[2])", "not signed by the gateway")
            // Both halves zero, which a careless check of ECDSA accepts (CVE-2022-21449).
            try refuse("\(parts[0]).\(parts[1]).\(String(repeating: "A", count: 86))", "not signed by the gateway")
            let unsigned = "{\"alg\":\"none\",\"typ\":\"assertion+jwt\",\"kid\":\"\(id)\"}"
            try refuse("\(base64URL(unsigned)).\(parts[1]).")
            // The public key taken as the secret of an HMAC.
            let jwk = Array("\(published?["x"]?.text ?? "")\(published?["y"]?.text ?? "")".utf8)
            try refuse(try assertion(with: try Key.secret(jwk, algorithm: .hs256, id: id)))
            try refuse(link.components(separatedBy: "token=").last ?? "")
            for broken in ["", "a.b", "a.b.c", "..", real + ".", real + ".e30", String(real.dropLast(2))] {
                try refuse(broken)
            }
            for header in ["[]", "null", "\"\"", "{\"alg\":[],\"typ\":{},\"kid\":5}"] {
                try refuse("\(base64URL(header)).\(parts[1]).\(parts[2])")
            }
        }

        private func base64URL(_ text: String) -> String {
            Data(text.utf8).base64EncodedString().replacingOccurrences(of: "+", with: "-")
                .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
        }
    }
}
