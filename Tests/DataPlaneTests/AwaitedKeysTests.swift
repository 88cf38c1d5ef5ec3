import Admission
import Basics
import GatewayConfiguration
import JOSE
import TestSupport
import Testing

@testable import DataPlane

@Suite("Requests whose keys could not be fetched so far")
struct AwaitedKeysTests {
    private let fixture: WorkerFixture
    private let url: KeySetURL
    private let key: Key

    init() throws {
        fixture = try WorkerFixture(
            companies: """
                [[company]]
                id = "globex"
                event_ids = ["g*"]
                [[company.key]]
                jwks_url = "https://globex.example/keys"
                """,
            limits: "failures_per_minute = 8"
        )
        url = try KeySetURL(parsing: "https://globex.example/keys")
        key = try Key.generate(.es256, id: "g")
        fixture.site.missedKeys.began(url, at: fixture.worker.clock.monotonic)
        fixture.site.missedKeys.ended(url)
    }

    private func token(event: String) throws -> String {
        let claims = [
            JSONMember("companyId", .string("globex")), JSONMember("eventId", .string(event)),
            JSONMember("sub", .string("ada")), JSONMember("exp", .number(4_000_000_000)),
        ]
        return try Token.sign(claims, type: nil, with: key)
    }

    /// Replaces the keys that were fetched.
    private func adopt(_ keys: [KeySetURL: [Key]]) {
        fixture.site.adopt(keys)
        fixture.worker.adopt(fixture.site.snapshot)
    }

    /// A session that was joined before the keys were lost, as a line of a head.
    private func session(event: String, inCookie: Bool) throws -> String {
        adopt([url: [key]])
        defer { adopt([:]) }
        let viewer = try fixture.worker.snapshot.authority.viewer(for: bytes(token(event: event)).span)
        let id = SessionID(joinedAt: 1000, random0: 1, random1: 7)
        let sealed = SealedSession(
            PresentedSession(id: id, subject: viewer.subject),
            viewer,
            event: viewer.eventBytes
        )
        let session = fixture.site.seal.text(of: sealed, now: fixture.worker.clock.wall)
        guard inCookie else { return "Gateway-Session: \(text(session))\r\n" }
        let field = CookieFormat(isSecure: true).setCookie(event: bytes(event).span, session: session)
        return text(field).replacing("Set-Cookie: ", with: "Cookie: ").prefix { $0 != ";" } + "\r\n"
    }

    /// Why a request is refused. Returns `nil` if it is not.
    private func refusal(
        event: String,
        _ query: String = "",
        _ lines: String = "",
        access: Access = .token
    ) throws -> Refusal? {
        let exchange = Exchange(worker: fixture.worker)
        exchange.state.verdict.access = access
        exchange.state.request.addressHash = 7
        return try fixture.withRequest(request(lines, line: "GET /event/\(event)\(query) HTTP/1.1")) { request in
            switch exchange.findCredentials(request, event: bytes(event).span) {
            case .found: nil
            case .missing: .tokenMissing
            case .refused: exchange.state.verdict.refusal
            }
        }
    }

    /// Whether the set was asked for since the last question.
    private func isAskedFor() -> Bool {
        let now = fixture.worker.clock.monotonic
        defer {
            fixture.site.missedKeys.began(url, at: now)
            fixture.site.missedKeys.ended(url)
        }
        return fixture.site.missedKeys.miss([url], at: now).asksFor.isEmpty
    }

    @Test("A token whose set was never fetched asks for it")
    func tokenAsks() throws {
        #expect(!isAskedFor())
        #expect(try refusal(event: "g1", "?token=\(token(event: "g1"))") == .tryAgain)
        #expect(isAskedFor())
        #expect(try refusal(event: "g1", "?token=abc") == .tokenInvalid)
        #expect(!isAskedFor())
    }

    @Test("So does a session", arguments: [true, false])
    func sessionAsks(inCookie: Bool) throws {
        let session = try session(event: "g1", inCookie: inCookie)
        for (query, access) in [("", .token), ("?token=abc", .token), ("", .session)] as [(String, Access)] {
            #expect(try refusal(event: "g1", query, session, access: access) == .tryAgain)
            #expect(isAskedFor(), "\(query) \(access)")
        }
    }

