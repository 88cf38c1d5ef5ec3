import Foundation
import Testing

extension EndToEnd {
    @Suite("A real browser", .enabled(if: Chromium.isInstalled))
    struct BrowserTests {
        /// Opens a WebSocket, and reports its findings to the upstream in its last request.
        private static let page = """
            <!doctype html><title>event</title><script type="module">
            const tell = (text) => fetch("/public/report?" + encodeURIComponent(text));
            const socket = new WebSocket(`wss://${location.host}/event/e1/socket`);
            socket.onmessage = ({ data }) => {
              const page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
              tell(`page ${page}, socket said ${data}, address ${location.search}`);
            };
            socket.onopen = () => socket.send("hello");
            socket.onclose = ({ code, reason }) => tell(`closed ${code} ${reason}`);
            </script>
            """

        @Test(
            "Chromium joins by a link over HTTP/2, holds a wss socket, and learns that it was replaced",
            .timeLimit(.minutes(2))
        )
        func browser() throws {
            let site = try TLSSite(isPublic: true)
            site.upstream.on("/event/e1/page") { exchange in
                try exchange.reply("200 OK", ["Content-Type: text/html"], Self.page)
            }
            site.upstream.on("/event/e1/socket") { try WebSocket.serveEcho($0) }
            let token = Minter.acme.registration("browser")
            let browser = try Chromium()
            try browser.navigate(to: "\(site.url)/event/e1/page?token=\(token)")
            func reports() -> [String] {
                site.upstream.requests(for: "/public/report").compactMap {
                    $0.target.split(separator: "?").last.flatMap { String($0).removingPercentEncoding }
                }
            }
            let hasOpened = eventually(within: 60) { !reports().isEmpty }
            try #require(hasOpened, "\(browser.complaints)")
            let first = try #require(reports().first)
            #expect(first == "page h2, socket said hello, address ")
            let requests = site.upstream.requests(for: "/event/e1/socket")
            #expect(requests.first?["X-Gateway-Registration"] == "browser")

            let second = try site.curl([
                "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(token)",
                "\(site.url)/event/e1/other",
            ])
            #expect(second.output == "200")
            let isTold = eventually { reports().count > 1 }
            #expect(isTold)
            #expect(reports().last == "closed 4409 session_replaced")
            browser.close()
        }
    }
}
