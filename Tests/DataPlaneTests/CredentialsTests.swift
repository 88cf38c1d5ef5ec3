import Admission
import Basics
import JOSE
import Testing

@testable import DataPlane

@Suite("Which credentials let a request in")
struct CredentialsTests {
    private enum Outcome: Equatable {
        case missing
        case refused(Refusal?)
        case found(Shown)
    }

    /// The result of the search.
    private struct Shown: Equatable {
        var source: Credentials.Source
        var user: String
        var session: SessionID?
        var isInCookie = false
    }

    /// The result of the search, and the query members that are hidden from upstreams.
    private struct Found {
        var outcome: Outcome
        var removed: [String]
        var withholdsAuthorization: Bool
    }

    private static let key = Result { try Key.secret(WorkerFixture.secret, algorithm: .hs256, id: "one") }

    /// A valid token of a user.
    private static func token(_ user: String, event: String = "e1", expires: Int = 4_000_000_000) throws -> String {
        let claims = [
            JSONMember("sub", .string(user)), JSONMember("eventId", .string(event)),
            JSONMember("exp", .number(Double(expires))),
        ]
        return try Token.sign(claims, type: nil, with: key.get())
    }

    private static func viewer(_ token: String, _ fixture: WorkerFixture) throws -> Viewer {
        try fixture.worker.snapshot.authority.viewer(for: bytes(token).span)
    }

    /// The sealed session that a token was joined with.
    private static func session(
        _ joinedAt: Int64,
        _ token: String,
        _ fixture: WorkerFixture
    ) throws -> (id: SessionID, text: String) {
        let id = SessionID(joinedAt: joinedAt, random0: UInt64(joinedAt), random1: 7)
        let viewer = try viewer(token, fixture)
        let session = PresentedSession(id: id, subject: viewer.subject)
        let sealed = SealedSession(session, viewer, event: viewer.eventBytes)
        return (id, text(fixture.site.seal.text(of: sealed, now: fixture.worker.clock.wall)))
    }

    private static func cookies(_ event: String, _ session: String) -> String {
        let bytes = bytes(event)
        let lines = text(
            CookieFormat(isSecure: true).setCookie(event: bytes.span, session: DataPlaneTests.bytes(session))
        )
        return lines.split(separator: "\r\n").map { line in
            String(line.dropFirst("Set-Cookie: ".count).prefix { $0 != ";" })
        }.joined(separator: "; ")
    }

    private func find(
        _ query: String,
        _ lines: String = "",
        event: String? = "e1",
        _ fixture: WorkerFixture
    ) throws -> Found {
        let event = event.map { bytes($0) }
        let exchange = Exchange(worker: fixture.worker)
        return try fixture.withRequest(request(lines, line: "GET /event/e1\(query) HTTP/1.1")) { request in
            let outcome: Outcome =
                switch exchange.findCredentials(request, event: event?.span) {
                case .missing: .missing
                case .refused: .refused(exchange.state.verdict.refusal)
                case .found(let found):
                    .found(
                        Shown(
                            source: found.source,
                            user: found.viewer.userID,
                            session: found.session?.id,
                            isInCookie: found.isInCookie
                        )
                    )
                }
            return Found(
                outcome: outcome,
                removed: request.removedMembers.map { text(request.bytes.extracting($0).copied()) },
                withholdsAuthorization: exchange.state.verdict.withholdsAuthorization
            )
        }
    }

    @Test(
        "Without any possible token there are no credentials",
        arguments: [
            ("", ""), ("?token=", ""), ("?a=b", "Authorization: Basic dG9rZW4=\r\n"), ("", "Authorization: Bearer\r\n"),
            ("", "Authorization: bearer \r\n"), ("", "Authorization: Bearertoken\r\n"), ("", "Authorization:\r\n"),
            ("", "Cookie: token=x\r\n"), ("", "Cookie: __Host-gateway-session-00000000=1short\r\n"),
            ("", "X-Authorization: Bearer x\r\n"), ("", "Gateway-Session: abc\r\n"),
        ]
    )
    func missing(_ query: String, _ lines: String) throws {
        #expect(try find(query, lines, WorkerFixture()).outcome == .missing)
    }

    @Test("A token in the query, encoded or not, under each of its names")
    func query() throws {
        let fixture = try WorkerFixture()
        let token = try Self.token("ada")
        for query in ["?token=\(token)", "?a&jwt=\(token.replacing(".", with: "%2e"))", "?token=&authKey=\(token)"] {
            let found = try find(query, "", fixture)
            #expect(found.outcome == .found(Shown(source: .query, user: "ada")), "\(query)")
        }
    }

    @Test(
        "A bearer token, in any case of the scheme and any white space",
        arguments: ["Bearer ", "bearer ", "BEARER   ", "Bearer \t "]
    )
    func bearer(_ scheme: String) throws {
        let found = try find("", "Authorization: \(scheme)\(Self.token("ada"))\r\n", WorkerFixture())
        #expect(found.outcome == .found(Shown(source: .authorization, user: "ada")))
        #expect(found.withholdsAuthorization)
    }