    @Test("A session of another company that waits for keys changes no answer at an event", arguments: [true, false])
    func otherCompany(inCookie: Bool) throws {
        let session = try session(event: "g1", inCookie: inCookie)
        #expect(try refusal(event: "a1", "", session) == .tokenMissing)
        #expect(try refusal(event: "a1", "?token=abc", session) == .tokenInvalid)
        #expect(!isAskedFor())
        // Here any viewer is let in.
        #expect(try refusal(event: "a1", "", session, access: .session) == .tryAgain)
    }

    @Test("Attack: tokens that nobody can judge yet use up half of what an address may fail, and are told to wait")
    func charged() throws {
        let (failures, now) = (fixture.site.failures, fixture.worker.clock.monotonic)
        let query = "?token=\(try token(event: "g1"))"
        for count in 0..<20 {
            #expect(failures.isExhausted(7, limit: 4, now: now) == (count >= 4))
            #expect(try refusal(event: "g1", query) == .tryAgain)
        }
        #expect(!failures.isExhausted(7, limit: 5, now: now))
    }

    @Test("The own endpoints answer for the event that was asked for, and not for another company's session")
    func ownEndpoints() throws {
        let cookie = try session(event: "g1", inCookie: true)
        func status(_ line: String) throws -> String {
            let peer = try fixture.connect(isSecure: true)
            peer.send(
                "\(line) HTTP/1.1\r\nHost: x\r\n\(cookie)Origin: https://embed.example.com\r\nContent-Length: 0\r\n\r\n"
            )
            fixture.run()
            return String(text(peer.readAvailable()).dropFirst(9).prefix(3))
        }
        for line in [
            "GET /.gateway/session?event=a1", "POST /.gateway/leave?event=a1", "POST /.gateway/take-over?event=a1",
            "POST /.gateway/take-over?to=/event/a1",
        ] {
            #expect(try status(line) == "401", "\(line)")
            #expect(!isAskedFor())
            #expect(try status(line.replacing("a1", with: "g1")) == "503", "\(line)")
            #expect(isAskedFor())
        }
        // Whichever session there is.
        #expect(try status("GET /.gateway/session") == "503")
    }

    @Test("A request that waits for keys counts once in the metrics of tokens and joins")
    func countedOnce() throws {
        adopt([url: [try Key.generate(.es256, id: "other")]])
        fixture.site.missedKeys.began(url, at: fixture.worker.clock.monotonic)
        let head = "GET /event/g1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try token(event: "g1"))\r\n\r\n"
        let peer = try fixture.connect(isSecure: true)
        peer.send(head)
        fixture.run()
        #expect(fixture.worker.keyWaits.count == 1)
        let checks = { (outcome: TokenOutcome) in
            self.fixture.worker.counts.tokens[TokenRow.checks(algorithm: Algorithm.es256.position, outcome)]
        }
        #expect(fixture.worker.counts.tokens.allSatisfy { $0 == 0 })
        adopt([url: [key]])
        fixture.worker.keyWaits.fetchEnded(url)
        fixture.run()
        #expect(checks(.accepted) == 1 && checks(.unknownKey) == 0)
        #expect(fixture.worker.counts.totals[Counter.uncachedTokens.rawValue] == 1)
        #expect(fixture.worker.counts.joins.prefix(DurationHistogram.buckets).reduce(0, +) == 1)
    }

    @Test("Attack: a client that goes while it waits gives its place back")
    func gone() throws {
        adopt([url: [try Key.generate(.es256, id: "other")]])
        fixture.site.missedKeys.began(url, at: fixture.worker.clock.monotonic)
        let head = "GET /event/g1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try token(event: "g1"))\r\n\r\n"
        let peers = try (0..<3).map { _ in try fixture.connect(isSecure: true) }
        for peer in peers { peer.send(head) }
        fixture.run()
        #expect(fixture.worker.keyWaits.count == 3)
        for peer in peers { peer.close() }
        fixture.run()
        #expect(fixture.worker.keyWaits.count == 0)
    }
}
