import Basics
import Foundation
import Testing

extension EndToEnd {
    /// Every page and action of the console in Chromium. Pictures of the pages are kept in `.build/screenshots`.
    @Suite("The operator console in a real browser", .enabled(if: Chromium.isInstalled), .timeLimit(.minutes(4)))
    struct ConsoleBrowserTests {
        /// Opens a page of the console, signing in with the keyboard.
        private func signIn(
            _ browser: Chromium,
            _ site: Site,
            _ token: String = ConsoleTests.token,
            at path: String = "/console/"
        ) throws {
            try browser.open("http://127.0.0.1:\(site.gateway.adminPort)\(path)")
            try browser.wait("location.pathname === '/console/sign-in'")
            try browser.wait("document.activeElement.id === 'token'")
            try browser.fill("#token", token)
            try browser.press("Enter")
            // A page without its style yet would be clicked beside its links.
            try browser.wait("document.querySelector('nav [aria-current]') && document.readyState === 'complete'")
        }

        /// Opens a page by the navigation.
        private func go(_ browser: Chromium, to place: String) throws {
            _ = try browser.evaluate("window.isLeft = true")
            try browser.click("nav a[href='/console/\(place)']")
            try browser.wait(
                "!window.isLeft && location.pathname === '/console/\(place)' && document.readyState === 'complete'"
            )
        }

        /// Nothing sticks out of the page, and no policy was violated.
        ///
        /// - Parameter status: of an answer that the browser complains of and should.
        private func judge(_ browser: Chromium, width: Int, besides status: Int? = nil) throws {
            #expect(try browser.evaluate("document.documentElement.scrollWidth").number ?? 0 <= Double(width))
            let complaints = browser.complaints.filter { complaint in
                status.map { !complaint.contains("status of \($0)") } ?? true
            }
            #expect(complaints == [])
        }

        private func join(_ site: Site, _ viewer: Minter.Viewer) throws {
            #expect(
                try Browser(site).open("/event/\(viewer.event ?? "")?token=\(Minter.acme.token(viewer))").status == 200
            )
        }

        @Test("A wrong token is refused in words; the right one leads to the page that was asked for")
        func signingIn() throws {
            let site = try ConsoleTests.site()
            let browser = try Chromium()
            try browser.open("http://127.0.0.1:\(site.gateway.adminPort)/console/log?level=warning")
            try browser.fill("#token", "a wrong one that is long enough")
            try browser.click("button.main")
            try browser.wait(forText: "Wrong token.")
            try browser.screenshot("console-sign-in")
            try browser.fill("#token", ConsoleTests.token)
            try browser.click("button.main")
            try browser.wait("location.pathname + location.search === '/console/log?level=warning'")
            #expect(try browser.evaluate("document.cookie").text == "")
            try browser.wait(forText: "a sign-in was refused")
            try browser.click(".who button")
            try browser.wait("location.pathname === '/console/sign-in'")
            try browser.open("http://127.0.0.1:\(site.gateway.adminPort)/console/")
            try browser.wait("location.pathname === '/console/sign-in'")
            // The answers to the wrong token are told of, and nothing else.
            #expect(browser.complaints.allSatisfy { $0.contains("403") })
        }

        @Test("The overview follows what happens without being loaded again")
        func overview() throws {
            let site = try ConsoleTests.site()
            let browser = try Chromium()
            try signIn(browser, site)
            try browser.wait("document.getElementById('live').textContent === 'live'")
            _ = try browser.evaluate("window.isSamePage = true")
            try join(site, Minter.Viewer(registration: "r1", user: "u1"))
            try join(site, Minter.Viewer(registration: "r1", user: "u1"))
            _ = try fetch(site.port, "/event/e1?token=broken")
            try browser.wait("document.querySelector('[data-live=viewers]').textContent === '1'")
            try browser.wait(
                "[...document.querySelectorAll('tbody tr:not([hidden]) th')].some(x => x.innerText === 'token_invalid')"
            )
            try browser.wait(
                "document.querySelector('[data-path=\"chart.viewers.0\"]').getAttribute('d').startsWith('M')"
            )
            #expect(try browser.evaluate("window.isSamePage === true") == true)
            let text = try browser.text()
            for word in ["Viewers now", "Take-overs", "embed-host", "127.0.0.1:\(site.upstream.port)", "up", "ready"] {
                #expect(text.contains(word), "\(word)")
            }
            try judge(browser, width: 1280)
            try browser.screenshot("console-overview")
        }

