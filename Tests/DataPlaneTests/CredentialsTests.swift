import Admission
import Testing

@testable import DataPlane

@Suite("Where a request's token comes from")
struct CredentialsTests {
    /// What was found, with its octets.
    private struct Shown: Equatable {
        var source: Credentials.Source
        var token: String
        var session: SessionID?
        var isInCookie = false
    }

    private enum Outcome: Equatable {
        case missing, conflict, malformed
        case found(Shown)
    }

    private static let subject = SubjectKey(high: 1, low: 2)

    private static func session(_ joinedAt: Int64) -> (id: SessionID, text: String) {
        let id = SessionID(joinedAt: joinedAt, random0: UInt64(joinedAt), random1: 7)
        let signer = SessionSigner(secret: WorkerFixture.secret)
        return (id, text(signer.text(of: id, for: subject)))
    }

    private static func cookie(_ event: String, _ joinedAt: Int64, _ token: String) -> String {
        let octets = octets(event)
        let suffix = CookieFormat.suffix(for: octets.span)
        return "__Host-gateway-session-\(text(suffix.indices.map { suffix[$0] }))=\(session(joinedAt).text).\(token)"
    }

    private func find(_ query: String, _ lines: String = "", event: String? = nil) throws -> Outcome {
        let fixture = try WorkerFixture()
        let octets = try fixture.read(request(lines, line: "GET /event/e1\(query) HTTP/1.1"))
        let event = event.map { DataPlaneTests.octets($0) }
        switch Credentials.find(octets.span, worker: fixture.worker, event: event?.span) {
        case .missing: return .missing
        case .conflict: return .conflict
        case .malformed: return .malformed
        case .found(let credentials):
            let token = credentials.withToken(octets.span) { token in text(token.copied()) }
            return .found(
                Shown(
                    source: credentials.source,
                    token: token,
                    session: credentials.session?.id,
                    isInCookie: credentials.isInCookie
                )
            )
        }
    }

    @Test(
        "Nothing that could be a token is nothing",
        arguments: [
            ("", ""), ("?token=", ""), ("?a=b", "Authorization: Basic dG9rZW4=\r\n"), ("", "Authorization: Bearer\r\n"),
            ("", "Authorization: bearer \r\n"), ("", "Authorization: Bearertoken\r\n"), ("", "Authorization:\r\n"),
            ("", "Cookie: token=x\r\n"), ("", "Cookie: __Host-gateway-session-1=short.token\r\n"),
            ("", "X-Authorization: Bearer x\r\n"),
        ]
    )
    func missing(_ query: String, _ lines: String) throws {
        #expect(try find(query, lines) == .missing)
    }

    @Test(
        "A token in the query, encoded or not",
        arguments: [
            ("?token=abc.d", "abc.d"), ("?a&jwt=%61bc%2ed", "abc.d"), ("?token=a%", "a%"), ("?token=&authKey=x", "x"),
        ]
    )
    func query(_ query: String, _ token: String) throws {
        #expect(try find(query) == .found(Shown(source: .query, token: token)))
    }

    @Test(
        "A bearer token, in any case of the scheme and any white space",
        arguments: ["Bearer t.t", "bearer t.t", "BEARER   t.t", "Bearer \t t.t"]
    )
    func bearer(_ value: String) throws {
        #expect(try find("", "Authorization: \(value)\r\n") == .found(Shown(source: .authorization, token: "t.t")))
    }

    @Test(
        "The same token in query and Authorization is one token",
        arguments: ["?token=t.t", "?token=%74.t", "?jwt=t.t&token=t.t"]
    )
    func same(_ query: String) throws {
        #expect(try find(query, "Authorization: Bearer t.t\r\n") == .found(Shown(source: .query, token: "t.t")))
    }

    @Test(
        "Two different tokens are a conflict",
        arguments: [
            ("?token=a", "Authorization: Bearer b\r\n"), ("?token=%61", "Authorization: Bearer %61\r\n"),
            ("?token=a", "Authorization: Bearer ab\r\n"), ("?token=a&jwt=b", ""),
            ("?token=a&jwt=b", "Authorization: Bearer a\r\n"),
        ]
    )
    func conflict(_ query: String, _ lines: String) throws {
        #expect(try find(query, lines) == .conflict)
    }

