import Foundation
import Testing

extension EndToEnd {
    @Suite("A restart loses no session")
    struct RestartTests {
        /// Two sessions of one registration, in the order in which they joined.
        private func pair(_ site: Site) throws -> (bearer: String, first: String, second: String) {
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let first = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            usleep(5000)
            let second = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            return (bearer, first, second)
        }

        private func status(_ site: Site, _ bearer: String, _ session: String) throws -> Int {
            try fetch(site.port, "/event/e1", [bearer, "Gateway-Session: \(session)"]).status
        }

        @Test("The cookie stays valid, and the key is not replaced")
        func cookie() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            try site.gateway.restart()
            #expect(try browser.fetch("/event/e1/poll").status == 200)
            let sessions = Set(site.upstream.requests.compactMap { $0["X-Gateway-Session"] })
            #expect(sessions.count == 1)
        }

        @Test("take_over: of two sessions the later joined wins, whichever comes first", arguments: [false, true])
        func takeOver(laterComesFirst: Bool) throws {
            let site = try Site()
            let (bearer, first, second) = try pair(site)
            try site.gateway.restart()
            if laterComesFirst {
                #expect(try status(site, bearer, second) == 200)
                #expect(try status(site, bearer, first) == 409)
            } else {
                #expect(try status(site, bearer, first) == 200)
                #expect(try status(site, bearer, second) == 200)
                #expect(try status(site, bearer, first) == 409)
            }
            #expect(try status(site, bearer, second) == 200)
        }

        @Test("refuse: of two sessions the earlier joined wins, whichever comes first", arguments: [false, true])
        func refuse(laterComesFirst: Bool) throws {
            let site = try Site()
            let (bearer, first, second) = try pair(site)
            try site.gateway.rewrite(site.configuration { $0.sessions = "second_join = \"refuse\"" })
            try site.gateway.restart()
            if laterComesFirst { #expect(try status(site, bearer, second) == 200) }
            #expect(try status(site, bearer, first) == 200)
            #expect(try status(site, bearer, second) == 409)
            #expect(try status(site, bearer, first) == 200)
        }
    }
}
