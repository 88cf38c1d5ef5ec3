import Basics
import DataPlane
import JOSE
import Logging
import Synchronization

@testable import Admission
@testable import Console
@testable import GatewayConfiguration

/// A moment in 2026, in milliseconds.
let start: Milliseconds = 1_795_000_000_000

/// A gateway that says what it is told to, and notes what the console does.
final class FakeGateway: Overseen {
    let admin = Mutex(AdminSettings())
    let sessions = Mutex<[LiveSession]>([])
    let deeds = Mutex<[String]>([])
    /// What was asked of the operator API about companies.
    let calls = Mutex<[String]>([])
    /// What that API answers to everything; without a text, that nobody can answer. `nil` if it does what it is told.
    let refusal = Mutex<(status: Int, text: String?)?>(nil)
    /// What is different of its state.
    let adjust = Shared<@Sendable (inout Vitals) -> Void>({ _ in })
    /// Why nothing can be stored.
    let fault = Shared<(any Error)?>(nil)
    private let kept = Mutex<[Removal]>([])
    private let companies: [CompanySettings]

    init() {
        let secret = [UInt8](repeating: 7, count: 32)
        let key = try? Key.secret(secret, algorithm: .hs256, id: "acme-2026")
        let file = CompanySettings(id: "acme", name: "Acme <b>", keys: key.map { [$0] } ?? [], keyOrigins: [])
        var stored = CompanySettings(id: "initech", name: "Initech", keys: [], keyOrigins: [])
        stored.isInDirectory = true
        companies = [file, stored]
        admin.withLock {
            $0.token = Secret(Array(Self.token.utf8))
            $0.readToken = Secret(Array(Self.readToken.utf8))
        }
    }

    static let token = "the token of operators"
    static let readToken = "the token of readers"

    var settings: Settings {
        var settings = Settings(
            publicURL: PublicURL(text: "http://localhost", isSecure: false, origin: "http://localhost"),
            listeners: [],
            upstreams: [],
            routes: [],
            companies: companies
        )
        settings.admin = admin.withLock { $0 }
        return settings
    }

    func vitals() async -> Vitals {
        var vitals = Vitals()
        (vitals.at, vitals.liveSessions) = (start, sessions.withLock { $0.count })
        vitals.limits = [("limits.connections", 0), ("limits.deny", 3)]
        vitals.upstreams = [
            Vitals.UpstreamEntry(name: "embed-host", servers: [Vitals.ServerEntry(name: "127.0.0.1:1", state: .up)])
        ]
        adjust.value(&vitals)
        return vitals
    }

    func latestSessions(
        _ count: Int,
        before bound: SessionID?,
        where isIncluded: (LiveSession) -> Bool
    ) async -> (sessions: [LiveSession], total: Int) {
        let all = sessions.withLock { $0 }.filter(isIncluded).sorted { $1.id < $0.id }
        return (Array(all.filter { session in bound.map { session.id < $0 } ?? true }.prefix(count)), all.count)
    }

    var sessionCount: Int { sessions.withLock { $0.count } }

    func session(named name: String) async -> LiveSession? {
        sessions.withLock { $0 }.first { $0.name == name }
    }

    func kick(_ session: LiveSession) async throws {
        note("kick \(session.viewer.userID)")
        if let fault = fault.value { throw fault }
    }

    func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal {
        if let fault = fault.value { throw fault }
        let end = until.map { Timestamp.text($0) } ?? "for good"
        note(
            "remove \(person.kind.rawValue) \(person.text) from \(event) of \(company), \(end), \(reason ?? "no reason")"
        )
        let removal = Removal(
            id: UUIDText.random(),
            company: company,
            event: event,
            person: person,
            until: until,
            reason: reason,
            createdAt: start
        )
        kept.withLock { $0.append(removal) }
        return removal
    }

    func removals() async throws -> [Removal] {
        if let fault = fault.value { throw fault }
        return kept.withLock { $0 }
    }

    func lift(_ id: String) async throws -> Removal? {
        kept.withLock { kept in
            kept.firstIndex { $0.id == id }.map { kept.remove(at: $0) }
        }
    }

    func drain(_ isDrained: Bool, server: String, of upstream: String) -> Bool {
        note("\(isDrained ? "drain" : "ready") \(server) of \(upstream)")
        return upstream == "embed-host"
    }

    static let newSecret = "a-secret-that-was-made"

