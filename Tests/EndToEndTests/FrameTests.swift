import Foundation
import Testing

extension EndToEnd {
    /// The gateway on one site, and a customer's page with the event in a frame on another.
    final class FramedSite: Sendable {
        let site: Site
        let customer: RecordingUpstream
        let origin: String

        /// - Parameters:
        ///   - sessions: keys of `[sessions]`.
        ///   - isSecure: whether browsers get there over TLS. Over plaintext, which browsers trust on loopback, the
        ///     session's cookie cannot be partitioned, so that no browser keeps it in the frame.
        init(sessions: String, isSecure: Bool = false) throws {
            let port = try Listener.freePorts(1)[0]
            let origin = "\(isSecure ? "https" : "http")://embed.localhost:\(port)"
            let customer = try RecordingUpstream()
            let certificates = try TestCertificates.shared.get()
            site = try Site {
                $0.publicURL = origin
                $0.top = "[[listener]]\naddress = \"127.0.0.1:\(port)\"\n"
                if isSecure {
                    $0.top += """
                        certificate = "\(certificates.path("standard.pem"))"
                        key = "\(certificates.path("standard.key"))"
                        """
                }
                $0.embedOrigins = ["http://customer.localhost:\(customer.port)"]
                $0.sessions = sessions
            }
            self.origin = origin
            self.customer = customer
        }

        var customerURL: String { "http://customer.localhost:\(customer.port)/" }

        /// Shows a link's event on the customer's page.
        func show(_ link: String) {
            let page = "<!doctype html><title>customer</title><iframe src=\"\(origin)\(link)\"></iframe>"
            customer.on("/") { try $0.reply("200 OK", ["Content-Type: text/html", "Cache-Control: no-store"], page) }
        }

        /// Shows the event on the customer's page without a link, then sends a form of that page into the frame.
        func attack(_ place: String, form: String) {
            let page = """
                <!doctype html><title>customer</title><iframe name="event" src="\(origin)\(place)"></iframe>
                <form method="post" target="event" action="\(origin)\(form)"></form>
                <script>
                const frame = document.querySelector("iframe");
                frame.onload = () => { frame.onload = null; document.forms[0].submit(); };
                </script>
                """
            customer.on("/") { try $0.reply("200 OK", ["Content-Type: text/html", "Cache-Control: no-store"], page) }
        }

        /// What the event's page told.
        var reports: [String] {
            site.upstream.requests(for: "/public/report").compactMap {
                $0.target.split(separator: "?").last.flatMap { String($0).removingPercentEncoding }
            }
        }
    }

