import Basics
import Foundation
import Testing

/// A folder with the platform's quickstart as it is published, beside this repository, whose licence it does not have:
/// the branch `gh-pages` of github.com/introvoke/sequel-react-quickstart, with its `index.html` at the top. Without it,
/// the page below stands for it.
private let bundle = ProcessInfo.processInfo.environment["QUICKSTART_BUNDLE"]

extension EndToEnd {
    @Suite("The sample client in a real browser", .enabled(if: Chromium.isInstalled))
    struct SampleClientBrowserTests {
        /// The platform's sample client on the company's own site: the same calls with the same fields, in the same
        /// order. It shows only events that are still to come, and asks for the address and the event at once.
        private static func page(api: String, secret: String) -> String {
            """
            <!doctype html><title>our site</title><script type="module">
            const api = "\(api)";
            const call = async (method, path, token, body) => {
              const headers = { Accept: "application/json, text/plain, */*" };
              if (token) headers.Authorization = `Bearer ${token}`;
              if (body) headers["Content-Type"] = "application/json";
              const response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
              if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
              return response.json();
            };
            try {
              const { access_token } = await call("POST", "/api/oauth/token", null, {
                client_id: "acme", client_secret: "\(secret)", audience: "https://www.introvoke.com/api",
                grant_type: "client_credentials",
              });
              const [{ uid }, events] = await Promise.all([
                call("GET", "/api/v1/company/acme", access_token),
                call("GET", "/api/v1/company/acme/events", access_token),
              ]);
              if (uid !== "acme") throw new Error(`the company is ${uid}`);
              const [next] = events.filter((event) => new Date(event.startDate) > new Date());
              const [url, event] = await Promise.all([
                call("POST", `/api/v1/event/${next.uid}/embedCode`, access_token, {
                  userId: crypto.randomUUID(), userDisplayName: "Quickstart User",
                  userEmail: "sequel-quickstart-user@sequel.io",
                  userAvatar: "https://ui-avatars.com/api/?background=0D8ABC&color=fff&name=Quickstart+User",
                }),
                call("GET", `/api/v1/event/${next.uid}`, access_token),
              ]);
              const frame = document.createElement("iframe");
              frame.title = event.name;
              frame.allow = "camera *; microphone *; autoplay; display-capture *";
              frame.allowFullscreen = true;
              frame.src = url;
              document.body.append(frame);
            } catch (error) {
              await fetch("/failed?" + encodeURIComponent(error));
            }
            </script>
            """
        }

        /// Shows the quickstart in a frame of its own origin, signs in, and opens the first event that it lists.
        private static func visitor(secret: String) -> String {
            """
            <!doctype html><title>a visitor</title>
            <iframe id="quickstart" src="/sequel-react-quickstart/" style="width: 1000px; height: 700px"></iframe>
            <script type="module">
            const frame = document.getElementById("quickstart");
            const until = async (find) => {
              for (let turn = 0; turn < 400; turn++) {
                const found = find(frame.contentDocument);
                if (found) return found;
                await new Promise((resolve) => setTimeout(resolve, 50));
              }
              throw new Error(`not found: ${find}; ${frame.contentDocument?.body?.innerText}`);
            };
            const button = (text) => (page) =>
              [...page.querySelectorAll("button")].find((button) => button.textContent.includes(text) && !button.disabled);
            const enter = (field, text) => {
              const { set } = Object.getOwnPropertyDescriptor(frame.contentWindow.HTMLInputElement.prototype, "value");
              set.call(field, text);
              field.dispatchEvent(new frame.contentWindow.Event("input", { bubbles: true }));
            };
            try {
              enter(await until((page) => page.getElementById("clientId")), "acme");
              enter(await until((page) => page.getElementById("clientSecret")), "\(secret)");
              (await until(button("Login"))).click();
              (await until(button("Spring launch"))).click();
            } catch (error) {
              await fetch("/failed?" + encodeURIComponent(error));
            }
            </script>
            """
        }

        /// The event in the frame: it asks for its session, and reports it to the upstream.
        private static let event = """
            <!doctype html><title>event</title><script type="module">
            const session = await (await fetch("/.gateway/session")).json();
            const said = `${session.userName} ${session.role} framed ${window !== window.top}`;
            await fetch("/public/report?" + encodeURIComponent(`${said} address ${location.search}`));
            </script>
            """

        /// A gateway with an event that is to come, and a company's own site on another one.
        private struct Stage {
            let site: Site
            let customer: RecordingUpstream
            let event: String
            let api: String
            let apiPort: UInt16
            var page: String { "http://127.0.0.1:\(customer.port)" }