    @Test("The same token in several places is one token, and is removed from all of them")
    func same() throws {
        let fixture = try WorkerFixture()
        let token = try Self.token("ada")
        let lines = "Authorization: Bearer \(token)\r\n"
        for query in ["?token=\(token)", "?jwt=\(token)&token=\(token)&x=1"] {
            let found = try find(query, lines, fixture)
            #expect(found.outcome == .found(Shown(source: .query, user: "ada")))
            #expect(found.removed.count == query.split(separator: token).count - (query.hasSuffix("x=1") ? 1 : 0))
            #expect(found.withholdsAuthorization)
        }
    }

    @Test("Two different valid tokens are a conflict, wherever they are")
    func conflict() throws {
        let fixture = try WorkerFixture()
        let (one, two) = (try Self.token("ada"), try Self.token("bob"))
        for (query, lines) in [
            ("?token=\(one)&jwt=\(two)", ""), ("?token=\(one)", "Authorization: Bearer \(two)\r\n"),
            ("?token=\(one)&token=\(one)&authKey=\(two)", ""),
        ] {
            #expect(try find(query, lines, fixture).outcome == .refused(.tokenConflict))
        }
    }

    @Test("Attack: a request with many different tokens does not cause many checks")
    func many() throws {
        let query = "?" + (0..<200).map { "token=a.b.\($0)" }.joined(separator: "&")
        #expect(try find(query, "", WorkerFixture()).outcome == .refused(.tokenConflict))
    }

    @Test("A token that is not ours is refused if no other credential is present")
    func bad() throws {
        let fixture = try WorkerFixture()
        for (query, lines) in [
            ("?token=reset-123", ""), ("?jwt=1&authKey=2", ""), ("", "Authorization: Bearer app-session\r\n"),
            ("?token=a.b.c", ""),
        ] {
            #expect(try find(query, lines, fixture).outcome == .refused(.tokenInvalid), "\(query) \(lines)")
        }
    }

    @Test("Beside a valid session, a token that is not ours belongs to the application, and stays")
    func foreignBesideSession() throws {
        let fixture = try WorkerFixture()
        let session = try Self.session(1000, Self.token("ada"), fixture)
        let cookie = "Cookie: \(Self.cookies("e1", session.text))\r\n"
        let other = try Token.sign(
            [JSONMember("sub", .string("app")), JSONMember("iss", .string("app"))],
            type: "JWT",
            with: Key.secret([UInt8](repeating: 1, count: 32), algorithm: .hs256, id: "app")
        )
        let expected = Outcome.found(Shown(source: .cookie, user: "ada", session: session.id, isInCookie: true))
        for query in ["?token=reset-123", "?jwt=1&authKey=2", "?token=", "?token=\(other)&x=1"] {
            for _ in 0..<2 {
                let found = try find(query, cookie + "Authorization: Bearer \(other)\r\n", fixture)
                #expect(found.outcome == expected && found.removed.isEmpty && !found.withholdsAuthorization, "\(query)")
            }
        }
    }

    @Test("Beside a valid session, a token that claims to be ours is never passed on")
    func forgedBesideSession() throws {
        let fixture = try WorkerFixture()
        let session = try Self.session(1000, Self.token("ada"), fixture)
        let cookie = "Cookie: \(Self.cookies("e1", session.text))\r\n"
        let forged = try Token.sign(
            [JSONMember("sub", .string("x"))],
            type: "embed+jwt",
            with: Key.secret([UInt8](repeating: 1, count: 32), algorithm: .hs256, id: "x")
        )
        let found = try find("?token=\(forged)&token=reset", cookie + "Authorization: Bearer \(forged)\r\n", fixture)
        #expect(found.removed == ["token=\(forged)"] && found.withholdsAuthorization)
        // A session in a token's place is not passed on either.
        let sealed = try find("?token=\(session.text)", cookie, fixture)
        #expect(sealed.removed == ["token=\(session.text)"])
    }

    @Test("Beside a valid token, the application's own stays too")
    func foreignBesideToken() throws {
        let token = try Self.token("ada")
        let found = try find("?token=\(token)&jwt=abc", "Authorization: Bearer app\r\n", WorkerFixture())
        #expect(found.outcome == .found(Shown(source: .query, user: "ada")))
        #expect(found.removed == ["token=\(token)"] && !found.withholdsAuthorization)
    }

    @Test(
        "Two Authorization fields are refused, even if they agree",
        arguments: [
            "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
            "Authorization: Basic x\r\nauthorization: Bearer a\r\n",
        ]
    )
    func twoAuthorizations(_ lines: String) throws {
        #expect(try find("", lines, WorkerFixture()).outcome == .refused(nil))
    }

