import Foundation
import Testing

extension EndToEnd {
    @Suite("The gateway's pages in frames", .serialized, .enabled(if: FrameBrowser.isInstalled(.chromium)))
    struct FramePageTests {
        private static func serve(_ upstream: RecordingUpstream, _ path: String, _ body: String) {
            upstream.on(path) { exchange in
                let fields = ["Content-Type: text/html", "Cache-Control: no-store"]
                return try exchange.reply("200 OK", fields, "<!doctype html><title>page</title>\(body)")
            }
        }

        private static func link(_ event: String) -> String {
            "/event/\(event)/page?token=\(Minter.acme.registration("framed", event: event))"
        }

        @Test(
            "A viewer without cookies has one button that stands out, and on a stranger's page reads that nothing is shown there",
            .timeLimit(.minutes(3))
        )
        func told() throws {
            // Over plaintext no browser keeps the cookie in the frame.
            let framed = try FramedSite(sessions: "")
            let stranger = try RecordingUpstream()
            Self.serve(stranger, "/", "<iframe src=\"\(framed.origin)\(Self.link("e3"))\"></iframe>")
            Self.serve(
                framed.customer,
                "/",
                """
                <iframe src="\(framed.origin)\(Self.link("e1"))"></iframe>
                <iframe src="http://stranger.localhost:\(stranger.port)/"></iframe>
                """
            )
            let browser = try FrameBrowser(.chromium)
            try browser.show(framed.customerURL)
            func expect(_ script: String, in event: String, _ text: String) {
                var seen: String?
                let isShown = eventually(within: 60) {
                    seen = try? browser.read(script, inFrameOf: "\(framed.origin)/event/\(event)")
                    return seen == text
                }
                #expect(isShown, "\(event): \(seen ?? "") \(framed.site.gateway.log.suffix(2000))")
            }
            expect("document.title+' '+allow.className", in: "e1", "Your browser blocks cookies here quiet")
            expect("document.querySelector('h1').innerText", in: "e3", "This event is not shown here")

            browser.end()
        }

        @Test("A viewer whose visit was ended asks the embedding page for a new link", .timeLimit(.minutes(3)))
        func comesBack() throws {
            let framed = try FramedSite(sessions: "", isSecure: true)
            Self.serve(
                framed.site.upstream,
                "/event/e1/page",
                "<script>fetch('/public/ended').then(() => location.reload())</script>"
            )
            let isEnded = DispatchSemaphore(value: 0)
            framed.site.upstream.on("/public/ended") { exchange in
                _ = isEnded.wait(timeout: .now() + 60)
                return try exchange.reply("204 No Content")
            }
            Self.serve(
                framed.customer,
                "/",
                """
                <iframe src="\(framed.origin)\(Self.link("e1"))"></iframe>
                <script>addEventListener("message", ({ data }) => fetch(`/told?${data.wants}`))</script>
                """
            )
            let browser = try FrameBrowser(.chromium)
            try browser.show(framed.customerURL)
            let isThere = eventually(within: 60) { !framed.site.upstream.requests(for: "/public/ended").isEmpty }
            try #require(isThere, "\(browser.errors.suffix(1000)) \(framed.site.gateway.log.suffix(2000))")
            let kick = try fetch(framed.site.gateway.adminPort, "/sessions?registration=framed", method: "DELETE")
            #expect(kick.status == 200)
            isEnded.signal()
            let isOffered = eventually(within: 60) {
                let script =
                    "(one => one.hidden ? '' : one.click() ?? one.textContent)(document.getElementById('return'))"
                return (try? browser.read(script, inFrameOf: "\(framed.origin)/event/e1")) == "Come back"
            }
            #expect(isOffered, "\(framed.site.gateway.log.suffix(2000))")
            let isAsked = eventually(within: 20) {
                framed.customer.requests(for: "/told").contains { $0.target == "/told?link" }
            }
            #expect(isAsked, "\(framed.customer.requests.map(\.target))")
            browser.end()
        }
    }
}