            init() throws {
                let certificates = try TestCertificates.shared.get()
                let port = try Listener.freePorts(1)[0]
                let (url, customer) = ("https://localhost:\(port)", try RecordingUpstream())
                (api, apiPort, self.customer) = (url, port, customer)
                site = try Site {
                    $0.publicURL = url
                    $0.top = """
                        [[listener]]
                        address = "127.0.0.1:\(port)"
                        certificate = "\(certificates.path("standard.pem"))"
                        key = "\(certificates.path("standard.key"))"
                        """
                    $0.embedOrigins = ["http://127.0.0.1:\(customer.port)"]
                    $0.log = "access_format = \"call {method} {path} {status} {user_agent}\""
                    $0.control = ""
                }
                let (start, end) = (Date(timeIntervalSinceNow: 3600), Date(timeIntervalSinceNow: 7200))
                let dates: JSONValue = [
                    "startDate": .string(start.ISO8601Format()), "endDate": .string(end.ISO8601Format()),
                ]
                event = try Backend.signedIn(site).createEvent("Spring launch", dates)
                let page = SampleClientBrowserTests.event
                site.upstream.on("/event/\(event)") { try $0.reply("200 OK", ["Content-Type: text/html"], page) }
            }

            /// Opens a page in Chromium, and waits until the event in its frame has reported.
            func visit(_ path: String, _ options: [String] = []) throws {
                let browser = try Chromium(options: options)
                try browser.navigate(to: page + path)
                defer { browser.close() }
                func said(_ requests: [RecordedRequest]) -> String? {
                    requests.first?.target.split(separator: "?").last.flatMap { String($0).removingPercentEncoding }
                }
                func report() -> String? { said(site.upstream.requests(for: "/public/report")) }
                func failure() -> String? { said(customer.requests(for: "/failed")) }
                let isDone = eventually(within: 60) { report() != nil || failure() != nil }
                #expect(isDone, "\(browser.complaints)")
                #expect(failure() == nil)
                #expect(report() == "Quickstart User attendee framed true address ")
                let shown = try #require(site.upstream.requests(for: "/event/\(event)").last)
                #expect(shown["X-Gateway-User-Email"] == "sequel-quickstart-user@sequel.io")
                try expectCalls()
            }

            /// The browser's calls of the control API in the order of their answers, such as
            /// `GET /api/v1/company/acme 200`.
            private func calls() -> [String] {
                var calls: [String] = []
                for line in site.gateway.log.split(separator: "\n") where line.contains("Chrome/") {
                    let words = line.split(separator: " ")
                    guard words.count > 4, words[0] == "call", words[2].hasPrefix("/api/") else { continue }
                    calls.append(words[1...3].joined(separator: " "))
                }
                return calls
            }

            /// Expects the sample client's five calls, each with its preflight. The second and third begin together, as
            /// do the last two.
            private func expectCalls() throws {
                let steps = [
                    [("POST", "/api/oauth/token")],
                    [("GET", "/api/v1/company/acme"), ("GET", "/api/v1/company/acme/events")],
                    [("POST", "/api/v1/event/\(event)/embedCode"), ("GET", "/api/v1/event/\(event)")],
                ]
                #expect(eventually { calls().count >= 10 })
                var seen = calls()[...]
                for step in steps {
                    let expected = step.flatMap { ["OPTIONS \($0.1) 204", "\($0.0) \($0.1) 200"] }
                    let part = Array(seen.prefix(expected.count))
                    #expect(part.sorted() == expected.sorted())
                    for (method, path) in step {
                        let preflight = try #require(part.firstIndex(of: "OPTIONS \(path) 204"))
                        let call = try #require(part.firstIndex(of: "\(method) \(path) 200"))
                        #expect(preflight < call)
                    }
                    seen = seen.dropFirst(expected.count)
                }
                #expect(seen.isEmpty)
            }
        }

        @Test(
            "Chromium calls the API from another site, and the embed URL opens the event in a frame there",
            .timeLimit(.minutes(2))
        )
        func browser() throws {
            let stage = try Stage()
            stage.customer.on("/") { exchange in
                let page = Self.page(api: stage.api, secret: Backend.secret(of: "acme"))
                return try exchange.reply("200 OK", ["Content-Type: text/html"], page)
            }
            try stage.visit("/")
        }

        @Test(
            "The platform's quickstart as it is published does the same, with the API's name leading here",
            .enabled(if: bundle != nil, "QUICKSTART_BUNDLE names no folder"),
            .timeLimit(.minutes(2))
        )
        func quickstart() throws {
            let (stage, folder) = (try Stage(), try #require(bundle))
            stage.customer.on("/visitor") { exchange in
                let page = Self.visitor(secret: Backend.secret(of: "acme"))
                return try exchange.reply("200 OK", ["Content-Type: text/html"], page)
            }
            let types = ["js": "text/javascript", "css": "text/css", "png": "image/png", "html": "text/html"]
            let top = "/sequel-react-quickstart/"
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
            let pages = ["", "login", "events", "events/\(stage.event)"].map { ($0, "index.html") }
            for (name, file) in files.map({ ($0, $0) }) + pages {
                guard let type = types[URL(fileURLWithPath: file).pathExtension] else { continue }
                let content = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")))
                stage.customer.on(top + name) { exchange in
                    exchange.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(content.count)\r\n\r\n"
                    )
                    return exchange.socket.send(content)
                }
            }
            try stage.visit(
                "/visitor",
                [
                    "--host-resolver-rules=MAP api.introvoke.com 127.0.0.1:\(stage.apiPort), MAP * ~NOTFOUND, "
                        + "EXCLUDE 127.0.0.1, EXCLUDE localhost"
                ]
            )
        }
    }
}
