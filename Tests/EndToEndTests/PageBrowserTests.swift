import Basics
import Foundation
import Synchronization
import Testing

/// The browser from Debian's package.
private let chromium = "/usr/bin/chromium"

extension EndToEnd {
    @Suite(
        "Pages in a real browser",
        .serialized,
        .enabled(if: FileManager.default.isExecutableFile(atPath: chromium))
    )
    struct PageBrowserTests {
        private func open(_ url: String, _ options: [String] = [], in directory: TemporaryDirectory) throws -> Child {
            try Child(
                chromium,
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--hide-scrollbars", "--user-data-dir=\(directory["profile"])",
                ] + options + [url],
                output: directory["output"],
                errors: directory["errors"]
            )
        }

        @Test(
            "A page about a fault of ours tries again by itself, later each time, until the event is there",
            .timeLimit(.minutes(3))
        )
        func retry() throws {
            let site = try Site()
            let loads = Mutex<[Double]>([])
            site.upstream.on("/public/page") { exchange in
                let count = loads.withLock { loads in
                    // The gateway itself may have asked a second time.
                    if monotonic() - (loads.last ?? 0) > 1 { loads.append(monotonic()) }
                    return loads.count
                }
                guard count > 2 else { return false }
                return try exchange.reply("200 OK", ["Content-Type: text/html"], "<!doctype html><title>there</title>")
            }
            let directory = try TemporaryDirectory()
            let browser = try open("http://localhost:\(site.port)/public/page", in: directory)
            let isThere = eventually(within: 120) { loads.withLock { $0.count } > 2 }
            try #require(isThere, "\(Child.text(of: directory["errors"]).suffix(2000))")
            let times = loads.withLock { $0 }
            #expect(times[1] - times[0] > 4 && times[2] - times[1] > 9, "\(times)")
            browser.send(SIGTERM)
            _ = browser.wait(within: 10)
        }

        // MARK: How pages look

        /// Shows pages of the gateway in frames of three widths, and reports what is wrong with each. It has loaded when
        /// `/public/judged` is answered, which is when the browser makes its screenshot.
        private static func sheet(_ pages: [String]) -> String {
            let frames = pages.flatMap { page in
                [320, 390, 1000].map { width in
                    "<iframe width=\"\(width)\" height=\"560\" src=\"\(page)\" title=\"\(page) at \(width)\"></iframe>"
                }
            }
            return """
                <!doctype html><title>pages</title><style>body{margin:0;display:flex;flex-wrap:wrap;gap:8px}iframe{border:0}</style>
                \(frames.joined())<img src="/public/judged" alt="">
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
                await fetch("/public/report?" + encodeURIComponent(faults.join("; ") || "none"));
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
            let isJudged = DispatchSemaphore(value: 0)
            site.upstream.on("/public/report") { exchange in
                isJudged.signal()
                return try exchange.reply("204 No Content")
            }
            site.upstream.on("/public/judged") { exchange in
                _ = isJudged.wait(timeout: .now() + 90)
                return try exchange.reply("204 No Content")
            }
            // For a person to look at.
            let screenshots = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent(".build/screenshots")
            try FileManager.default.createDirectory(at: screenshots, withIntermediateDirectories: true)
            let file = screenshots.appendingPathComponent("pages-\(scheme).png").path
            let directory = try TemporaryDirectory()
            let options = [
                "--accept-lang=\(language)", "--window-size=1740,2840", "--screenshot=\(file)",
                "--blink-settings=preferredColorScheme=\(scheme == "dark" ? 0 : 1)",
            ]
            let browser = try open("http://localhost:\(site.port)/public/sheet", options, in: directory)
            #expect(browser.wait(within: 120) == 0, "\(Child.text(of: directory["errors"]).suffix(2000))")
            let report = site.upstream.requests(for: "/public/report").first?.target.split(separator: "?").last
            #expect(report.map(String.init)?.removingPercentEncoding == "none")
            #expect(FileManager.default.fileExists(atPath: file))
        }
    }
}
