import Testing

extension EndToEnd {
    @Suite("A join code does what the join URL does")
    struct JoinCodeTests {
        private static func site(_ limits: String = "") throws -> Site {
            try Site {
                $0.control = ""
                $0.limits = "joins_per_minute = 0\n" + (limits.isEmpty ? "failures_per_minute = 0" : limits)
            }
        }

        @Test("It leads to the registration's token, and then in, however it is written")
        func redeemed() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let registered = try backend.register("ada@example.com", for: event)
            let code = registered.joinCode
            #expect(code.utf8.count == 12)
            let hyphenated = code.prefix(4) + "-" + code.dropFirst(4).prefix(4) + "-" + code.dropFirst(8)
            for text in [code, code.lowercased(), String(hyphenated)] {
                let browser = Browser(site)
                let response = try browser.navigate("/event/\(event)?joinCode=\(text)")
                #expect(response.status == 303)
                #expect(response["Cache-Control"]?.contains("no-store") == true)
                #expect(Browser.path(response["Location"] ?? "") == registered.target)
                #expect(try browser.open("/event/\(event)?joinCode=\(text)").status == 200)
                let seen = try #require(site.upstream.requests.last)
                #expect(!seen.target.contains(code) && !seen.target.contains("token"))
                #expect(seen["X-Gateway-User-Email"] == "ada@example.com")
            }
            #expect(!site.gateway.log.contains(code), "the log holds no code")
        }

        @Test(
            "A link works with what mail programs and trackers cut off or add",
            arguments: [
                "joinCode=#?utm_source=mail", "a=1&amp;joinCode=#", "joinCode=#.", "joinCode=#%0D%0A", "joinCode=#%3E",
                "joinCode=3D#", "joinCode=%3D#", "joinCode=%3D3D#", "joinCode==#", "utm?joinCode=#&b",
            ]
        )
        func broken(query: String) throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let code = try backend.register("ada@example.com", for: event).joinCode
            let link = query.replacing("#", with: code)
            #expect(try Browser(site).open("/event/\(event)?\(link)").status == 200)
            #expect(site.upstream.requests.last?.target.contains(code) == false)
            #expect(try fetch(site.port, "/public/a?\(link)").status == 200)
            #expect(site.upstream.requests.last?.target.contains(code) == false)
        }

        @Test("Other members of the query stay")
        func query() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let code = try backend.register("ada@example.com", for: event).joinCode
            #expect(try Browser(site).open("/event/\(event)?a=1&joinCode=\(code)&b=%20").status == 200)
            let target = try #require(site.upstream.requests.last?.target)
            #expect(target.contains("a=1") && target.contains("b=%20") && !target.contains("joinCode"))
        }

        @Test("Another event's code is refused, also by an event of the same company")
        func wrongEvent() throws {
            let site = try Self.site()
            let backend = try Backend.signedIn(site)
            let (event, other) = (try backend.createEvent("One"), try backend.createEvent("Two"))
            let foreign = try Backend.signedIn(site, company: "globex").createEvent()
            let code = try backend.register("ada@example.com", for: event).joinCode
            for uid in [other, foreign, "e1"] {
                try expectProblem(try fetch(site.port, "/event/\(uid)?joinCode=\(code)"), 403, "wrong_event")
            }
            #expect(try fetch(site.port, "/assets/app.js?joinCode=\(code)").status == 401)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("The code of a deleted registration or event says so, over a restart too")
        func removed() throws {
            let site = try Self.site("failures_per_minute = 1")
            let backend = try Backend.signedIn(site)
            let (event, gone) = (try backend.createEvent(), try backend.createEvent())
            let codes = [
                (event, try backend.register("ada@example.com", for: event).joinCode),
                (gone, try backend.register("ada@example.com", for: gone).joinCode),
            ]
            #expect(
                try backend.call("DELETE", "/event/\(event)/registrant", ["email": "ada@example.com"]).status == 204
            )
            #expect(try backend.call("DELETE", "/event/\(gone)").status == 200)
            func check() throws {
                // A holder of the code is not guessing: it does not count.
                for (event, code) in codes + codes {
                    let response = try fetch(site.port, "/event/\(event)?joinCode=\(code)")
                    try expectProblem(response, 403, "registration_removed")
                }
            }
            try check()
            try site.gateway.restart()
            try check()
        }

        @Test("Guesses are limited by address, and the right code still passes")
        func guesses() throws {
            let site = try Self.site("failures_per_minute = 5")
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let code = try backend.register("ada@example.com", for: event).joinCode
            func status(_ code: String, host: UInt8 = 9) throws -> Response {
                try Client(port: site.port, host: host).exchange("/event/\(event)?joinCode=\(code)")
            }
            for number in 0..<5 {
                try expectProblem(try status("00000000000\(number)"), 401, "token_invalid")
            }
            let refused = try status("000000000009")
            try expectProblem(refused, 429, "too_many_joins")
            #expect((refused["Retry-After"].flatMap { Int($0) } ?? 0) > 0)
            for host in [9, 10] as [UInt8] { #expect(try status(code, host: host).status == 303) }
        }

        @Test(
            "Invalid codes are refused: too short, too long, empty, with letters that do not exist",
            arguments: [
                "", "0", "00000000000", "0000000000000", "UUUUUUUUUUUU", "%00%00%00%00%00%00%00%00%00%00%00%00",
                "a'%20OR%201=1",
            ]
        )
        func malformed(code: String) throws {
            let site = try Self.site()
            let event = try Backend.signedIn(site).createEvent()
            let response = try fetch(site.port, "/event/\(event)?joinCode=\(code)")
            #expect([400, 401].contains(response.status))
            #expect(site.upstream.requests.isEmpty)
        }
    }
}
