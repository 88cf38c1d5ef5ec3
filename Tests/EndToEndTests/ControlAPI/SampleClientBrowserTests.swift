import Basics
import Foundation
import Testing

private let chromium = "/usr/bin/chromium"

extension EndToEnd {
    @Suite("The sample client in a real browser", .enabled(if: FileManager.default.isExecutableFile(atPath: chromium)))
    struct SampleClientBrowserTests {
        /// The platform's sample client on the company's own site: the same calls with the same fields, in the same
        /// order. It shows only events that are still to come, and asks for the address and the event at once.
        private static func page(api: String, secret: String, event: String) -> String {
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
              const { uid } = await call("GET", "/api/v1/company/acme", access_token);
              const events = await call("GET", `/api/v1/company/${uid}/events`, access_token);
              const [next] = events.filter((event) => new Date(event.startDate) > new Date());
              const [url, event] = await Promise.all([
                call("POST", `/api/v1/event/${next.uid}/embedCode`, access_token, {
                  userId: "u-17", userDisplayName: "Grace Hopper", userEmail: "grace@example.com",
                  userAvatar: "https://ui-avatars.com/api/?background=0D8ABC&color=fff&name=Grace+Hopper",
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

        /// The event in the frame: it asks for its session, and reports it to the upstream.
        private static let event = """
            <!doctype html><title>event</title><script type="module">
            const session = await (await fetch("/.gateway/session")).json();
            const said = `${session.userId} ${session.userName} ${session.role} framed ${window !== window.top}`;
            await fetch("/public/report?" + encodeURIComponent(`${said} address ${location.search}`));
            </script>
            """

        @Test(
            "Chromium calls the API from another site, and the embed URL opens the event in a frame there",
            .timeLimit(.minutes(2))
        )
        func browser() throws {
            let certificates = try TestCertificates.shared.get()
            let ports = try Listener.freePorts(1)
            let (url, customer) = ("https://localhost:\(ports[0])", try RecordingUpstream())
            let customerURL = "http://127.0.0.1:\(customer.port)"
            let site = try Site {
                $0.publicURL = url
                $0.top = """
                    [[listener]]
                    address = "127.0.0.1:\(ports[0])"
                    certificate = "\(certificates.path("standard.pem"))"
                    key = "\(certificates.path("standard.key"))"
                    """
                $0.embedOrigins = [customerURL]
                $0.control = ""
            }
            let (start, end) = (Date(timeIntervalSinceNow: 3600), Date(timeIntervalSinceNow: 7200))
            let dates: JSONValue = [
                "startDate": .string(start.ISO8601Format()), "endDate": .string(end.ISO8601Format()),
            ]
            let event = try Backend.signedIn(site).createEvent("Spring launch", dates)
            site.upstream.on("/event/\(event)") { try $0.reply("200 OK", ["Content-Type: text/html"], Self.event) }
            customer.on("/") { exchange in
                let page = Self.page(api: url, secret: Backend.secret(of: "acme"), event: event)
                return try exchange.reply("200 OK", ["Content-Type: text/html"], page)
            }
            let directory = try TemporaryDirectory()
            let browser = try Child(
                chromium,
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--ignore-certificate-errors", "--user-data-dir=\(directory["profile"])", "\(customerURL)/",
                ],
                output: directory["output"],
                errors: directory["errors"]
            )
            func said(_ requests: [RecordedRequest]) -> String? {
                requests.first?.target.split(separator: "?").last.flatMap { String($0).removingPercentEncoding }
            }
            let isDone = eventually(within: 60) {
                !site.upstream.requests(for: "/public/report").isEmpty || !customer.requests(for: "/failed").isEmpty
            }
            #expect(isDone, "\(Child.text(of: directory["errors"]).suffix(2000))")
            #expect(said(customer.requests(for: "/failed")) == nil)
            let report = said(site.upstream.requests(for: "/public/report"))
            #expect(report == "u-17 Grace Hopper attendee framed true address ")
            browser.send(SIGTERM)
            _ = browser.wait(within: 10)
        }
    }
}