    @Suite("An event in a frame on another site", .serialized)
    struct FrameTests {
        /// Requests things in as many ways as pages do, then reports what it got. Before that, it makes what the worker has
        /// kept look old, so that the next visit must renew it. Afterwards it waits until another browser has replaced it, and
        /// takes the session back with the button of the page that says so.
        private static let page = """
            <!doctype html><title>event</title><link rel="stylesheet" href="style.css"><img src="picture.svg">
            <iframe name="inner"></iframe>
            <form method="post" action="form" target="inner"><input name="a" value="b"></form>
            <script type="module">
            const said = [`framed ${window !== top}`, `cookie ${document.cookie}`, `address ${location.search}`];
            let socket;
            try {
              // As applications do that once had a worker.
              for (const worker of await navigator.serviceWorker.getRegistrations()) await worker.unregister();
              for (const name of await caches.keys()) await caches.delete(name);
              const loaded = (target) => new Promise((done) => (target.onload = target.onmessage = (event) => done(event.data)));
              said.push(`mode ${document.compatMode}`);
              said.push(`module ${(await import("./module.js")).word}`);
              said.push(`data ${await (await fetch("data")).text()}`);
              said.push(`posted ${await (await fetch("upload", { method: "POST", body: "12345" })).text()}`);
              said.push(`worker ${await loaded(new Worker("work.js"))}`);
              said.push(`moved ${await (await fetch("moved")).text()}`);
              await fetch("kept");
              await fetch("login");
              said.push(`kept ${await (await fetch("kept")).text()}`);
              const away = await fetch("away");
              said.push(`away ${await away.text()}`);
              const inner = document.querySelector("iframe");
              const shown = loaded(inner);
              document.forms[0].submit();
              await shown;
              said.push(`form ${inner.contentDocument.body.textContent}`);
              socket = new WebSocket(location.origin.replace("http", "ws") + "/event/e1/socket");
              socket.onopen = () => socket.send("echo");
              socket.onclose = ({ code }) => socket.onmessage({ data: code });
              said.push(`socket ${await loaded(socket)}${socket.protocol}`);
              const session = await (await fetch("/.gateway/session")).json();
              said.push(`session ${session.userId ?? session.code}`);
              const store = await caches.open("gateway-sessions");
              for (const key of await store.keys()) {
                const kept = await (await store.match(key)).json();
                await store.put(key, new Response(JSON.stringify({ ...kept, until: 0 })));
              }
            } catch (error) {
              said.push(`${error}`);
            }
            const tell = (text) => fetch("/public/report?" + encodeURIComponent(text));
            await tell(said.join(", "));
            const { code } = await new Promise((done) => (socket.onclose = done));
            const { status } = await fetch("data");
            const inner = document.querySelector("iframe");
            const shown = () => new Promise((done) => (inner.onload = done));
            let next = shown();
            inner.src = "form?";
            await next;
            next = shown();
            inner.contentDocument.querySelector("form button").click();
            await next;
            await tell(`closed ${code} ${status}, back ${inner.contentDocument.body.textContent} ${(await fetch("data")).status}`);
            </script>
            """

        /// Asks for data and for a socket, and tells the page what it got.
        private static let workersScript = """
            const socket = new WebSocket(location.origin.replace("http", "ws") + "/event/e1/socket");
            socket.onopen = async () => socket.send(await (await fetch("data")).text());
            socket.onmessage = ({ data }) => postMessage(data);
            socket.onclose = ({ code }) => postMessage(code);
            """

        private static func serve(_ framed: FramedSite, away: RecordingUpstream) {
            let host = framed.site.upstream
            func answer(
                _ path: String,
                _ type: String,
                _ body: String,
                _ status: String = "200 OK",
                _ more: [String] = []
            ) {
                host.on("/event/e1/\(path)") { exchange in
                    _ = try exchange.readBody()
                    return try exchange.reply(status, ["Content-Type: \(type)"] + more, body)
                }
            }
            answer("page", "text/html", page, "200 OK", ["Set-Cookie: app=1; Path=/event; SameSite=Lax"])
            answer("style.css", "text/css", "body { margin: 0 }")
            answer("picture.svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>")
            answer("module.js", "text/javascript", "export const word = 'hello';")
            answer("data", "text/plain", "some")
            answer("upload", "text/plain", "taken")
            answer("work.js", "text/javascript", workersScript)
            answer("moved", "text/plain", "", "302 Found", ["Location: /event/e1/data"])
            answer("login", "text/plain", "", "200 OK", ["Set-Cookie: in=1; Path=/event/e1/kept"])
            host.on("/event/e1/kept") { exchange in
                let fields = ["Content-Type: text/plain", "Cache-Control: max-age=600", "Vary: Cookie"]
                return try exchange.reply("200 OK", fields, exchange.request["Cookie"] ?? "")
            }
            answer("away", "text/plain", "", "302 Found", ["Location: http://127.0.0.1:\(away.port)/there"])
            answer("form", "text/html", "<!doctype html>sent")
            host.on("/event/e1/socket") { try WebSocket.serveEcho($0) }
            away.on("/there") { try $0.reply("200 OK", ["Access-Control-Allow-Origin: *"], "there") }
        }

        private static func expected(cookie: String = "") -> String {
            "framed true, cookie \(cookie), address , mode CSS1Compat, module hello, data some, posted taken, worker some, "
                + "moved some, kept in=1; app=1, away there, form sent, socket echo, session "
        }

