import Basics
import GatewayConfiguration
import NIOCore
import NIOHTTP1

/// What the company's own backend does: gets an API token with its client secret, and makes calls of the control API.
actor PortalBackend {
    /// A call was refused.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private let company: DemoCompany
    private let gateway: GatewayConfiguration.SocketAddress
    private var token = ""
    /// As ``MonotonicClock`` counts.
    private var tokenEnds: Milliseconds = 0

    private static let maxSize = 4 << 20

    init(_ company: DemoCompany, gatewayPort: Int) {
        self.company = company
        gateway = .tcp(host: "127.0.0.1", port: gatewayPort)
    }

    /// Makes the events of the demo.
    func makeEvents() async throws {
        let minute: Milliseconds = 60_000
        let now = WallClock.now()
        func dates(_ start: Milliseconds, _ end: Milliseconds) -> [JSONMember] {
            [
                JSONMember("companyId", .string(DemoCompany.id)), JSONMember("timezone", .string("Europe/Berlin")),
                JSONMember("startDate", .string(Timestamp.text(now + start * minute))),
                JSONMember("endDate", .string(Timestamp.text(now + end * minute))),
            ]
        }
        let presenters = JSONMember("presenters", .array([.string(DemoPerson.host.email)]))
        let launch = dates(-10, 180) + [JSONMember("name", .string("Spring launch")), presenters]
        let later =
            dates(15, 75) + [
                JSONMember("name", .string("Customer round table")), JSONMember("doorsOpen", .number(10)), presenters,
            ]
        let hub = dates(-10, 180) + [JSONMember("name", .string("Coffee corner"))]
        _ = try await call(.POST, "event/create", .object(launch))
        _ = try await call(.POST, "event/create", .object(later))
        _ = try await call(.POST, "networking/create", .object(hub))
    }

    /// Those under way and to come, soonest first.
    func events() async throws -> [PortalEvent] {
        var events: [PortalEvent] = []
        for (kind, list) in [(PortalEvent.Kind.event, "events"), (.networking, "networking")] {
            for status in ["live", "upcoming"] {
                let answer = try await call(.GET, "company/\(DemoCompany.id)/\(list)?status=\(status)&limit=20")
                events += answer.list.compactMap { PortalEvent($0, kind) }
            }
        }
        return events
    }

    func event(_ kind: PortalEvent.Kind, _ uid: String) async throws -> PortalEvent {
        guard let event = PortalEvent(try await call(.GET, "\(kind.rawValue)/\(uid)"), kind) else {
            throw Fault(description: "the answer is no event")
        }
        return event
    }

    /// The address for the frame.
    func join(_ event: PortalEvent, as person: DemoPerson) async throws -> String {
        let call = Self.joinCall(event, person)
        let answer = try await self.call(.POST, call.path, call.body)
        guard let url = answer[call.answer]?.text else {
            throw Fault(description: "the answer names no \(call.answer)")
        }
        return url
    }

    /// The call that a person joins by: Register for guests, Get Embed for users of the site.
    static func joinCall(
        _ event: PortalEvent,
        _ person: DemoPerson
    ) -> (path: String, body: JSONValue, answer: String) {
        guard person.isGuest else {
            let body = JSONValue.object([
                JSONMember("userId", .string(person.id)), JSONMember("userName", .string(person.name)),
                JSONMember("userEmail", .string(person.email)),
            ])
            return ("\(event.kind.rawValue)/\(event.uid)/embed", body, "url")
        }
        let body = JSONValue.object([
            JSONMember("name", .string(person.name)), JSONMember("email", .string(person.email)),
            JSONMember("resend", .bool(true)),
        ])
        return ("\(event.kind.rawValue)/\(event.uid)/registrant", body, "join_url")
    }

    /// Joins as a program would that has the same link: without cookies, on a device of its own.
    func joinElsewhere(_ event: PortalEvent, as person: DemoPerson) async throws {
        let address = try await join(event, as: person)
        guard let token = address.split(separator: "=").last else { return }
        var call = HTTPCall(.GET, "/\(event.kind.rawValue)/\(event.uid)")
        call.setToken(String(token))
        _ = try await call.send(to: gateway, maxSize: Self.maxSize)
    }

    /// Who is there now.
    func sessions(_ event: PortalEvent) async throws -> JSONValue {
        try await call(.GET, "\(event.kind.rawValue)/\(event.uid)/sessions")
    }

    /// Makes somebody a presenter, or takes that back.
    func setPresenter(_ email: String, _ isPresenter: Bool, _ event: PortalEvent) async throws {
        _ = try await call(
            isPresenter ? .PUT : .DELETE,
            "\(event.kind.rawValue)/\(event.uid)/presenter",
            .object([JSONMember("presenter", .string(email))])
        )
    }

    /// Keeps somebody out for a minute.
    func sendAway(_ email: String, _ event: PortalEvent) async throws {
        let until = Timestamp.text(WallClock.now() + 60_000)
        _ = try await call(
            .POST,
            "\(event.kind.rawValue)/\(event.uid)/removals",
            .object([JSONMember("email", .string(email)), JSONMember("until", .string(until))])
        )
    }

    private func call(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        var call = HTTPCall(method, "/api/v1/\(path)", body: body?.serialized() ?? [])
        call.setToken(try await apiToken())
        return try await answer(to: call)
    }

    private func apiToken() async throws -> String {
        guard MonotonicClock.now() >= tokenEnds else { return token }
        let credentials = JSONValue.object([
            JSONMember("grant_type", .string("client_credentials")), JSONMember("client_id", .string(DemoCompany.id)),
            JSONMember("client_secret", .string(company.clientSecret)),
        ])
        let answer = try await answer(to: HTTPCall(.POST, "/api/oauth/token", body: credentials.serialized()))
        guard let token = answer["access_token"]?.text, case .number(let seconds)? = answer["expires_in"] else {
            throw Fault(description: "no API token was given")
        }
        tokenEnds = MonotonicClock.now() + Milliseconds(seconds / 2 * 1000)
        self.token = token
        return token
    }

    private func answer(to call: HTTPCall) async throws -> JSONValue {
        let answer = try await call.send(to: gateway, maxSize: Self.maxSize)
        let body = answer.body.map { Array($0.readableBytesView) } ?? []
        var limits = JSONLimits(size: Self.maxSize)
        limits.members = .max
        let value = body.isEmpty ? JSONValue.null : try JSONValue(parsing: body.span, limits: limits)
        guard (200..<300).contains(answer.head.status.code) else {
            throw Fault(description: value["errorMessage"]?.text ?? "the gateway answered \(answer.head.status.code)")
        }
        return value
    }
}
