import Basics
import Foundation
import Testing

extension EndToEnd {
    @Suite("The script that knows the session, and tells the embedding page")
    struct SessionScriptTests {
        @Test(
            "It is small, may be kept for a while, and is one of the gateway's paths; each session says who may be told"
        )
        func script() throws {
            let site = try Site()
            let answer = try Client(port: site.port).exchange("/.gateway/session.js", ["Connection: close"])
            #expect(answer.status == 200 && answer["Content-Type"] == "text/javascript; charset=utf-8")
            #expect(answer["Cache-Control"] == "max-age=300" && answer.body.count <= 4096)
            let refused = try Client(port: site.port).exchange(
                "/.gateway/session.js",
                method: "POST",
                ["Content-Length: 0", "Connection: close"]
            )
            #expect(refused.status == 405)
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("kim"))")
            let session = try browser.fetch("/.gateway/session?poll=1").json()
            #expect(session["embedOrigins"]?.list == ["https://www.acme.example"])
        }

        @Test("Only polls that find the session as it was are no lines of the access log")
        func log() throws {
            let site = try Site()
            let browser = Browser(site)
            let link = "/event/e1?token=\(Minter.acme.registration("kim"))"
            _ = try browser.open(link)
            for _ in 0..<3 { #expect(try browser.fetch("/.gateway/session?poll=1").status == 200) }
            #expect(try browser.fetch("/.gateway/session").status == 200)
            _ = try Browser(site, host: 2).open(link)
            #expect(try browser.fetch("/.gateway/session?poll=1").status == 409)
            #expect(
                try Client(port: site.port).exchange("/.gateway/session?poll=1", ["Connection: close"]).status == 401
            )
            func lines() -> [Substring] {
                site.gateway.log.split(separator: "\n").filter { $0.contains("/.gateway/session") }
            }
            let isLogged = eventually { lines().count >= 3 }
            #expect(isLogged)
            #expect(lines().count == 3, "\(lines())")
        }

        @Test("With frames of several events in one browser, each is told of its own session, also when that is over")
        func events() throws {
            let site = try Site { $0.tokens = "leeway = \"0s\"" }
            func answer(_ browser: Browser, _ query: String, _ fields: [String] = []) throws -> Response {
                try browser.fetch("/.gateway/session\(query)", "GET", fields)
            }
            let other = Browser(site)
            let everywhere = Minter.acme.token(Minter.Viewer(event: "e4", registration: "r1", eventSpecific: false))
            for token in [Minter.acme.registration("other", event: "e4"), everywhere] {
                #expect(try other.open("/event/e4?token=\(token)").status == 200)
                #expect(try answer(other, "?event=e4").json()["event"] == "e4")
                #expect(try answer(other, "").status == 200)
                try expectProblem(try answer(other, "?event=e1"), 401, "token_missing")
                let referer = "Referer: http://localhost:\(site.port)/event/e1"
                try expectProblem(try answer(other, "", [referer]), 401, "token_missing")
            }
            // One expires, and an answer to the other's requests deletes its cookie.
            let browser = Browser(site)
            let short = Minter.acme.token(Minter.Viewer(registration: "short", expires: Minter.now + 2))
            #expect(try browser.open("/event/e1?token=\(short)").status == 200)
            let link = "/event/e4?token=\(Minter.acme.registration("kim", event: "e4"))"
            #expect(try browser.open(link).status == 200)
            #expect(try eventually { try answer(browser, "?event=e1").status == 401 })
            #expect(try Browser(site, host: 2).open(link).status == 200)
            try expectProblem(try answer(browser, "?event=e4"), 409, "session_replaced")
            try expectProblem(try answer(browser, "?event=e1"), 401, "token_missing")
        }

        /// The embedding page: a frame for each link, and reports of what they say.
        private static func parent(_ links: [String]) -> String {
            let frames = links.map { "<iframe src=\"\($0)\" title=\"event\"></iframe>" }
            return """
                <!doctype html><title>company</title>\(frames.joined())
                <script>
                addEventListener("message", ({ source, origin, data }) => {
                  const place = [...document.querySelectorAll("iframe")].findIndex((one) => one.contentWindow === source);
                  fetch("/report?" + encodeURIComponent(JSON.stringify({ place, origin, ...data })));
                });
                </script>
                """
        }

        /// A page of the embed host. Takes over, or leaves, when the test says so.
        private static func page(event: String) -> String {
            """
            <!doctype html><title>event</title>
            <script src="/.gateway/session.js" data-seconds="2" data-event="\(event)"></script>
            <script type="module">
            gatewaySession.addEventListener("change", async () => {
              if (gatewaySession.state !== "replaced") return;
              await fetch("/public/go");
              gatewaySession.takeOver();
            });
            if (location.pathname === "/event/e4") {
              await fetch("/public/leave");
              gatewaySession.leave();
            }
            </script>
            """
        }