        private static let engines = FrameBrowser.Engine.allCases.filter(FrameBrowser.isInstalled)

        @Test(
            """
            It works without a click where the browser keeps no cookie, and again after a restart of the browser; a viewer who \
            was replaced takes it back
            """,
            .enabled(if: !Self.engines.isEmpty, "no browser is installed"),
            .timeLimit(.minutes(6)),
            arguments: Self.engines
        )
        func works(engine: FrameBrowser.Engine) throws {
            let framed = try FramedSite(sessions: "cookieless = true")
            let away = try RecordingUpstream()
            Self.serve(framed, away: away)
            let viewer = Minter.acme.registration("framed")
            framed.show("/event/e1/page?token=\(viewer)")
            let browser = try FrameBrowser(engine)
            // Started anew, Firefox shows the page twice.
            for visits in 1...(engine == .firefox ? 1 : 2) {
                try browser.show(framed.customerURL)
                let isDone = eventually(within: 60) { framed.reports.count >= visits }
                #expect(isDone, "\(browser.errors.suffix(1000))\n\(framed.site.gateway.log.suffix(4000))")
                #expect(framed.reports.last?.hasPrefix(Self.expected()) == true, "\(framed.reports)")
            }
            let sessions = Set(framed.site.upstream.requests(for: "/event/e1/data").map { $0["X-Gateway-Session"] })
            #expect(sessions.count == 1, "the second visit is no second join")
            // The others' workers live on, and so does what they know.
            #expect(engine != .chromium || framed.site.gateway.log.contains("/.gateway/renew"))

            // In one request: the page takes its session back at once.
            let other = ["Authorization: Bearer \(viewer)"]
            #expect(try fetch(framed.site.port, "/event/e1/form", other).status == 200)
            let isBack = eventually(within: 60) { framed.reports.last?.hasPrefix("closed") == true }
            #expect(
                isBack && framed.reports.last == "closed 4409 409, back sent 200",
                "\(framed.reports) \(framed.site.gateway.log.suffix(4000))"
            )

            framed.attack("/event/e1/page", form: "/event/e1/attack")
            try browser.show(framed.customerURL)
            let isRefused = eventually(within: 60) { framed.site.gateway.log.contains("/event/e1/attack") }
            #expect(isRefused && framed.site.upstream.requests(for: "/event/e1/attack").isEmpty)
            browser.end()
            let requests = framed.site.upstream.requests.filter { $0.target.hasPrefix("/event/e1/") }
            #expect(requests.count >= 20)
            for request in requests {
                #expect(request["X-Gateway-Registration"] == "framed", "\(request.target)")
                #expect(!request.fields.contains { $0.name.lowercased().hasPrefix("gateway-") })
            }
            #expect(framed.site.upstream.requests(for: "/event/e1/data").allSatisfy { $0["Cookie"] == "app=1" })
            for request in away.requests {
                #expect(!request.fields.contains { $0.name.lowercased().hasPrefix("gateway-") }, "\(request.fields)")
            }
        }

        @Test(
            "Where the browser keeps the partitioned cookie, no worker is installed",
            .enabled(if: FrameBrowser.isInstalled(.chromium)),
            .timeLimit(.minutes(2)),
            arguments: [FrameBrowser.Cookies.all, .firstParties]
        )
        func cookieFirst(cookies: FrameBrowser.Cookies) throws {
            let framed = try FramedSite(sessions: "cookieless = true", isSecure: true)
            let away = try RecordingUpstream()
            Self.serve(framed, away: away)
            framed.show("/event/e1/page?token=\(Minter.acme.registration("cookie"))")
            let browser = try FrameBrowser(.chromium)
            try browser.allow(cookies)
            try browser.show(framed.customerURL)
            let isDone = eventually(within: 60) { !framed.reports.isEmpty }
            #expect(isDone, "\(browser.errors.suffix(1000))\n\(framed.site.gateway.log.suffix(4000))")
            #expect(framed.reports.last?.hasPrefix(Self.expected(cookie: "app=1")) == true, "\(framed.reports)")
            if cookies == .all { try Self.useButtons(browser, from: framed.customerURL) }
            browser.end()
            let isLogged = eventually { framed.site.gateway.log.contains("/.gateway/session") }
            #expect(isLogged && !framed.site.gateway.log.contains("/.gateway/worker.js"))
        }

