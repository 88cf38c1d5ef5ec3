import Foundation
import Testing

extension EndToEnd {
    @Suite("Sessions that a service worker holds")
    struct CookielessTests {
        @Test("A frame without cookies is let in, and the upstream sees the page's requests as they were")
        func joins() throws {
            let frame = FrameWorker(try FrameWorker.site())
            let page = try frame.wayIn(FrameWorker.link("worker"))
            #expect(page.status == 401 && page.text.contains("cookies_blocked"))
            #expect(page["Content-Security-Policy"]?.contains("worker-src 'self'") == true)
            let script = try #require(FrameWorker.datum("worker", in: page))
            let worker = try fetch(frame.site.port, script, ["Service-Worker: script"])
            #expect(worker.status == 200 && worker["Content-Type"]?.hasPrefix("text/javascript") == true)
            #expect(worker["Service-Worker-Allowed"] == "/")

            let joined = try frame.join(try #require(FrameWorker.datum("join", in: page)))
            #expect(joined.status == 200 && joined["Set-Cookie"] == nil)
            #expect(frame.site.upstream.requests.isEmpty)
            let opened = try frame.navigate(try #require(FrameWorker.datum("place", in: page)))
            #expect(opened.status == 200 && opened["Set-Cookie"] == nil && opened["Gateway-Session"] != nil)
            let seen = try #require(frame.site.upstream.requests.last)
            #expect(seen.target == "/event/e1?a=1" && seen["X-Gateway-Registration"] == "worker")
            #expect(seen["Sec-Fetch-Dest"] == "iframe" && seen["Sec-Fetch-Mode"] == "navigate")
            #expect(seen["Sec-Fetch-Site"] == "cross-site" && seen["Referer"] == nil)

            #expect(try frame.request("/event/e1/data").status == 200)
            let later = try #require(frame.site.upstream.requests.last)
            #expect(later["Sec-Fetch-Mode"] == "cors" && later["Sec-Fetch-Site"] == "same-origin")
            #expect(later["Referer"] == "http://localhost:\(frame.site.port)/event/e1/page")
            #expect(later["X-Gateway-Session"] == seen["X-Gateway-Session"])
            for request in frame.site.upstream.requests {
                #expect(request["Gateway-Session"] == nil && request["Gateway-Request"] == nil)
            }
        }

        @Test("A fresh link renews the worker's session, for the viewer that it names, also once it has expired")
        func freshLink() throws {
            let frame = FrameWorker(try FrameWorker.site { $0.tokens = "leeway = \"0s\"" })
            func link(_ name: String, expires seconds: Double) -> String {
                let expires = Minter.now + seconds
                return "/event/e1?token="
                    + Minter.acme.token(Minter.Viewer(registration: "r1", name: name, expires: expires))
            }
            /// Follows a link as a frame does whose worker has a session: that comes with the ticket.
            func follow(_ link: String) throws -> Response {
                let redirect = try fetch(frame.site.port, link, FrameWorker.frame)
                return try frame.navigate(Browser.path(redirect["Location"] ?? ""))
            }
            #expect(try frame.open(link("First", expires: 30)).status == 200)
            let first = try #require(frame.site.upstream.requests.last)
            #expect(try follow(link("Second", expires: 4))["Gateway-Location"] == "303 /event/e1")
            #expect(try frame.request("/event/e1/data").status == 200)
            let second = try #require(frame.site.upstream.requests.last)
            #expect(second["X-Gateway-User-Name"] == "Second")
            #expect(second["X-Gateway-Session"] == first["X-Gateway-Session"])

            #expect(try eventually { try frame.request("/event/e1/data").status == 401 })
            #expect(try follow(link("Third", expires: 3600))["Gateway-Location"] == "303 /event/e1")
            #expect(try frame.request("/event/e1/data").status == 200)
            #expect(frame.site.upstream.requests.last?["X-Gateway-User-Name"] == "Third")
        }

        @Test("What the worker says is believed only beside its session, and only if it may stand in a field")
        func claims() throws {
            let frame = FrameWorker(try FrameWorker.site())
            #expect(try frame.open(FrameWorker.link("claims")).status == 200)
            let bearer = "Authorization: Bearer \(Minter.acme.registration("program"))"
            let program = try #require(try fetch(frame.site.port, "/event/e1", [bearer])["Gateway-Session"])
            _ = try fetch(
                frame.site.port,
                "/event/e1/x",
                [
                    "Gateway-Session: \(program)", "Gateway-Request: dest=iframe, mode=navigate, from=/x",
                    "Sec-Fetch-Mode: cors",
                ]
            )
            let seen = try #require(frame.site.upstream.requests.last)
            #expect(seen["Sec-Fetch-Mode"] == "cors" && seen["Sec-Fetch-Dest"] == nil && seen["Referer"] == nil)
            for asked in [
                "", "dest", "dest=", "mode=NAVIGATE, dest=a b", "from=x", "from=http://evil.example",
                "dest=\(String(repeating: "x", count: 25))", "from=/a?token=secret", ",,=,=,", "from=/a b",
            ] {
                #expect(try frame.request("/event/e1/y", "GET", asked).status == 200)
                let seen = try #require(frame.site.upstream.requests.last)
                #expect(seen["Referer"] == nil && seen["Sec-Fetch-Dest"] == nil, "\(asked)")
            }
        }

        @Test("Attack: a worker's session in a cookie, a cookie's session in a worker's place")
        func swapped() throws {
            let site = try FrameWorker.site()
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("swap")).status == 200)
            let session = try #require(frame.session)
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("other"))").status == 200)
            let cookie = try #require(browser.cookies.first)
            let forged = "Cookie: \(cookie.key)=1\(session)"
            #expect(try fetch(site.port, "/event/e1/x", [forged]).status == 401)
            // It was seen in a header before, and was remembered.
            #expect(try frame.request("/event/e1/x").status == 200)
            #expect(try fetch(site.port, "/event/e1/x", [forged]).status == 401)
            let program = FrameWorker(site)
            program.session = String(cookie.value.dropFirst())
            #expect(try program.renew().status == 401)
            program.session = frame.socket
            #expect(try program.renew().status == 401)
            #expect(try program.request("/event/e1/x").status == 401)
        }