    @Test("Of several cookies the event's own counts; without one, or without an event, the one that joined last")
    func severalCookies() throws {
        let fixture = try WorkerFixture()
        let sessions = try [("e1", 1000), ("e2", 3000), ("e3", 2000)].map { event, joinedAt in
            try Self.cookies(event, Self.session(Int64(joinedAt), Self.token(event, event: event), fixture).text)
        }
        for order in [sessions, sessions.reversed()] {
            let lines = "Cookie: \(order.joined(separator: "; "))\r\n"
            for (event, user) in [("e1", "e1"), ("e3", "e3"), ("e4", "e2"), (nil, "e2")] {
                guard case .found(let shown) = try find("", lines, event: event, fixture).outcome else {
                    Issue.record("\(event ?? "none")")
                    continue
                }
                #expect(shown.user == user && shown.isInCookie, "\(event ?? "none")")
            }
        }
    }

    @Test("A split cookie is put together again, and a missing or foreign part invalidates it")
    func split() throws {
        let fixture = try WorkerFixture()
        let claims = [
            JSONMember("sub", .string("ada")), JSONMember("eventId", .string("e1")),
            JSONMember("picture", .string("https://a/" + String(repeating: "x", count: 3500))),
            JSONMember("exp", .number(4_000_000_000)),
        ]
        let token = try Token.sign(claims, type: nil, with: Self.key.get())
        let session = try Self.session(1000, token, fixture)
        let other = try Self.session(1000, token, fixture)
        let parts = Self.cookies("e1", session.text).split(separator: "; ")
        let others = Self.cookies("e1", other.text).split(separator: "; ")
        try #require(parts.count == 2)
        let expected = Outcome.found(Shown(source: .cookie, user: "ada", session: session.id, isInCookie: true))
        for order in [parts, parts.reversed()] {
            #expect(try find("", "Cookie: \(order.joined(separator: "; "))\r\n", fixture).outcome == expected)
        }
        #expect(try find("", "Cookie: \(parts[0])\r\n", fixture).outcome == .missing)
        #expect(try find("", "Cookie: \(parts[1])\r\n", fixture).outcome == .missing)
        #expect(try find("", "Cookie: \(parts[0]); \(others[1])\r\n", fixture).outcome == .missing)
    }

    @Test("The query's token wins over the cookie, whose session still identifies the visit")
    func queryOverCookie() throws {
        let fixture = try WorkerFixture()
        let token = try Self.token("ada")
        let session = try Self.session(1000, token, fixture)
        let lines = "Cookie: \(Self.cookies("e1", session.text))\r\n"
        let fresh = try Self.token("ada", expires: 4_000_000_001)
        for (token, user, isInCookie) in [
            (token, "ada", true), (fresh, "ada", false), (try Self.token("bob"), "bob", false),
        ] {
            let expected = Shown(source: .query, user: user, session: session.id, isInCookie: isInCookie)
            #expect(try find("?token=\(token)", lines, fixture).outcome == .found(expected))
        }
    }

    @Test("An expired link counts no more than the session that was joined with it")
    func expiredLink() throws {
        let fixture = try WorkerFixture()
        let session = try Self.session(1000, Self.token("ada"), fixture)
        let lines = "Cookie: \(Self.cookies("e1", session.text))\r\n"
        let found = try find("?token=\(Self.token("ada", expires: 1000))", lines, fixture)
        #expect(found.outcome == .found(Shown(source: .cookie, user: "ada", session: session.id, isInCookie: true)))
        #expect(found.removed.count == 1)
        let other = try find("?token=\(Self.token("bob", expires: 1000))", lines, fixture)
        #expect(other.outcome == .found(Shown(source: .query, user: "bob", session: session.id)))
    }

    @Test("An API client's Gateway-Session is enough, and two of them count as none")
    func header() throws {
        let fixture = try WorkerFixture()
        let token = try Self.token("ada")
        let session = try Self.session(5000, token, fixture)
        let line = "Gateway-Session: \(session.text)\r\n"
        #expect(try find("", line, fixture).outcome == .found(Shown(source: .header, user: "ada", session: session.id)))
        #expect(try find("", line + line, fixture).outcome == .missing)
        let both = try find("", line + "Authorization: Bearer \(token)\r\n", fixture)
        #expect(both.outcome == .found(Shown(source: .authorization, user: "ada", session: session.id)))
    }

    @Test("A broken cookie of this event does not hide a valid one of another")
    func brokenBesideGood() throws {
        let fixture = try WorkerFixture()
        let good = try Self.session(2000, Self.token("ada", event: "e2"), fixture)
        let broken = Self.cookies("e1", "A" + good.text.dropFirst())
        let lines = "Cookie: \(broken); \(Self.cookies("e2", good.text))\r\n"
        let expected = Shown(source: .cookie, user: "ada", session: good.id, isInCookie: true)
        #expect(try find("", lines, fixture).outcome == .found(expected))
    }
}
