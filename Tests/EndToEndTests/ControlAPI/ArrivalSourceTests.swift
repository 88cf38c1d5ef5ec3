import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Analytics say with what viewers came and from which sites, and keep no header field for it")
    struct ArrivalSourceTests {
        private static let phone = """
            Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 \
            Mobile/15E148 Safari/604.1
            """
        private static let desktop = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

        /// Joins as a browser does that follows a link in a frame.
        private func join(_ browser: Browser, _ target: String, _ fields: [String]) throws {
            var response = try browser.navigate(target, "GET", fields)
            for _ in 0..<5 where response.status == 303 || response.status == 302 {
                response = try browser.navigate(Browser.path(response["Location"] ?? ""), "GET", fields)
            }
            try #require(response.status == 200, "\(response)")
        }

        @Test("A listed site by its host, all others as other; later pages and requests change nothing")
        func sources() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let people = [
                (Self.phone, ["Referer: https://www.acme.example/launch?visitor=secret-17"]),
                (Self.desktop, ["Referer: https://elsewhere.example/secret-18"]), (Self.desktop, []),
            ]
            for (index, (agent, fields)) in people.enumerated() {
                let registered = try backend.register("p\(index)@example.com", for: event)
                let browser = Browser(site, host: UInt8(index + 1))
                try join(browser, registered.target, ["User-Agent: \(agent)"] + fields)
                // Another page of the event, with another browser's name.
                let own = "Referer: http://localhost:\(site.port)/event/\(event)"
                #expect(try browser.fetch("/event/\(event)/poll", "GET", ["User-Agent: curl/8", own]).status == 200)
            }
            let path = "/event/\(event)/analytics"
            let areThere = try eventually { try backend.ask("GET", path)["attended"] == 3 }
            #expect(areThere)
            let report = try backend.call("GET", path)
            let (devices, sites) = (try report.json()["devices"], try report.json()["sites"])
            #expect(
                devices == [
                    ["device": "desktop", "browser": "firefox", "attended": 2],
                    ["device": "mobile", "browser": "safari", "attended": 1],
                ]
            )
            let expected: [JSONValue] = [
                ["site": .null, "attended": 1], ["site": "other", "attended": 1],
                ["site": "www.acme.example", "attended": 1],
            ]
            #expect(sites?.list == expected)
            #expect(!report.text.contains("secret-1") && !report.text.contains("Gecko"))
        }
    }
}
