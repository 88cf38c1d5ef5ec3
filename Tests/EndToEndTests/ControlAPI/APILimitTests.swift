import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("The control API's limits")
    struct APILimitTests {
        private static let site = Result { try Site { $0.control = "" } }
        private let site: Site
        private let backend: Backend

        init() throws {
            site = try Self.site.get()
            backend = try Backend.signedIn(site)
        }

        @Test("A body over 256 KiB gets 413, whether its length is announced or not; exactly 256 KiB is read")
        func tooLarge() throws {
            let event = try backend.createEvent()
            let size = 256 << 10
            func body(_ count: Int) -> [UInt8] {
                let start = Array("{\"name\":\"".utf8)
                return start + [UInt8](repeating: 97, count: count - start.count - 2) + Array("\"}".utf8)
            }
            let json = ["Content-Type: application/json"]
            // On a separate connection: a client answered before its body was read may find it closed.
            let hasty = Backend(port: site.port)
            hasty.token = backend.token
            try expectFault(try hasty.send("POST", "/event/\(event)", body(size + 1), json), 413, "too_large")
            let full = try backend.send("POST", "/event/\(event)", body(size), json)
            try expectFault(full, 400, "invalid_request", naming: "name")
            let client = try Client(port: site.port)
            client.send(
                "POST /api/v1/event/\(event) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(backend.token ?? "")\r\n"
                    + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for piece in 0..<17 {
                let bytes = [UInt8](repeating: piece == 0 ? 123 : 32, count: 16 << 10)
                client.send(Array("4000\r\n".utf8) + bytes + Array("\r\n".utf8))
            }
            client.send("0\r\n\r\n")
            try expectFault(try client.response(to: "POST"), 413, "too_large")
            // A hundred megabytes are not read before the refusal.
            let large = try Client(port: site.port)
            large.send(
                "POST /api/v1/event/\(event) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(backend.token ?? "")\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
            )
            try expectFault(try large.response(to: "POST"), 413, "too_large")
            #expect(try backend.ask("GET", "/event/\(event)")["name"] == "Spring launch")
        }

        @Test(
            "A body that is not JSON gets 415, according to its Content-Type",
            arguments: [
                "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
                "application/json; charset=utf-16", "application/jsonp", "",
            ]
        )
        func mediaType(type: String) throws {
            let fields = type.isEmpty ? [] : ["Content-Type: \(type)"]
            let body = backend.newEvent().serialized()
            try expectFault(try backend.send("POST", "/event/create", body, fields), 415, "unsupported_media_type")
        }

        @Test(
            "JSON is accepted in all spellings of the media type",
            arguments: [
                "application/json", "Application/JSON", "application/json; charset=utf-8",
                "application/json;charset=\"UTF-8\"",
            ]
        )
        func goodMediaType(type: String) throws {
            let body = backend.newEvent().serialized()
            #expect(try backend.send("POST", "/event/create", body, ["Content-Type: \(type)"]).status == 200)
        }

        @Test(
            "Anything but a JSON object gets 400",
            arguments: [
                "", "{", "[]", "null", "\"text\"", "1", "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"\u{1}\"}",
                "{'name':'a'}",
                "{\"name\":\"\\ud800\"}", "{\"name\":1e999}", "{}{}", String(repeating: "[", count: 100_000),
                "{\"metadata\":" + String(repeating: "{\"a\":", count: 5000) + "1"
                    + String(repeating: "}", count: 5001),
            ]
        )
        func malformed(text: String) throws {
            let event = try backend.createEvent()
            let response = try backend.send(
                "POST",
                "/event/\(event)",
                Array(text.utf8),
                ["Content-Type: application/json"]
            )
            try expectFault(response, 400, "invalid_request")
        }

        @Test("Bytes that are not UTF-8 get 400")
        func notUTF8() throws {
            let body = Array("{\"name\":\"".utf8) + [0xff, 0xfe, 0xc0, 0x80] + Array("\"}".utf8)
            let event = try backend.createEvent()
            let response = try backend.send("POST", "/event/\(event)", body, ["Content-Type: application/json"])
            try expectFault(response, 400, "invalid_request")
        }

        @Test(
            "A method that is not served gets 405, and Allow lists those that are",
            arguments: [
                ("PUT", "/api/oauth/token", "POST"), ("GET", "/api/oauth/token", "POST"),
                ("DELETE", "/api/v1/company/acme", "GET, HEAD"), ("GET", "/api/v1/event/EVENT/embedCode", "POST"),
                ("PUT", "/api/v1/event/EVENT", "DELETE, GET, HEAD, PATCH, POST"),
                ("PATCH", "/api/v1/webhooks", "GET, HEAD, POST"),
                ("POST", "/api/v1/event/EVENT/presenter", "DELETE, PUT"),
                ("OPTIONS", "/api/v1/event/EVENT/registrant", "DELETE, POST"),
                ("PROPFIND", "/api/v1/event/EVENT/analytics", "GET, HEAD"),
            ]
        )
        func method(method: String, path: String, allowed: String) throws {
            let event = try backend.createEvent()
            let response = try backend.call(method, path.replacingOccurrences(of: "EVENT", with: event))
            try expectFault(response, 405, "method_not_allowed")
            let names = response["Allow"]?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
                .sorted()
            #expect(names == allowed.components(separatedBy: ", "))
        }

        @Test("HEAD is GET without the body")
        func head() throws {
            let get = try backend.call("GET", "/company/acme")
            let head = try backend.call("HEAD", "/company/acme")
            #expect(head.status == 200 && head.body.isEmpty)
            for name in ["Content-Type", "Content-Length"] { #expect(head[name] == get[name], "\(name)") }
            #expect(try backend.call("GET", "/company/acme").status == 200, "the connection is still in step")
        }

        @Test(
            "An unknown path gets 404 in the API's form, with the request's id",
            arguments: [
                "/api", "/api/", "/api/v1", "/api/v2/company/acme", "/api/v1/company/acme/", "/api/v1/event/x/y/z",
                "/api/V1/company/acme", "/api/v1/health", "/api/oauth", "/api/v1/event/create/x",
            ]
        )
        func unknown(path: String) throws {
            try expectFault(try backend.call("GET", path), 404, "no_such_call")
        }

        @Test(
            "The API can be reached only through /api",
            arguments: [
                "/v1/company/acme", "/oauth/token", "/openapi.json", "/API/v1/company/acme",
                "/.gateway/api/v1/company/acme",
                "/public/../api/v1/company/acme", "/public/%2e%2e/api/v1/company/acme",
                "/event/e1/%2e%2e/%2e%2e/api/openapi.json",
                "/api%2fopenapi.json", "/;/api/openapi.json",
            ]
        )
        func elsewhere(path: String) throws {
            let client = try Client(port: site.port)
            let response = try client.exchange(path, ["Authorization: Bearer \(backend.token ?? "")"])
            #expect(response["Content-Type"] != "application/json", "\(response)")
            #expect(!response.text.contains("openapi") && !response.text.contains("\"uid\""))
            for path in ["/api/openapi.json", "/api/v1/company/acme"] {
                #expect(try fetch(site.gateway.adminPort, path).status == 404)
            }
        }

        @Test("Only this user can use its socket and its files")
        func files() throws {
            let folder = site.gateway.directory
            for name in ["gateway.sqlite", "gateway.sqlite-wal", "gateway.sqlite.sock"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder[name])
                #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o077 == 0, "\(name)")
            }
        }

        @Test("Guessed client secrets: 401 until the limit, then 429 with Retry-After; the right one passes")
        func guesses() throws {
            let site = try Site {
                $0.control = ""
                $0.limits = "joins_per_minute = 0\nfailures_per_minute = 5"
            }
            func attempt(_ secret: String, host: UInt8) throws -> Response {
                let body = Backend(port: site.port).credentials(secret: secret).serialized()
                return try Client(port: site.port, host: host)
                    .exchange("/api/oauth/token", method: "POST", ["Content-Type: application/json"], body: body)
            }
            for number in 0..<5 {
                let response = try attempt("a guessed client secret \(number)", host: 9)
                try expectFault(response, 401, "invalid_client")
                #expect(try response.json()["error"] == "invalid_client")
                #expect(response["WWW-Authenticate"] != nil)
            }
            let response = try attempt("a guessed client secret", host: 9)
            #expect(response.status == 429)
            let seconds = response["Retry-After"].flatMap { Int($0) } ?? 0
            #expect((1...60).contains(seconds))
            #expect(try response.json()["hasError"] == true)
            #expect(try attempt(Backend.secret(of: "acme"), host: 9).status == 200, "nobody locks acme out")
            #expect(try attempt(Backend.secret(of: "acme"), host: 10).status == 200, "others are not locked out")
        }

        @Test("The token endpoint: JSON, forms and Basic; errors in the form of RFC 6749, section 5.2")
        func tokenEndpoint() throws {
            let secret = Backend.secret(of: "acme")
            func post(_ body: String, _ fields: [String]) throws -> Response {
                try fetch(site.port, "/api/oauth/token", method: "POST", fields, body: Array(body.utf8))
            }
            let form = ["Content-Type: application/x-www-form-urlencoded"]
            let encoded = secret.replacingOccurrences(of: " ", with: "+")
            let grant = "grant_type=client_credentials"
            let basic = "Authorization: Basic " + Data("acme:\(secret)".utf8).base64EncodedString()
            for response in [
                try post("\(grant)&client_id=acme&client_secret=\(encoded)", form), try post(grant, form + [basic]),
            ] {
                #expect(response.status == 200, "\(response)")
                #expect(try response.json()["token_type"] == "Bearer")
                #expect(response["Cache-Control"]?.contains("no-store") == true)
            }
            for (body, status, error) in [
                ("grant_type=password&client_id=acme&client_secret=\(encoded)", 400, "unsupported_grant_type"),
                ("client_id=acme&client_secret=\(encoded)", 400, "invalid_request"),
                ("\(grant)&client_id=acme&client_secret=wrong", 401, "invalid_client"),
                ("\(grant)&client_id=initech&client_secret=\(encoded)", 401, "invalid_client"),
                ("\(grant)&client_id=acme&client_id=globex&client_secret=\(encoded)", 400, "invalid_request"),
            ] {
                let response = try post(body, form)
                #expect(response.status == status, "\(body): \(response)")
                #expect(try response.json()["error"]?.text == error, "\(body)")
                #expect(try response.json()["hasError"] == true)
            }
        }

        @Test("An API token opens no event, and a viewer's token does not open the API")
        func kinds() throws {
            let event = try backend.createEvent()
            let token = try #require(backend.token)
            for fields in [["Authorization: Bearer \(token)"], []] {
                let target = fields.isEmpty ? "/event/\(event)?token=\(token)" : "/event/\(event)"
                try expectProblem(try fetch(site.port, target, fields), 401, "token_invalid")
            }
            let registered = try backend.register("ada@example.com", for: event).token
            let embed = try backend.embed(["userId": "u-1", "userName": "Ada"], in: event)
            let own = Minter.acme.token(Minter.Viewer(event: event))
            let forged = Minter.acme.token(Minter.Viewer(event: nil, user: "acme", type: "api+jwt"))
            let foreign = Minter.globex.token(Minter.Viewer(user: "acme", type: "api+jwt"))
            for bad in [
                registered, embed.components(separatedBy: "token=").last ?? "", own, forged, foreign, "", "x.y.z",
                String(token.dropLast(3)), token + "." + token,
            ] {
                let stranger = Backend(port: site.port)
                stranger.token = bad
                let response = try stranger.call("GET", "/company/acme")
                try expectFault(response, 401, "unauthorized")
                #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
            }
            // It does not count in the query either.
            try expectFault(try fetch(site.port, "/api/v1/company/acme?token=\(token)"), 401, "unauthorized")
        }

        @Test("Lists come in consecutive pages, with each event once")
        func pages() throws {
            let globex = try Backend.signedIn(site, company: "globex")
            let made = try (0..<7).map { try globex.createEvent("Event \($0)") }
            var seen: [String] = []
            var path: String? = "/company/globex/events?limit=3"
            var parts = 0
            while let next = path {
                let page = try globex.call("GET", next)
                seen += try page.json().list?.compactMap { $0["uid"]?.text } ?? []
                path = page.nextPage
                parts += 1
            }
            #expect(parts == 3 && Set(seen) == Set(made) && seen.count == made.count)
        }

        @Test("The same person in both lists is refused with the platform's message")
        func bothLists() throws {
            var body = backend.newEvent()
            body["presenters"] = ["ada@example.com"]
            body["organizers"] = ["grace@example.com", " ADA@example.com "]
            let response = try backend.call("POST", "/event/create", body)
            try expectFault(response, 400, "invalid_request")
            let message = try response.json()["errorMessage"]?.text ?? ""
            #expect(message.lowercased() == "users cannot be hosts and presenters at the same time: ada@example.com")
            let event = try backend.createEvent("One", ["presenters": ["ada@example.com"]])
            let added = try backend.call("PUT", "/event/\(event)/organizer", ["organizer": "ADA@example.com"])
            try expectFault(added, 400, "invalid_request", naming: "at the same time")
            #expect(try backend.ask("GET", "/event/\(event)")["organizers"] == [])
        }
    }
}