        /// Gets past the page with buttons by either of them. It is shown for a ticket that comes without the cookie set along
        /// with it, of which the browser knows nothing here.
        private static func useButtons(_ browser: FrameBrowser, from page: String) throws {
            let framed = try FramedSite(sessions: "", isSecure: true)
            func ticket(_ person: String) throws -> String {
                let link = "/event/e1/page?token=\(Minter.acme.registration(person))"
                return Browser.path(try fetch(framed.site.port, link, FrameWorker.frame)["Location"] ?? "")
            }
            framed.show(try ticket("allowing"))
            _ = try browser.read("location.href = '\(framed.customerURL)'", inFrameOf: String(page.dropLast()))
            for (button, person, destination) in [("allow", "allowing", "iframe"), ("tab", "tabbing", "document")] {
                if button == "tab" {
                    let source = framed.origin + (try ticket(person))
                    _ = try browser.read(
                        "document.querySelector('iframe').src = '\(source)'",
                        inFrameOf: String(framed.customerURL.dropLast())
                    )
                }
                try expectButtons(browser, framed)
                _ = try browser.read("\(button).click()", inFrameOf: framed.origin)
                let isIn = eventually(within: 30) {
                    framed.site.upstream.requests.contains {
                        $0["X-Gateway-Registration"] == person && $0["Sec-Fetch-Dest"] == destination
                    }
                }
                #expect(isIn, "\(button)\n\(framed.site.gateway.log.suffix(4000))")
            }
        }

        private static func expectButtons(_ browser: FrameBrowser, _ framed: FramedSite) throws {
            var seen: String?
            let isShown = eventually(within: 60) {
                seen = try? browser.read(
                    "document.body.hidden+' '+tab.target+' '+allow.hidden",
                    inFrameOf: framed.origin
                )
                return seen == "false _blank false"
            }
            #expect(isShown, "\(seen ?? "") \(browser.errors.suffix(1000))\n\(framed.site.gateway.log.suffix(4000))")
        }

        @Test(
            "Where cookies are switched off, which takes workers away too, the viewer sees the page with buttons",
            .enabled(if: FrameBrowser.isInstalled(.chromium)),
            .timeLimit(.minutes(2))
        )
        func handPage() throws {
            let framed = try FramedSite(sessions: "cookieless = true", isSecure: true)
            framed.show("/event/e1/page?token=\(Minter.acme.registration("none"))")
            let browser = try FrameBrowser(.chromium)
            try browser.allow(.none)
            try browser.show(framed.customerURL)
            try Self.expectButtons(browser, framed)

            // Neither button helps here, and each says so.
            let customer = String(framed.customerURL.dropLast())
            _ = try browser.read("allow.click()", inFrameOf: framed.origin)
            let isTold = eventually { (try? browser.read("`${hint.hidden}`", inFrameOf: framed.origin)) == "false" }
            #expect(isTold)
            _ = try browser.read("tab.click()", inFrameOf: framed.origin)
            let isOpen = eventually { framed.site.gateway.log.components(separatedBy: "cookies_blocked").count > 2 }
            #expect(isOpen, "\(framed.site.gateway.log.suffix(4000))")
            // What is left of this origin is the tab.
            _ = try browser.read("document.querySelector('iframe').remove()", inFrameOf: customer)
            var title: String?
            let isOff = eventually {
                title = try? browser.read(
                    "document.title + (document.getElementById('allow')?.hidden)",
                    inFrameOf: framed.origin
                )
                return title == "Your browser accepts no cookiestrue"
            }
            #expect(isOff, "\(title ?? "")")
            browser.end()
            // The ticket is not spent for a worker that cannot be.
            #expect(!framed.site.gateway.log.contains("/.gateway/join") && framed.site.upstream.requests.isEmpty)
        }
    }
}