        @Test("Attack: a worker's session opens no socket, and no other event")
        func elsewhere() throws {
            let frame = FrameWorker(try FrameWorker.site())
            #expect(try frame.open(FrameWorker.link("elsewhere")).status == 200)
            let shown = "Gateway-Session: \(try #require(frame.session))"
            let client = try Client(port: frame.site.port)
            #expect(try client.openWebSocket("/event/e1/socket", [shown, frame.own]).status == 401)
            try expectProblem(try frame.request("/event/e2/x"), 403, "wrong_event")
            let page = try frame.navigate("/event/e2")
            #expect(page.status == 403 && page["Content-Type"]?.hasPrefix("text/html") == true)
        }

        @Test("A socket ticket opens a WebSocket, and the upstream sees no more of it than of a session")
        func sockets() throws {
            let site = try FrameWorker.site()
            for path in ["/event/e1/socket", "/socket"] { site.upstream.on(path) { try WebSocket.serveEcho($0) } }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("sockets")).status == 200)
            let offered = "gateway-session.\(try #require(frame.socket))"
            for (path, more) in [("/event/e1/socket", ""), ("/socket", ""), ("/event/e1/socket", "chat, ")] {
                let client = try Client(port: site.port)
                let fields = [frame.own, "Sec-WebSocket-Protocol: \(more)\(offered)"]
                let answer = try client.openWebSocket(path, fields)
                #expect(answer.status == 101 && answer["Sec-WebSocket-Protocol"] == offered)
                #expect(answer["Set-Cookie"] == nil && answer["Gateway-Session"] == nil)
                #expect(try client.echo("hello") == "hello")
                let seen = try #require(site.upstream.requests(for: path).last)
                #expect(seen["X-Gateway-Registration"] == "sockets")
                #expect(seen["Sec-WebSocket-Protocol"] == (more.isEmpty ? nil : "chat"))
            }
        }

        @Test(
            "Attack: a socket ticket for a GET, for another event, from another origin, after its viewer was replaced"
        )
        func socketTickets() throws {
            let site = try FrameWorker.site()
            site.upstream.on("/event/e1/socket") { try WebSocket.serveEcho($0) }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("thief")).status == 200)
            let ticket = try #require(frame.socket)
            let offered = "Sec-WebSocket-Protocol: gateway-session.\(ticket)"
            func open(_ path: String, _ fields: [String]) throws -> Int {
                try Client(port: site.port).openWebSocket(path, fields).status
            }
            #expect(try open("/event/e1/socket", [offered, frame.own]) == 101)
            for origin in [[], ["Origin: https://evil.example"], ["Origin: null"], [frame.own, frame.own]] {
                #expect(try open("/event/e1/socket", [offered] + origin) == 401, "\(origin)")
            }
            #expect(try open("/event/e2/socket", [offered, frame.own]) == 401)
            #expect(try open("/event/e1/socket", [frame.own, "Gateway-Session: \(ticket)"]) == 401)
            #expect(try open("/event/e1/socket", [frame.own, "Cookie: gateway-session-0a0a0a0a=1\(ticket)"]) == 401)
            #expect(try fetch(site.port, "/event/e1/x", [offered, frame.own]).status == 401)
            #expect(try fetch(site.port, "/event/e1/x", ["Gateway-Session: \(ticket)"]).status == 401)
            #expect(try FrameWorker(site).open(FrameWorker.link("thief")).status == 200)
            #expect(try open("/event/e1/socket", [offered, frame.own]) == 409)
        }

        @Test("Attack: tickets exchanged twice, from another origin, in an address, or of another kind")
        func tickets() throws {
            let site = try FrameWorker.site()
            let frame = FrameWorker(site)
            let page = try frame.wayIn(FrameWorker.link("tickets"))
            let ticket = try #require(FrameWorker.datum("join", in: page))
            let keep = try #require(FrameWorker.datum("keep", in: page))
            let target = "/.gateway/join?gateway-ticket="
            for origin in [[], ["Origin: https://evil.example"], ["Origin: null"], [frame.own, frame.own]] {
                let answer = try fetch(site.port, target + ticket, method: "POST", origin + ["Content-Length: 0"])
                #expect(answer.status == 403, "\(origin)")
            }
            #expect(try fetch(site.port, target + ticket, [frame.own]).status == 405)
            #expect(try frame.join(keep).status == 401, "a page's")
            #expect(try Browser(site).open("/event/e1?gateway-ticket=\(ticket)").status == 401)
            #expect(try frame.join(ticket).status == 401, "used by that")
            let again = try #require(FrameWorker.datum("join", in: try frame.wayIn(FrameWorker.link("tickets"))))
            #expect(try frame.join(again).status == 200)
            #expect(try frame.join(again).status == 401)
        }

        @Test(
            "Attack: another site's POST, or one that does not say whose it is, which the worker would send on as its own"
        )
        func foreignPost() throws {
            let frame = FrameWorker(try FrameWorker.site())
            #expect(try frame.open(FrameWorker.link("csrf")).status == 200)
            let shown = "Gateway-Session: \(try #require(frame.session))"
            for fields in [
                [], ["Origin: https://evil.example"], ["Origin: null"], ["Sec-Fetch-Site: cross-site"],
                ["Sec-Fetch-Site: same-site"], ["Sec-Fetch-Site: none"],
            ] {
                for path in ["/event/e1/form", "/.gateway/leave", "/.gateway/take-over"] {
                    let answer = try fetch(
                        frame.site.port,
                        path,
                        method: "POST",
                        fields + [shown, "Content-Length: 0"]
                    )
                    try expectProblem(answer, 403, "origin_denied")
                }
            }
            #expect(try frame.request("/event/e1/form", "POST").status == 200)
            let own = [shown, "Sec-Fetch-Site: same-origin", "Content-Length: 0"]
            #expect(try fetch(frame.site.port, "/event/e1/form", method: "POST", own).status == 200)
        }

        @Test(
            "A redirect is told in a field, so that the session follows it nowhere",
            arguments: [301, 302, 303, 307, 308]
        )
        func redirects(status: Int) throws {
            let site = try FrameWorker.site()
            for path in ["/event/e1/away", "/public/away"] {
                site.upstream.on(path) { exchange in
                    let fields = ["Location: https://other.example/x?y=1", "Cache-Control: public, max-age=60"]
                    return try exchange.reply("\(status) Elsewhere", fields, "gone")
                }
            }
            site.upstream.on("/event/e1/nowhere") { try $0.reply("\(status) Nowhere", [], "") }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("redirect")).status == 200)
            for path in ["/event/e1/away", "/public/away"] {
                let answer = try frame.request(path)
                #expect(answer.status == 200 && answer["Location"] == nil && answer.text == "gone")
                #expect(answer["Gateway-Location"] == "\(status) https://other.example/x?y=1")
                #expect(answer.fields.values("cache-control") == ["no-store"], "no cache tells it to another")
            }
            let nowhere = try frame.request("/event/e1/nowhere")
            #expect(nowhere.status == status && nowhere["Gateway-Location"] == nil)
            // Whoever is no worker is redirected as ever.
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("other"))")
            let answer = try browser.fetch("/event/e1/away")
            #expect(answer.status == status && answer["Location"] != nil && answer["Gateway-Location"] == nil)
        }

        @Test("A page that sends no referrer sends one to us, so that its forms keep the session")
        func referrers() throws {
            let site = try FrameWorker.site()
            for path in ["/event/e1/shy", "/public/shy"] {
                site.upstream.on(path) { try $0.reply("200 OK", ["Referrer-Policy: no-referrer"], "") }
            }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("shy")).status == 200)
            for path in ["/event/e1/shy", "/public/shy"] {
                #expect(try frame.request(path).fields.values("referrer-policy") == ["same-origin"], "\(path)")
            }
            #expect(try fetch(site.port, "/public/shy").fields.values("referrer-policy") == ["no-referrer"])
        }

        @Test("An upstream cannot speak to the worker in the gateway's name")
        func upstreamFields() throws {
            let site = try FrameWorker.site()
            site.upstream.on("/event/e1/forged") { exchange in
                try exchange.reply(
                    "200 OK",
                    [
                        "Gateway-Session: forged", "gateway-worker: unregister", "Gateway_Location: 303 /x",
                        "Gateway-Event: e2", "Service-Worker-Allowed: /", "Gatewayish: stays",
                    ],
                    ""
                )
            }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("forged")).status == 200)
            let answer = try frame.request("/event/e1/forged")
            #expect(answer.status == 200 && answer["Gatewayish"] == "stays")
            #expect(!answer.fields.contains { $0.name.lowercased().hasPrefix("gateway-") })
            #expect(!answer.fields.contains { $0.name.lowercased().hasPrefix("gateway_") })
            #expect(answer["Service-Worker-Allowed"] == nil)
        }

        @Test("The embed host's own service worker does not take the place of ours; beside a cookie it may")
        func foreignWorker() throws {
            let site = try FrameWorker.site()
            let script = ["Service-Worker: script", "Sec-Fetch-Dest: serviceworker"]
            for path in ["/public/sw.js", "/event/e1/sw.js", "/sw.js"] {
                #expect(try fetch(site.port, path, script).status == 403, "\(path)")
            }
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("other"))")
            #expect(try browser.fetch("/event/e1/sw.js", "GET", script).status == 200)
            let other = try Site()
            #expect(try fetch(other.port, "/public/sw.js", script).status == 200)
        }

        @Test("Reloading the customer's page is no second join: the session goes on", arguments: ["refuse", "ask"])
        func reload(policy: String) throws {
            let site = try FrameWorker.site { $0.sessions += "\nsecond_join = \"\(policy)\"" }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("reload")).status == 200)
            let first = try #require(site.upstream.requests.last?["X-Gateway-Session"])
            // The worker has its session, so that the ticket is not needed.
            let told = try frame.request(
                Browser.path(try fetch(site.port, FrameWorker.link("reload"), FrameWorker.frame)["Location"] ?? ""),
                "GET",
                "dest=iframe, mode=navigate, from="
            )
            #expect(told.status == 200 && told["Gateway-Location"] == "303 /event/e1?a=1")
            // A worker that was asleep joins once more with what it has.
            let page = try FrameWorker(site).wayIn(FrameWorker.link("reload"))
            #expect(try frame.join(try #require(FrameWorker.datum("join", in: page))).status == 200)
            #expect(try frame.navigate("/event/e1").status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Session"] == first)
            // Another browser is kept out, and told so on a page.
            let other = try FrameWorker(site).open(FrameWorker.link("reload"))
            #expect(other.status == 409 && other.text.contains("already_active"))
        }

        @Test("A replaced session keeps until its viewer asks for it back, with the page's button")
        func takeOver() throws {
            let site = try FrameWorker.site()
            let (frame, other) = (FrameWorker(site), FrameWorker(site))
            #expect(try frame.open(FrameWorker.link("twice")).status == 200)
            #expect(try other.open(FrameWorker.link("twice")).status == 200)
            let page = try frame.navigate("/event/e1")
            #expect(page.status == 409 && page.text.contains("/.gateway/take-over?to="))
            #expect(try frame.renew().status == 200)
            #expect(try frame.navigate("/event/e1").status == 409)
            let taken = try frame.navigate("/.gateway/take-over?to=/event/e1&event=e1", "POST")
            #expect(taken.status == 200 && taken["Gateway-Location"] == "303 /event/e1")
            #expect(taken["Gateway-Session"] != nil && taken["Gateway-Event"] == "e1")
            #expect(try frame.navigate("/event/e1").status == 200)
            #expect(try other.navigate("/event/e1").status == 409)
        }

        @Test("A viewer who was kicked comes back by a new link, and not without one")
        func kicked() throws {
            let site = try FrameWorker.site()
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("kicked")).status == 200)
            let kick = try fetch(site.gateway.adminPort, "/sessions?registration=kicked", method: "DELETE")
            #expect(kick.status == 200)
            let page = try frame.navigate("/event/e1")
            #expect(page.status == 403 && page.text.contains("viewer_removed"))
            #expect(try frame.request("/event/e1/data").status == 403)
            let redirect = try fetch(site.port, FrameWorker.link("kicked"), FrameWorker.frame)
            let wayIn = try frame.navigate(Browser.path(redirect["Location"] ?? ""))
            #expect(wayIn.status == 401 && wayIn.text.contains("cookies_blocked"))
            #expect(try frame.join(try #require(FrameWorker.datum("join", in: wayIn))).status == 200)
            #expect(try frame.navigate("/event/e1").status == 200)
        }

        @Test("A session that no key of ours has sealed is forgotten; one that is merely over or unwelcome is not")
        func unknown() throws {
            let (site, former) = (try FrameWorker.site(), try FrameWorker.site())
            let (frame, stranger) = (FrameWorker(site), FrameWorker(former))
            #expect(try stranger.open(FrameWorker.link("stranger")).status == 200)
            #expect(try frame.open(FrameWorker.link("known")).status == 200)
            let known = frame.session
            for session in [stranger.session, "forged", frame.socket] {
                frame.session = session
                for answer in [try frame.navigate("/event/e1"), try frame.request("/event/e1/data")] {
                    #expect(answer.status == 401 && answer["Gateway-Worker"] == "forget")
                }
                #expect(try frame.request("/.gateway/session")["Gateway-Worker"] == "forget")
                let open = try frame.request("/public/x")
                #expect(open.status == 200 && open["Gateway-Worker"] == nil)
                // A link still lets the viewer in, whose ticket must not be spent.
                let page = try frame.wayIn(FrameWorker.link("known"))
                #expect(page.text.contains("cookies_blocked") && page["Gateway-Worker"] == nil)
                // Programs are told nothing.
                let program = try fetch(site.port, "/event/e1/x", ["Gateway-Session: \(session ?? "")"])
                #expect(program.status == 401 && program["Gateway-Worker"] == nil)
            }
            frame.session = known
            let elsewhere = try frame.request("/event/e2/data")
            #expect(elsewhere.status == 403 && elsewhere["Gateway-Worker"] == nil)
            #expect(try FrameWorker(site).open(FrameWorker.link("known")).status == 200)
            let replaced = try frame.request("/event/e1/data")
            #expect(replaced.status == 409 && replaced["Gateway-Worker"] == nil)
        }

        @Test("A navigation that WebKit sends without the session has no effect, and counts as no failure")
        func doubleNavigation() throws {
            let site = try FrameWorker.site { $0.limits = "failures_per_minute = 1\njoins_per_minute = 0" }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("double")).status == 200)
            let first = site.upstream.requests.last?["X-Gateway-Session"]
            for _ in 0..<5 {
                #expect(try fetch(site.port, "/event/e1?a=1", FrameWorker.frame).status == 401)
                #expect(try frame.navigate("/event/e1?a=1").status == 200)
            }
            #expect(site.upstream.requests.last?["X-Gateway-Session"] == first)
        }

        @Test("Without the setting there is no worker, and one from before is told to go")
        func off() throws {
            let site = try FrameWorker.site()
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("off")).status == 200)
            try site.gateway.rewrite(site.configuration())
            site.gateway.reload()
            let isGone = try eventually { try fetch(site.port, "/.gateway/worker.js").status == 404 }
            #expect(isGone)
            for path in ["/.gateway/join", "/.gateway/renew"] {
                #expect(try fetch(site.port, path, method: "POST", [frame.own, "Content-Length: 0"]).status == 404)
            }
            let answer = try frame.request("/event/e1/data")
            #expect(answer.status == 401 && answer["Gateway-Worker"] == "unregister")
            let page = try FrameWorker(site).wayIn(FrameWorker.link("off"))
            #expect(FrameWorker.datum("worker", in: page) == nil && FrameWorker.datum("join", in: page) == nil)
            #expect(page["Content-Security-Policy"]?.contains("worker-src") == false)
        }
    }
}
