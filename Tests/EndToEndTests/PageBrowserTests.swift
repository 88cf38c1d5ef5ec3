import Basics
import Foundation
import Testing

extension EndToEnd {
    @Suite("Pages in a real browser", .enabled(if: Chromium.isInstalled))
    struct PageBrowserTests {
        /// A page's clock, which stands still until the test says how many seconds have gone by.
        private static let clock = """
            { const start = Date.now(); Date.now = () => start + 1000 * (window.secondsGone ?? 0); }
            """

        @Test(
            "A page about a fault of ours tries again by itself when it says so, later each time, until the event is there",
            .timeLimit(.minutes(3))
        )
        func retry() throws {
            let site = try Site()
            let isWell = Flag()
            site.upstream.on("/public/page") { exchange in
                guard isWell.isSet else { return false }
                return try exchange.reply("200 OK", ["Content-Type: text/html"], "<!doctype html><title>there</title>")
            }
            let browser = try Chromium()
            try browser.call("Page.addScriptToEvaluateOnNewDocument", ["source": .string(Self.clock)])
            try browser.open("http://localhost:\(site.port)/public/page")
            /// The seconds that a page says at first, after which it is sent on to its time.
            func passTime() throws -> Int {
                let next = "(document.getElementById('next')?.textContent ?? '')"
                try browser.wait("document.readyState === 'complete' && window.secondsGone === undefined && \(next)")
                let text = try browser.evaluate(next).text ?? ""
                let seconds = try #require(Int(text.filter(\.isNumber)), "\(text)")
                // Two seconds earlier, the page is still there, and counts.
                _ = try browser.evaluate("window.secondsGone = \(seconds - 2)")
                try browser.wait("window.secondsGone && \(next) !== \(JSONValue.string(text).description)")
                _ = try browser.evaluate("window.secondsGone = \(seconds)")
                return seconds
            }
            #expect((5...8).contains(try passTime()))
            #expect((10...15).contains(try passTime()))
            try browser.wait("window.secondsGone === undefined && document.getElementById('next')")
            isWell.set()
            #expect((20...30).contains(try passTime()))
            try browser.wait("document.title === 'there'")
        }

        // MARK: How pages look

        /// Shows pages of the gateway in frames of three widths, and says in its title what is wrong with each.
        private static func sheet(_ pages: [String]) -> String {
            let frames = pages.flatMap { page in
                [320, 390, 1000].map { width in
                    "<iframe width=\"\(width)\" height=\"560\" src=\"\(page)\" title=\"\(page) at \(width)\"></iframe>"
                }
            }
            return """
                <!doctype html><title></title><style>body{margin:0;display:flex;flex-wrap:wrap;gap:8px}iframe{border:0}</style>
                \(frames.joined())
                <script type="module">
                let faults = [];
                const wait = (time) => new Promise((resume) => setTimeout(resume, time));
                const shown = (element) => element.getClientRects().length > 0;
                const judge = ({ contentDocument: page, title }) => {
                  const fault = (text) => faults.push(`${title}: ${text}`);
                  const root = page?.documentElement, main = page?.querySelector("main");
                  if (!main) return fault("no page of the gateway");
                  if (root.scrollWidth > root.clientWidth) fault(`${root.scrollWidth} wide`);
                  if (getComputedStyle(main).borderRadius !== "12px") fault("no style");
                  if (!root.lang || root.dir !== "ltr" || page.querySelectorAll("h1").length !== 1) fault("no head");
                  const names = [...page.querySelectorAll("a, button")].filter(shown).map((one) => one.textContent.trim());
                  if (names.some((name) => !name)) fault("a button without a name");
                };
                // A page that tries again is another one for a moment.
                for (let round = 0; round < 40; round += 1) {
                  faults = [];
                  document.querySelectorAll("iframe").forEach(judge);
                  if (!faults.length) break;
                  await wait(500);
                }
                document.title = faults.join("; ") || "none";
                </script>
                """
        }

        @Test(
            "Pages fit into frames of 320, 390 and 1,000 pixels, with their styles and scripts, light and dark",
            .timeLimit(.minutes(4)),
            arguments: [("light", "de"), ("dark", "en-US")]
        )
        func looks(scheme: String, language: String) throws {
            let site = try Site {
                $0.control = ""
                $0.sessions = "second_join = \"ask\"\nidle_timeout = \"10m\""
                $0.embedOrigins = ["*"]
            }
            let backend = try Backend.signedIn(site)
            let start = JSONValue.string(Date(timeIntervalSinceNow: 200_000).ISO8601Format())
            let end = JSONValue.string(Date(timeIntervalSinceNow: 210_000).ISO8601Format())
            let event = try backend.createEvent("Launch", ["startDate": start, "endDate": end, "doorsOpen": 5])
            let early = try backend.register("ada@example.com", for: event).target
            let link = "/event/e1?token=\(Minter.acme.registration("twice"))"
            #expect(try Browser(site, host: 2).open(link).status == 200)
            site.upstream.on("/public/cut") { _ in false }
            let pages = ["/event/e1", "/.gateway/nothing", "/public/cut", early, link]
            site.upstream.on("/public/sheet") { exchange in
                try exchange.reply("200 OK", ["Content-Type: text/html"], Self.sheet(pages))
            }
            let browser = try Chromium(width: 1740, height: 2840, isDark: scheme == "dark", language: language)
            try browser.open("http://localhost:\(site.port)/public/sheet")
            try browser.wait("document.title")
            #expect(try browser.evaluate("document.title").text == "none")
            try browser.screenshot("pages-\(scheme)")
        }
    }
}