    @Test(
        "Two Authorization fields are refused, also when they agree",
        arguments: [
            "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
            "Authorization: Basic x\r\nauthorization: Bearer a\r\n",
        ]
    )
    func twoAuthorizations(_ lines: String) throws {
        #expect(try find("", lines) == .malformed)
        #expect(try find("?token=a", lines) == .malformed)
    }

    @Test("The cookie carries token and session")
    func cookie() throws {
        let lines = "Cookie: a=b; \(Self.cookie("e1", 1000, "c.d"))\r\n"
        let expected = Shown(source: .cookie, token: "c.d", session: Self.session(1000).id, isInCookie: true)
        #expect(try find("", lines, event: "e1") == .found(expected))
        #expect(try find("", lines) == .found(expected))
    }

    @Test("Of several cookies the event's own counts; without one, and without an event, the one joined last")
    func severalCookies() throws {
        let cookies = [
            Self.cookie("e1", 1000, "one"), Self.cookie("e2", 3000, "two"), Self.cookie("e3", 2000, "three"),
        ]
        for order in [cookies, cookies.reversed()] {
            let lines = "Cookie: \(order.joined(separator: "; "))\r\n"
            for (event, token, joinedAt) in [
                ("e1", "one", 1000), ("e3", "three", 2000), ("e4", "two", 3000), (nil, "two", 3000),
            ] {
                let expected = Shown(
                    source: .cookie,
                    token: token,
                    session: Self.session(Int64(joinedAt)).id,
                    isInCookie: true
                )
                #expect(try find("", lines, event: event) == .found(expected), "\(event ?? "none")")
            }
        }
    }

    @Test("The query token wins over the cookie, whose session still says whose visit it is")
    func queryOverCookie() throws {
        let lines = "Cookie: \(Self.cookie("e1", 1000, "t.t"))\r\n"
        let session = Self.session(1000).id
        #expect(
            try find("?token=other", lines, event: "e1")
                == .found(Shown(source: .query, token: "other", session: session, isInCookie: false))
        )
        for query in ["?token=t.t", "?token=%74.t"] {
            #expect(
                try find(query, lines, event: "e1")
                    == .found(Shown(source: .query, token: "t.t", session: session, isInCookie: true))
            )
        }
    }

    @Test("An API client's Gateway-Session names its session, and two of them name none")
    func header() throws {
        let session = Self.session(5000)
        let lines = "Authorization: Bearer t.t\r\nGateway-Session: \(session.text)\r\n"
        #expect(
            try find("", lines) == .found(Shown(source: .authorization, token: "t.t", session: session.id))
        )
        #expect(
            try find("", lines + "Gateway-Session: \(session.text)\r\n")
                == .found(Shown(source: .authorization, token: "t.t"))
        )
        #expect(
            try find("", "Authorization: Bearer t.t\r\nGateway-Session: \(session.text)x\r\n")
                == .found(Shown(source: .authorization, token: "t.t"))
        )
    }

    @Test(
        "A session cookie that is cut, has no token or no dot is none",
        arguments: [0, 10, 51, 52, 53]
    )
    func brokenCookie(_ length: Int) throws {
        let value = (Self.session(1000).text + ".t").prefix(length)
        #expect(try find("", "Cookie: __Host-gateway-session-1=\(value)\r\n") == .missing)
        let other = Self.session(1000).text + "_t"
        #expect(try find("", "Cookie: __Host-gateway-session-1=\(other)\r\n") == .missing)
    }

    @Test("A broken cookie of this event does not hide a good one of another")
    func brokenBesideGood() throws {
        let broken = Self.cookie("e1", 1000, "t").replacing(".t", with: "_t")
        let lines = "Cookie: \(broken); \(Self.cookie("e2", 2000, "t"))\r\n"
        let expected = Shown(source: .cookie, token: "t", session: Self.session(2000).id, isInCookie: true)
        #expect(try find("", lines, event: "e1") == .found(expected))
    }
}