    func operate(_ call: OperatorCall) async -> OperatorAnswer? {
        let body = call.body.isEmpty ? "" : " " + String(decoding: call.body, as: UTF8.self)
        calls.withLock { $0.append("\(call.method) \(call.path)\(body)") }
        // The console first looks up what it changes.
        if let (status, text) = refusal.withLock({ $0 }) {
            return text.map { OperatorAnswer(status, [JSONMember("errorMessage", .string($0))]) }
        }
        func entry(_ members: [(String, String)]) -> JSONValue {
            .object(members.map { JSONMember($0.0, .string($0.1)) })
        }
        let created = ("createdAt", Timestamp.text(start))
        switch (ExactText(call.method), ExactText(call.path)) {
        case ("POST", "/companies/initech/secrets"):
            return OperatorAnswer(
                201,
                [JSONMember("id", .string("s2")), JSONMember("secret", .string(Self.newSecret))]
            )
        case ("POST", "/companies/initech/keys"): return OperatorAnswer(201, [JSONMember("id", .string("k9"))])
        case ("DELETE", _): return OperatorAnswer(204)
        default:
            let keys = [
                [("id", "k1"), ("form", "private_key"), ("algorithm", "RS256"), ("use", "signs"), created],
                [
                    ("id", "k2"), ("form", "jwks_url"), ("use", "verifies"),
                    ("jwksUrl", "https://initech.example/keys"),
                    created, ("until", "2031-01-01T00:00:00.000Z"),
                ],
            ]
            return OperatorAnswer(
                200,
                [
                    JSONMember("keys", .array(keys.map(entry))),
                    JSONMember("clientSecrets", .array([entry([("id", "s1"), created])])),
                ]
            )
        }
    }

    private func note(_ deed: String) { deeds.withLock { $0.append(deed) } }

    /// Adds a session.
    func join(
        _ number: UInt64,
        name: String? = "Ada",
        email: String? = nil,
        event: String = "e1",
        company: String = "acme"
    ) {
        let viewer = Viewer(
            kind: .registration,
            company: company,
            event: event,
            eventSpecific: true,
            userID: "user-\(number)",
            name: name,
            email: email,
            registration: "r\(number)",
            validity: Validity(expires: nil, notBefore: nil, issuedAt: nil)
        )
        let session = LiveSession(
            id: SessionID(joinedAt: start - 1_000_000 + Milliseconds(number), random0: number, random1: number),
            key: viewer.subject,
            viewer: viewer,
            event: event,
            role: .attendee,
            since: start
        )
        sessions.withLock { $0.append(session) }
    }
}

/// A console in front of a fake gateway, and a browser's way to it.
final class Desk: Sendable {
    let gateway = FakeGateway()
    let records = FakeRecords()
    let lines = RecentLines()
    let now = Shared(start)
    let console: Console
    let reloads = Shared(0)
    /// What the console logs.
    let log = Shared<[String]>([])

    init() {
        let (now, reloads, records, log) = (now, reloads, records, log)
        console = Console(
            gateway,
            lines: lines,
            logger: Logger(label: "test", factory: { _ in NotingLog(lines: log) }),
            clock: { now.value },
            records: { records },
            reload: { reloads.value += 1 }
        )
    }

    /// What a browser on the console's own pages says with a request.
    func call(
        _ method: ConsoleCall.Method,
        _ path: String,
        _ form: String = "",
        cookie: String? = nil,
        _ adjust: (inout ConsoleCall) -> Void = { _ in }
    ) async -> ConsoleAnswer {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var call = ConsoleCall(method: method, path: parts[0], address: "127.0.0.1", addressHash: 7)
        if parts.count > 1 { call.query = Array(parts[1].utf8) }
        call.body = Array(form.utf8)
        call.authority = Array("127.0.0.1:9901".utf8)
        call.origin = Array("http://127.0.0.1:9901".utf8)
        call.fetchSite = Array("same-origin".utf8)
        call.cookie = cookie.map { Array("\(SignIns.cookieName)=\($0)".utf8) }
        adjust(&call)
        return await console.answer(call)
    }

    /// Signs in, and returns the cookie's value.
    func signIn(_ token: String = FakeGateway.token) async throws -> String {
        let answer = await call(.post, "/console/sign-in", Form.query([("token", token)]).dropFirst().description)
        guard answer.status == 303, let line = answer["Set-Cookie"] else { throw Failure(text: "\(answer.status)") }
        return String(line.prefix { $0 != ";" }.dropFirst(SignIns.cookieName.count + 1))
    }

    /// The key of a visitor's forms, from a page.
    func key(_ cookie: String) async throws -> String {
        let text = await call(.get, "/console/", cookie: cookie).text
        guard let match = text.firstMatch(of: /name="key" value="([^"]+)"/) else { throw Failure(text: text) }
        return String(match.1)
    }
}

/// A value that several tasks use.
final class Shared<Value: Sendable>: Sendable {
    private let stored: Mutex<Value>

    init(_ value: Value) { stored = Mutex(value) }

    var value: Value {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}

struct Failure: Error {
    let text: String
}

extension ConsoleAnswer {
    var text: String { String(decoding: body, as: UTF8.self) }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Keeps lines with their metadata, in the order of its names.
struct NotingLog: LogHandler {
    let lines: Shared<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let members = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
        lines.value.append(([event.message.description] + members).joined(separator: " "))
    }
}