        @Test(
            "The embedding page is told: active, role, replaced, taken over, removed, expiring, expired and ended; by a refusal too",
            .enabled(if: Chromium.isInstalled),
            .timeLimit(.minutes(3))
        )
        func states() throws {
            let site = try Site {
                $0.control = ""
                $0.tokens = "leeway = \"0s\""
                $0.embedOrigins = [$0.servers[0].replacing("127.0.0.1", with: "http://localhost")]
            } standard: { exchange in
                let event = exchange.request.target.dropFirst("/event/".count).prefix { $0 != "?" }
                return try exchange.reply("200 OK", ["Content-Type: text/html"], Self.page(event: String(event)))
            }
            let mayGo = DispatchSemaphore(value: 0)
            site.upstream.on("/public/go") { exchange in
                _ = mayGo.wait(timeout: .now() + 60)
                return try exchange.reply("204 No Content")
            }
            let mayLeave = DispatchSemaphore(value: 0)
            site.upstream.on("/public/leave") { exchange in
                _ = mayLeave.wait(timeout: .now() + 90)
                return try exchange.reply("204 No Content")
            }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let link = try backend.register("ada@example.com", for: event).target
            let wrong = Minter.acme.token(Minter.Viewer(event: "e2", registration: "wrong"))
            let others = ["e3", "e4"].map { "/event/\($0)?token=\(Minter.acme.registration("other", event: $0))" }
            let address = "http://localhost:\(site.port)"
            site.upstream.on("/company") { exchange in
                // Made now, since the browser may take its time.
                let short = Minter.acme.token(Minter.Viewer(registration: "short", expires: Minter.now + 20))
                let links = [link, "/event/e1?token=\(short)", "/event/e1?token=\(wrong)"] + others
                return try exchange.reply(
                    "200 OK",
                    ["Content-Type: text/html"],
                    Self.parent(links.map { address + $0 })
                )
            }
            let browser = try Chromium()
            try browser.navigate(to: "http://localhost:\(site.upstream.port)/company")
            defer { browser.close() }
            /// What the parent was told by one of its frames, in order.
            func told(_ place: Int) -> [JSONValue] {
                site.upstream.requests(for: "/report").compactMap { request in
                    let text = request.target.split(separator: "?").last.flatMap { String($0).removingPercentEncoding }
                    let bytes = Array((text ?? "").utf8)
                    return try? JSONValue(parsing: bytes.span, limits: JSONLimits(size: 4096))
                }
                .filter { $0["place"]?.number == Double(place) }
            }
            func waitFor(_ count: Int, _ place: Int, _ state: String, _ code: String? = nil) throws -> JSONValue {
                let isTold = eventually(within: 60) { told(place).count >= count }
                try #require(isTold, "\(told(place)) \(browser.complaints)")
                let news = told(place)[count - 1]
                #expect(news["state"]?.text == state && news["code"]?.text == code, "\(news)")
                #expect(news["origin"]?.text == address && news["source"]?.text == "gateway-session")
                return news
            }
            let first = try waitFor(1, 0, "active")
            #expect(first["role"]?.text == "attendee" && first["event"]?.text == event)
            #expect(first["userName"] == nil && first["userId"] == nil)
            _ = try backend.ask("PATCH", "/event/\(event)", ["presenters": ["ada@example.com"]])
            let host = try waitFor(2, 0, "active")
            #expect(host["role"]?.text == "host" && host["listedAs"]?.text == "presenter")
            #expect(try Browser(site, host: 2).open(link).status == 200)
            _ = try waitFor(3, 0, "replaced", "session_replaced")
            mayGo.signal()
            _ = try waitFor(4, 0, "active")
            let removal = try backend.call("POST", "/event/\(event)/removals", ["email": "ada@example.com"])
            #expect(removal.status == 201)
            _ = try waitFor(5, 0, "removed", "viewer_removed")

            #expect(try waitFor(1, 1, "expiring")["expiresAt"]?.text != nil)
            _ = try waitFor(2, 1, "expired", "token_expired")
            _ = try waitFor(1, 3, "active")
            let kick = try Client(port: site.gateway.adminPort).exchange(
                "/sessions?event=e3",
                method: "DELETE",
                ["Connection: close"]
            )
            #expect(kick.status == 200)
            // Unlike one who was removed, a viewer who was kicked may come back.
            _ = try waitFor(2, 3, "ended", "viewer_removed")
            _ = try waitFor(1, 4, "active")
            mayLeave.signal()
            _ = try waitFor(2, 4, "ended", "session_left")
            let refused = try waitFor(1, 2, "refused", "wrong_event")
            #expect(refused["role"] == .null && refused["event"]?.text == "e1")
        }
    }
}