        @Test("A page that is no longer kept up to date says so, why, and of when its values are")
        func stale() throws {
            let site = try ConsoleTests.site()
            let browser = try Chromium()
            try signIn(browser, site)
            try browser.wait("document.getElementById('live').textContent === 'live'")
            #expect(try browser.evaluate("document.getElementById('stale').hidden") == true)
            // Sign-ins are in memory: the next process asks again, and leads back.
            let former = try site.gateway.takeOver()
            #expect(former.wait(within: 20) == 0)
            try browser.wait("location.pathname + location.search === '/console/sign-in?to=%2Fconsole%2F'")
            try browser.fill("#token", ConsoleTests.token)
            try browser.press("Enter")
            try browser.wait("document.getElementById('live')?.textContent === 'live'")

            try go(browser, to: "log")
            let cookie = try ConsoleTests.signIn(site)
            var watchers: [Client] = []
            let isFull = try eventually {
                let client = try Client(port: site.gateway.adminPort)
                client.send("GET /console/events HTTP/1.1\r\nHost: localhost\r\n\(cookie)\r\n\r\n")
                let head = String(decoding: try client.reader.head() ?? [], as: UTF8.self)
                if head.contains(" 200 ") { watchers.append(client) }
                return watchers.count == 24
            }
            #expect(isFull)
            try go(browser, to: "")
            try browser.wait(forText: "Too many pages are kept up to date")
            #expect(try browser.evaluate("document.body.dataset.stale === ''") == true)
            withExtendedLifetime(watchers) {}
            watchers = []

            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 20) == 0)
            try browser.wait("/Last reading \\d\\d:\\d\\d:\\d\\d UTC/.test(document.getElementById('stale').innerText)")
            try browser.wait(forText: "The gateway does not answer")
            try browser.screenshot("console-stale")
        }

        @Test("A viewer is found, removed until a time with confirmation, and let in again")
        func removing() throws {
            let site = try ConsoleTests.site()
            for number in 1...3 {
                try join(site, Minter.Viewer(registration: "r\(number)", user: "u\(number)", name: "Viewer \(number)"))
            }
            let browser = try Chromium()
            try signIn(browser, site, at: "/console/sessions")
            try browser.wait(forText: "Viewer 3")
            try browser.screenshot("console-sessions")
            try browser.fill("input[name=q]", "viewer 2")
            try browser.click(".filter button")
            try browser.wait("document.getElementById('total').textContent === '1'")
            try browser.click("tbody a.button")
            try browser.wait("document.querySelector('h1').textContent === 'Remove a viewer'")
            try browser.wait(forText: "Viewer 2")
            try browser.click("input[value=registration]")
            try browser.click("input[value=until]")
            try browser.fill("input[name=until]", "2090-12-24T18:30")
            try browser.fill("input[name=reason]", "Shouting")
            try browser.screenshot("console-remove")
            #expect(
                try fetch(site.gateway.adminPort, "/removals", ["Authorization: Bearer \(ConsoleTests.token)"]).json()[
                    "total"
                ] == 0
            )
            try browser.click("button.danger")
            try browser.wait(forText: "The viewer was removed.")
            for word in ["r2", "2090-12-24 18:30:00", "Shouting"] { try browser.wait(forText: word) }
            try browser.screenshot("console-removals")
            let link = "/event/e1?token=\(Minter.acme.registration("r2"))"
            #expect(try Browser(site).open(link).status == 403)
            try browser.click("tbody button")
            try browser.wait(forText: "The viewer may join again.")
            #expect(try Browser(site).open(link).status == 200)
            try judge(browser, width: 1280)
        }

        @Test("Ending a session lets its viewer join again")
        func ending() throws {
            let site = try ConsoleTests.site()
            let viewer = Browser(site)
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            #expect(try viewer.open(link).status == 200)
            let browser = try Chromium()
            try signIn(browser, site, at: "/console/sessions")
            try browser.click("tbody a.button")
            try browser.click("input[value=session]")
            try browser.click("button.danger")
            try browser.wait(forText: "The session was ended.")
            #expect(try viewer.fetch("/event/e1").status == 403)
            #expect(try Browser(site).open(link).status == 200)
            #expect(browser.complaints == [])
        }

        @Test("A server is taken out and put back, and the file is loaded again or refused")
        func operating() throws {
            let site = try ConsoleTests.site()
            let browser = try Chromium()
            try signIn(browser, site)
            try go(browser, to: "upstreams")
            try browser.click("tbody button")
            try browser.wait(forText: "No other server of embed-host can take its requests.")
            #expect(try fetch(site.port, "/public/x").status == 200)
            try browser.click("button.danger")
            try browser.wait(forText: "The server is drained")
            try browser.wait("document.querySelector('.state').dataset.state === 'drained'")
            #expect([502, 503].contains(try fetch(site.port, "/public/x").status))
            try browser.screenshot("console-upstreams")
            try browser.click("tbody button")
            try browser.wait(forText: "The server is back in service.")
            #expect(try fetch(site.port, "/public/x").status == 200)

            try go(browser, to: "configuration")
            let settings = try browser.text(of: "pre")
            #expect(settings.contains("[[company]]") && settings.contains("token_file"))
            for secret in [ConsoleTests.token, ConsoleTests.readToken, Minter.secret] {
                #expect(!settings.contains(secret))
            }
            try browser.click("main button")
            try browser.wait(forText: "The file was loaded.")
            try browser.screenshot("console-configuration")
            try site.gateway.directory.write("gateway.conf", "no_such_key = 1")
            try browser.click("main button")
            try browser.wait(forText: "nothing has changed")
            try browser.wait(forText: "no_such_key")
            try browser.screenshot("console-refused")
            try go(browser, to: "")
            try browser.wait("document.getElementById('live').textContent === 'live'")
            #expect(try browser.text().contains("The last reload of the configuration failed at"))
            try browser.screenshot("console-alarm")

            try go(browser, to: "log")
            try browser.wait(forText: "no_such_key")
            try browser.fill("input[name=q]", "NO_SUCH_KEY")
            try browser.click(".filter button")
            try browser.wait("location.search.includes('NO_SUCH_KEY') && document.querySelector('.log')")
            let lines =
                try browser.evaluate("[...document.querySelectorAll('.log li')].map(x => x.innerText)").list ?? []
            #expect(!lines.isEmpty && lines.allSatisfy { $0.text?.contains("no_such_key") ?? false })
            try browser.screenshot("console-log")
            // It asks before it drains the last server.
            try judge(browser, width: 1280, besides: 409)
        }

        /// A site with a company in the configuration, which has an event with a registration and a webhook, and one in
        /// the database.
        private func siteWithCompanies(_ receiver: RecordingUpstream) throws -> (site: Site, initech: JSONValue) {
            let site = try ConsoleTests.site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
            let backend = try Backend.signedIn(site)
            let webhook: JSONValue = [
                "eventType": "registration.created",
                "endpoint": .string("http://127.0.0.1:\(receiver.port)/hook?secret=in-the-query"),
            ]
            #expect(try backend.call("POST", "/webhooks", webhook).status == 201)
            let event = try backend.createEvent("Launch <b>now</b>")
            _ = try backend.register("ada@acme.example", for: event, name: "Ada <i>Lovelace</i>")
            let made = try fetch(
                site.gateway.adminPort,
                "/companies",
                method: "POST",
                ["Authorization: Bearer \(ConsoleTests.token)"],
                body: Array("{\"id\":\"initech\",\"name\":\"Initech\"}".utf8),
                within: 20
            )
            try #require(made.status == 201, "\(made)")
            #expect(eventually { receiver.requests(for: "/hook").count == 1 })
            return (site, try made.json())
        }

        @Test(
            """
            Companies lead to their events, registrations and webhooks, a message is delivered again, and keys are added \
            and revoked
            """
        )
        func companies() throws {
            let receiver = try RecordingUpstream { try $0.reply("204 No Content") }
            let (site, initech) = try siteWithCompanies(receiver)
            let browser = try Chromium()
            try signIn(browser, site)
            try go(browser, to: "companies")
            try browser.screenshot("console-companies")
            try browser.click("tbody a[href$='=acme']")
            try browser.wait(forText: "Launch <b>now</b>")
            try browser.wait(forText: "acme-2026, HS256, signs and verifies")
            try browser.wait(forText: "in the configuration file")
            #expect(try !browser.text().contains(Minter.secret))
            try browser.screenshot("console-company")
            try browser.click("tbody a[href*='/event?']")
            try browser.wait(forText: "Ada <i>Lovelace</i>")
            try browser.fill("input[name=q]", "ADA@")
            try browser.click(".filter button")
            try browser.wait("location.search.includes('ADA') && document.getElementById('total').textContent === '1'")
            try browser.screenshot("console-event")
            try browser.click("dd a[href*='/one?']")
            try browser.click("tbody a[href*='/webhook?']")
            try browser.wait(forText: "registration.created")
            try browser.screenshot("console-webhook")
            try browser.click("tbody button")
            try browser.wait(forText: "The message is queued.")
            #expect(eventually { receiver.requests(for: "/hook").count == 2 })
            #expect(try !browser.text().contains("in-the-query"))
            try go(browser, to: "companies")
            try browser.click("tbody a[href$='=initech']")
            try changeKeys(browser, site, first: try #require(initech["clientSecret"]?.text))
            try judge(browser, width: 1280)
        }

        /// Adds a client secret and a key on the company's page, and revokes others.
        private func changeKeys(_ browser: Chromium, _ site: Site, first: String) throws {
            let backend = Backend(port: site.port, company: "initech")
            try browser.wait(forText: "in the database")
            #expect(try !browser.text().contains(first))
            try browser.click("form[action$='secrets/add'] button")
            try browser.wait(forText: "It is shown this once")
            let secret = try browser.text(of: "[data-once]")
            try browser.screenshot("console-new-secret")
            try backend.signIn(secret: secret)
            // Loading the page again makes no other, and neither that nor the way back shows this one.
            _ = try browser.evaluate("location.reload()")
            try browser.wait("document.querySelector('h1').textContent === 'Company'")
            #expect(try browser.evaluate("document.querySelectorAll('a[href*=\"kind=secret\"]').length") == 2)
            #expect(try !browser.text().contains(secret))
            _ = try browser.evaluate("history.back()")
            try browser.wait("document.readyState === 'complete'")
            #expect(try !browser.text().contains(secret))

            try browser.open("http://127.0.0.1:\(site.gateway.adminPort)/console/companies/one?id=initech")
            // The first secret, which the company had from the start.
            try browser.click("a[href*='kind=secret']")
            try browser.wait(forText: "cannot be undone")
            try browser.screenshot("console-revoke")
            try browser.click("button.danger")
            try browser.wait(forText: "The client secret was revoked.")
            let refused = try backend.call("POST", "/api/oauth/token", backend.credentials(secret: first))
            #expect(refused.status == 401)
            #expect(throws: Never.self) { try backend.signIn(secret: secret) }

            try browser.click("summary")
            try browser.fill("select[name=kind]", "secret")
            try browser.fill("input[name=kid]", "backend-2026")
            try browser.screenshot("console-new-key")
            try browser.click("form[action$='keys/add'] button")
            try browser.wait(forText: "It is shown this once")
            let key = try browser.text(of: "[data-once]")
            try browser.click("main a.button")
            try browser.wait(forText: "backend-2026")
            try browser.screenshot("console-company-stored")
            try browser.click("a[href*='id=backend-2026']")
            try browser.wait(forText: "sessions that began with them end")
            try browser.click("button.danger")
            try browser.wait(forText: "The key was revoked.")
            #expect(try !browser.text(of: "table").contains("backend-2026"))
            let log = site.gateway.log
            #expect(log.contains("client secret added by an operator") && log.contains("backend-2026"))
            for text in [secret, key] { #expect(!log.contains(text) && text.utf8.count > 40) }
        }

        @Test("Names with markup and turned directions run nothing and turn nothing, wide and on a telephone")
        func hostile() throws {
            let site = try ConsoleTests.site()
            let names = [
                "<img src=x onerror=\"document.title='run'\">",
                "</td></tr></table><script>document.title='run'</script>",
                "exe.\u{202e}gnp", String(repeating: "W", count: 200), "'\"><svg onload=document.title='run'>",
            ]
            for (number, name) in names.enumerated() {
                try join(site, Minter.Viewer(registration: "r\(number)", user: "<b>u\(number)</b>", name: name))
            }
            for width in [1280, 390] {
                let browser = try Chromium(width: width)
                try signIn(browser, site, at: "/console/sessions")
                try browser.wait(forText: "<img src=x")
                #expect(
                    try browser.evaluate("document.querySelectorAll('main img, main svg, main b, main script').length")
                        == 0
                )
                #expect(try browser.evaluate("document.title").text == "Sessions · Embed Gateway")
                #expect(try browser.text().contains("exe.\\u202egnp"))
                try judge(browser, width: width)
                try browser.screenshot("console-hostile-\(width)")
            }
        }

        @Test(
            "Every page fits a telephone, in light and dark, and shows readers no way to act",
            arguments: [false, true]
        )
        func narrow(isDark: Bool) throws {
            let receiver = try RecordingUpstream { try $0.reply("204 No Content") }
            let site = try siteWithCompanies(receiver).site
            try join(site, Minter.Viewer(registration: "r1", user: "u1"))
            let browser = try Chromium(width: 390, height: 844, isDark: isDark)
            try signIn(browser, site, ConsoleTests.readToken)
            func look(_ name: String) throws {
                try judge(browser, width: 390)
                #expect(try browser.evaluate("document.querySelectorAll('main form[method=post]').length") == 0)
                try browser.screenshot("console-390-\(isDark ? "dark" : "light")-\(name)")
            }
            for place in ["", "sessions", "removals", "companies", "upstreams", "configuration", "log"] {
                try go(browser, to: place)
                try look(place.isEmpty ? "overview" : place)
                guard place.isEmpty else { continue }
                let stays = """
                    (() => { const [tag, top] = [document.getElementById("live"), () => \
                    document.querySelector("nav").getBoundingClientRect().top];
                    tag.textContent = "live"; const before = top(); tag.textContent = "not live";
                    return top() === before && before < 60; })()
                    """
                #expect(try browser.evaluate(stays) == true, "the navigation moves when the page becomes live")
            }
            for (name, link) in [("webhook", "/webhook?"), ("event", "/event?")] {
                try browser.open("http://127.0.0.1:\(site.gateway.adminPort)/console/companies/one?id=acme")
                #expect(try !browser.text().contains("/hook"))
                try look("company")
                try browser.click("tbody a[href*='\(link)']")
                try browser.wait(
                    "location.pathname.startsWith('/console/companies/\(name)') && document.readyState === 'complete'"
                )
                try look(name)
            }
            try browser.open("http://127.0.0.1:\(site.gateway.adminPort)/console/companies/one?id=initech")
            try look("company-stored")
        }

        @Test("The keyboard reaches everything: first a way past the navigation, and the focus can be seen")
        func keyboard() throws {
            let site = try ConsoleTests.site()
            let browser = try Chromium()
            try signIn(browser, site)
            try browser.press("Tab")
            #expect(try browser.evaluate("document.activeElement.className").text == "skip")
            #expect(try browser.evaluate("document.activeElement.getBoundingClientRect().left >= 0") == true)
            try browser.press("Enter")
            try browser.wait("document.activeElement.id === 'content'")
            _ = try browser.evaluate("document.querySelector('nav a').focus()")
            try browser.press("Tab")
            try browser.press("Enter")
            try browser.wait("location.pathname === '/console/sessions'")
        }
    }
}
