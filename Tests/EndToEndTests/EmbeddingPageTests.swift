import Basics
import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("The embedding page, as in deploy/examples/embed.html", .serialized)
    struct EmbeddingPageTests {
        /// A page of the embed host.
        private static let page = """
            <!doctype html><title>event</title>
            <script src="/.gateway/session.js" data-seconds="2"></script>
            <script>
            if (location.pathname.endsWith("/wish")) {
              gatewaySession.addEventListener("change", () => gatewaySession.renew(), { once: true });
            }
            </script>
            """

        /// The example, whose pause between two links is shorter here, and records what it is told.
        private static func example() throws -> String {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let file = root.appendingPathComponent("deploy/examples/embed.html")
            let text = try String(contentsOf: file, encoding: .utf8)
            try #require(text.contains(" + 10000;"))
            let recorder = """
                </title>
                <script>
                const told = [], texts = [];
                addEventListener("message", ({ source, data }) => {
                  const { state, code, event, opensAt, wants } = data;
                  const place = source === document.getElementById("event").contentWindow ? "" : "other ";
                  told.push(place + (wants ? "wants " + wants : [state, code, event, opensAt].filter(Boolean).join(" ")));
                  if (!wants) return;
                  const text = document.getElementById("state");
                  text.textContent = "as before";
                  setTimeout(() => texts.push(text.textContent));
                });
                </script>
                """
            return text.replacing(" + 10000;", with: " + 2000;").replacing("</title>", with: recorder)
        }

        /// A company's page in a browser, and the links that its backend gives.
        private final class Company: Sendable {
            let links = Mutex<[String]>([])
            /// When its backend was asked for a link.
            let asked = Mutex<[Double]>([])
        }

        @Test(
            "It is told once what the frame shows, whoever is known; a link that is over is replaced, now or later; no link is said",
            .enabled(if: Chromium.isInstalled),
            .timeLimit(.minutes(3))
        )
        func told() throws {
            let site = try Site {
                $0.control = ""
                $0.embedOrigins = [$0.servers[0].replacing("127.0.0.1", with: "http://localhost")]
            } standard: { exchange in
                try exchange.reply("200 OK", ["Content-Type: text/html"], Self.page)
            }
            let company = Company()
            let example = try Self.example()
            site.upstream.on("/company") { try $0.reply("200 OK", ["Content-Type: text/html"], example) }
            site.upstream.on("/embed-url") { exchange in
                company.asked.withLock { $0.append(monotonic()) }
                let link = company.links.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                let body = link.map { "{\"url\":\"\($0)\"}" } ?? "{}"
                return try exchange.reply("200 OK", ["Content-Type: application/json"], body)
            }
            let backend = try Backend.signedIn(site)
            let address = "http://localhost:\(site.port)"
            let browser = try Chromium()
            var expected: [String] = []
            func expect(_ news: String...) throws {
                expected += news
                // One that comes twice would be among those of the next page.
                try browser.wait("told.length >= \(expected.count)", within: 60)
                #expect(try browser.evaluate("told").list?.compactMap(\.text) == expected)
            }
            func show(_ target: String) throws {
                _ = try browser.evaluate("document.getElementById('event').src = '\(address)\(target)'")
            }
            func link(_ user: String, _ event: String, path: String = "", lasts: Double = 3600) -> String {
                let token = Minter.acme.token(Minter.Viewer(event: event, user: user, expires: Minter.now + lasts))
                return "/event/\(event)\(path)?token=\(token)"
            }

            // A backend without a link.
            try browser.open("http://localhost:\(site.upstream.port)/company")
            try browser.wait(forText: "cannot be shown")
            #expect(try browser.evaluate("document.getElementById('event').getAttribute('src')") == .null)

            // Nobody is known.
            try show("/event/e1")
            try expect("refused token_missing")
            try show("/event/e1?token=a.b.c")
            try expect("refused token_invalid")
            try show("/.gateway/nothing")
            try expect("refused not_found")
            #expect(try browser.text(of: "#state") == "The event cannot be shown here.")

            // Cookies are blocked: the ticket comes without the one that was set along with it.
            let other = Browser(site, host: 2)
            other.keepsCookies = false
            try show(Browser.path(try other.navigate(link("blocked", "e1"))["Location"] ?? ""))
            try expect("refused cookies_blocked e1")

            // An event that opens later, and one in which somebody else has the place.
            let start = Date(timeIntervalSinceNow: 200_000)
            let times: JSONValue = [
                "startDate": .string(start.ISO8601Format()),
                "endDate": .string(start.addingTimeInterval(3600).ISO8601Format()), "doorsOpen": 5,
            ]
            let early = try backend.createEvent("Early", times)
            try show(try backend.register("ada@example.com", for: early).target)
            try browser.wait("told.length > \(expected.count)")
            let opens = try #require(try browser.evaluate("told.at(-1)").text?.split(separator: " ").last)
            try expect("refused not_open \(early) \(opens)")
            let opensAt = try #require(try browser.evaluate("Date.parse('\(opens)')").number)
            #expect(abs(opensAt / 1000 - (start.timeIntervalSince1970 - 300)) < 2)
            let taken = try backend.createEvent("Taken", ["secondJoin": "refuse"])
            let place = try backend.register("ada@example.com", for: taken).target
            #expect(try Browser(site, host: 3).open(place).status == 200)
            try show(place)
            try expect("refused already_active \(taken)")

            // A fault is no end.
            let isThere = Mutex(false)
            site.upstream.on("/event/e1/cut") { exchange in
                guard isThere.withLock({ $0 }) else { return false }
                return try exchange.reply("200 OK", ["Content-Type: text/html"], Self.page)
            }
            try show(link("ada", "e1", path: "/cut"))
            try expect("unavailable upstream_unavailable e1")
            isThere.withLock { $0 = true }
            try expect("active e1")

            // An event that is deleted ends for everyone.
            let gone = try backend.createEvent("Gone")
            let lost = Browser.path(try backend.embed(["userId": "ada", "userName": "Ada"], in: gone))
            try show(lost)
            try expect("active \(gone)")
            _ = try backend.ask("DELETE", "/event/\(gone)")
            try expect("ended registration_removed \(gone)")
            try show(lost)
            try expect("ended registration_removed \(gone)")
            #expect(try Browser(site).open(lost).text.contains("The event no longer exists"))

            // Somebody else opens the event in the same browser.
            try show(link("ada", "e7"))
            try expect("active e7")
            let second = "<iframe src='\(address)\(link("eve", "e7"))'></iframe>"
            _ = try browser.evaluate("document.body.insertAdjacentHTML('beforeend', \"\(second)\")")
            try browser.wait("told.length > \(expected.count + 1)", within: 60)
            let both = try browser.evaluate("told.slice(-2)").list?.compactMap(\.text)
            #expect(both.map(Set.init) == ["other active e7", "replaced session_replaced e7"])

            // Links that are over, and one of a page that wants another.
            let late = ["one", "two"].map { link($0, "e8", lasts: -3600) }
            let good = [link("three", "e8", path: "/wish"), link("three", "e8")]
            company.links.withLock { $0 = (late + good).map { address + $0 } }
            company.asked.withLock { $0 = [] }
            expected = []
            try browser.open("http://localhost:\(site.upstream.port)/company")
            try expect("expired token_expired e8", "expired token_expired e8", "active e8", "wants link", "active e8")
            let asked = company.asked.withLock { $0 }
            try #require(asked.count == 4)
            #expect(asked[2] - asked[1] > 1.9 && asked[3] - asked[2] > 1.9, "\(asked)")
            #expect(try browser.evaluate("texts.join()") == "as before", "a wish is no state")
            #expect(try browser.text(of: "#state") == "", "all is well")
        }
    }
}
