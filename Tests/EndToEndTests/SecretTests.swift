import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Secrets stay secret")
    struct SecretTests {
        /// What must be written nowhere, by what it is.
        private struct Secrets {
            private(set) var all: [(what: String, text: String)] = []

            /// Adds a secret, and each of its parts: one alone says enough of a token.
            mutating func add(_ what: String, _ text: String?) {
                guard let text else {
                    Issue.record("there is no \(what)")
                    return
                }
                // A signature has 43 characters at least; shorter parts may be anything.
                let parts = text.split(separator: ".").map(String.init).filter { $0.utf8.count >= 24 }
                for part in [text] + parts { all.append((what, part)) }
            }

            /// The secrets that stand in a text, as they are or percent-encoded.
            func found(in text: String) -> [String] {
                all.filter { secret in
                    let encoded = secret.text.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                    return text.contains(secret.text) || encoded.map { text.contains($0) } ?? false
                }.map(\.what)
            }
        }

        private static let adminToken = "an operator's token of the admin listener"
        /// Every field that there is.
        private static let template =
            "{time} {time_common} {client} {method} {path} {protocol} {status} {duration_ms} {connect_ms} {head_ms} "
            + "{request_bytes} {response_bytes} {tls} {server_name} {route} {upstream} {company} {token} {token_sha256} "
            + "{event} {session} {role} {verdict} {refusal} {fault} {cut} \\\"{referer}\\\" \\\"{user_agent}\\\" {request_id} {trace_id}"

        @Test(
            "Attack: no token, ticket, cookie, code or secret is in a log, in an error, or in an answer of the admin listener",
            arguments: ["access_format = \"json\"", "access_format = \"text\"", "access_format = \"\(template)\""]
        )
        func nowhere(format: String) throws {
            var secrets = Secrets()
            let folder = try TemporaryDirectory()
            let adminFile = try folder.write("admin.token", Self.adminToken)
            let site = try Site {
                $0.control = ""
                $0.admin = "token_file = \"\(adminFile)\""
                $0.log = "level = \"debug\"\n\(format)"
            }
            secrets.add("admin token", Self.adminToken)
            secrets.add("signing secret", Minter.acme.secret)
            for company in ["acme", "globex"] { secrets.add("client secret", Backend.secret(of: company)) }

            // A company's backend.
            let backend = try Backend.signedIn(site)
            secrets.add("API token", backend.token)
            let event = try backend.createEvent()
            let registered = try backend.register("ada@example.com", for: event)
            secrets.add("join code", registered.joinCode)
            secrets.add("registration token", token(in: registered.target))
            let embed = try backend.embed(["userId": "ada", "userName": "Ada"], in: event)
            secrets.add("embed token", token(in: embed))
            let guess = "a guess at the client secret of acme"
            secrets.add("guessed client secret", guess)
            #expect(
                try Backend(port: site.port).call("POST", "/api/oauth/token", backend.credentials(secret: guess)).status
                    == 401
            )
            let basic = Data("acme:\(Backend.secret(of: "acme"))".utf8).base64EncodedString()
            secrets.add("basic credentials", basic)
            _ = try fetch(site.port, "/api/oauth/token", method: "POST", ["Authorization: Basic \(basic)"])
            _ = try fetch(site.port, "/api/v1/company/acme?access_token=\(backend.token ?? "")")

            // A browser: the link, its redirects, its cookies.
            let browser = Browser(site)
            var target = registered.target
            for _ in 0..<3 {
                let response = try browser.navigate(target)
                guard response.status == 303, let location = response["Location"] else { break }
                target = Browser.path(location)
                if let ticket = query(target)["gateway-ticket"] { secrets.add("ticket", ticket) }
            }
            #expect(browser.cookies.count == 1)
            for cookie in browser.cookies.values { secrets.add("session cookie", cookie) }
            let applicationCookie = "sid=the-application-session-of-ada-0123456789"
            secrets.add("application's cookie", applicationCookie)
            #expect(try browser.fetch("/event/\(event)/page", "GET", ["Cookie: \(applicationCookie)"]).status == 200)
            // The ticket without its cookie, twice.
            for _ in 0..<2 { _ = try Browser(site).navigate(target) }
            _ = try fetch(site.port, "/event/\(event)?joinCode=\(registered.joinCode)", Browser.navigation)

            // Tokens in all places, whole and broken.
            let token = Minter.acme.token(Minter.Viewer(event: event, registration: "reg-2"))
            secrets.add("own token", token)
            let joined = try fetch(site.port, "/event/\(event)/x", ["Authorization: Bearer \(token)"])
            let session = try #require(joined["Gateway-Session"])
            secrets.add("session", session)
            let requests: [(target: String, fields: [String])] = [
                ("/event/\(event)/x", ["Gateway-Session: \(session)"]),
                ("/event/\(event)/x", ["Gateway-Session: \(session)x"]),
                ("/event/other/x", ["Gateway-Session: \(session)"]),
                ("/event/\(event)/x?token=\(token)x", []), ("/event/\(event)/x?jwt=\(token)&authKey=\(token)y", []),
                ("/event/\(event)/x", ["Authorization: Bearer \(token)z"]),
                ("/event/\(event)/x", ["Authorization: \(token)"]),
                ("/event/other/x?token=\(token)", []), ("/event/\(event)%3Ftoken=\(token)", []),
                ("/event/\(token)", []),
                ("/\(token)/..", []), ("/public/\(token)", []), ("/public/x?\(token)", []), ("/public/x#\(token)", []),
                ("/public/x", ["Referer: http://localhost:\(site.port)/event/\(event)?token=\(token)"]),
                ("/public/x", ["Referer: http://localhost/\(token)", "User-Agent: \(token)"]),
                ("/public/x", ["X-Request-Id: \(token)"]),
                ("/public/x", ["traceparent: \(token)", "tracestate: a=\(token)"]),
                ("/public/x", ["Cookie: gateway-session-\(event)=\(session)x"]), ("/public/x", ["X : \(token)"]),
            ]
            for (target, fields) in requests { _ = try? fetch(site.port, target, fields) }
            let socket = try Client(port: site.port)
            _ = try socket.openWebSocket("/event/\(event)/ws", ["Sec-WebSocket-Protocol: gateway-token.\(token)"])
            let http2 = try HTTP2Client.connected(port: site.port)
            _ = try http2.exchange("/event/\(event)/x?token=\(token)q", [Field("user-agent", token)])

            // The operator.
            var answers = ""
            let admin = ["Authorization: Bearer \(Self.adminToken)"]
            for path in [
                "/sessions", "/metrics", "/removals", "/readyz", "/healthz", "/nothing?token=\(Self.adminToken)",
            ] {
                answers += try fetch(site.gateway.adminPort, path, admin).text
                answers += try fetch(site.gateway.adminPort, path, ["Authorization: Bearer \(Self.adminToken)x"]).text
            }
            #expect(answers.contains("sessions") && answers.contains("gateway_"))
            try site.gateway.rewrite(
                site.configuration {
                    $0.log = "level = \"debug\""
                    $0.companyKeys = """
                        [[company.key]]
                        algorithm = "HS256"
                        secret_file = "\(Minter.acme.secret)"
                        """
                }
            )
            site.gateway.send(SIGHUP)
            #expect(eventually(within: 20) { site.gateway.log.contains("the running configuration stays as it is") })
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 60) != nil)

            let log = site.gateway.log
            // The lines are there at all.
            #expect(log.components(separatedBy: "/event/\(event)").count > 15, "\(log)")
            for line in log.split(separator: "\n") {
                let found = secrets.found(in: String(line))
                #expect(found.isEmpty, "\(found) in \(line)")
            }
            #expect(secrets.found(in: answers).isEmpty)
            #expect(secrets.all.count >= 16)
        }

        /// The members of a target's query.
        private func query(_ target: String) -> [String: String] {
            let query = target.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
            let members = query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            return Dictionary(
                members.map { ($0[0], $0.count > 1 ? $0[1] : "") },
                uniquingKeysWith: { first, _ in first }
            )
        }

        private func token(in target: String) -> String? { query(target)["token"] }
    }
}
