import Admission
import Basics
import GatewayConfiguration
import JOSE
import Transport

/// The operator API on the admin listener: lists sessions and ends them.
///
/// - `GET /sessions`: `{"total": n, "sessions": […]}`, ordered by join time. Returns the first 1,000, or as many as
///   `limit=` says.
/// - `DELETE /sessions`: ends them for good. Needs at least one filter. `kept` says where this is remembered:
///   `database`, or `memory`, which a restart forgets.
/// - `/removals`: see ``Exchange/serveRemovals(_:)``.
/// - `/upstreams`: see ``Exchange/serveUpstreams(_:)``.
/// - `/companies`: see ``Exchange/serveCompanies(_:path:)``.
/// - `GET /metrics`: what the event loops have counted, for Prometheus.
/// - `/console`: see ``Exchange/serveConsole(_:path:)``.
///
/// Filters are query members: `session`, `company`, `event`, `user`, `email`, `registration`.
extension Exchange {
    func serveOperator(_ request: RequestView, path: String) {
        switch ExactText(path) {
        case "/sessions": serveSessions(request)
        case "/removals": serveRemovals(request)
        case "/upstreams": serveUpstreams(request)
        case "/metrics": serveMetrics(request)
        case "/companies": serveCompanies(request, path: path)
        case "/", "/console": serveConsole(request, path: path)
        default:
            if path.utf8.starts(with: "/console/".utf8) {
                serveConsole(request, path: path)
            } else if path.utf8.starts(with: "/companies/".utf8) {
                serveCompanies(request, path: path)
            } else {
                respond(status: 404)
            }
        }
    }

    private func serveSessions(_ request: RequestView) {
        guard isOperator(request), allows(method == .get || method == .head || method == .delete, "GET, HEAD, DELETE")
        else { return }
        guard let filter = SessionFilter(request.query), method != .delete || !filter.isEmpty else {
            respond(status: 400)
            return
        }
        let (site, ends) = (worker.site, method == .delete)
        answer {
            let found = site.admission.sessions.all(where: filter.matches)
            if ends {
                do {
                    try await site.kick(found, by: .admin, chosenBy: filter.wanted)
                } catch {
                    return .failure(OperatorFault(status: 500))
                }
            }
            let members = [
                JSONMember("total", .number(Double(found.count))),
                JSONMember("sessions", .array(found.prefix(filter.limit).map { .object($0.members) })),
            ]
            return .success(.object(members + (ends ? [site.removals.place.member] : [])))
        }
    }

    private func serveMetrics(_ request: RequestView) {
        state.request.isProbe = true
        guard isOperator(request), allows(method == .get || method == .head, "GET, HEAD") else { return }
        var accept: [UInt8] = []
        for field in request.fields where field.name == .accept {
            accept.append(request.bytes.extracting(field.value))
            accept.append(UInt8(ascii: ","))
        }
        let (site, format) = (worker.site, MetricsFormat(accepting: accept.span))
        answer(type: format.contentType) { .success(await site.scrapes.page(format, of: site)) }
    }

    /// Why an operator's call failed.
    struct OperatorFault: Error {
        let status: Int
        /// What the operator can do. `nil` stands for the status's usual text.
        var detail: String?
    }

    /// Answers with JSON that takes time to make, so that it is made off the event loop.
    func answer(_ make: @escaping @Sendable () async -> Result<JSONValue, OperatorFault>) {
        answer(type: "application/json") { await make().map { $0.serialized() } }
    }

    /// Answers with a body that takes time to make.
    func answer(type: String, _ make: @escaping @Sendable () async -> Result<[UInt8], OperatorFault>) {
        let mailbox = worker.loop.mailbox
        let (bound, serial) = (Confined(self, to: mailbox), serial)
        Task.detached {
            let result = await make()
            mailbox.post { _ in
                // By now the client may be gone, and another request may be in progress.
                guard bound.value.isActive, bound.value.serial == serial else { return }
                switch result {
                case .success(let body):
                    bound.value.respond(status: 200, fields: "", type: type, body: body)
                case .failure(let fault): bound.value.respond(status: fault.status, detail: fault.detail)
                }
            }
        }
    }

    /// Whether the request may use the operator API: it carries the operator's token, or reads and carries the one for
    /// that. If none is configured, only programs on this machine reach the listener; refuse browsers acting for a page,
    /// whether from another origin or through a DNS name that someone else controls.
    func isOperator(_ request: RequestView) -> Bool {
        guard let token = snapshot.settings.admin.token else {
            let isBrowser = request.contains(.origin) || request.contains(.secFetchSite)
            guard !isBrowser, isLocal(request.authority) else {
                respond(status: 403)
                return false
            }
            return true
        }
        if let shown = request.bearerToken, request.isSingle(.authorization) {
            let hash = SHA256.hash(request.bytes.extracting(shown))
            if equalInConstantTime(hash.span, SHA256.hash(token.bytes.span).span) { return true }
            if let token = snapshot.settings.admin.readToken,
                equalInConstantTime(hash.span, SHA256.hash(token.bytes.span).span)
            {
                guard method != .get, method != .head else { return true }
                respond(status: 403, detail: "The token of admin.read_token_file may only read.")
                return false
            }
        }
        let problem = Problem(
            status: 401,
            code: "token_missing",
            title: StatusText.of(401).title,
            detail: "Show the token of admin.token_file.",
            activeFor: nil,
            requestID: state.request.id.string
        )
        let fields = "WWW-Authenticate: Bearer realm=\"admin\"\r\n"
        respond(status: 401, fields: fields, type: "application/problem+json", body: problem.json)
        return false
    }

    /// Whether the authority is `localhost`, an IP address, or missing.
    private func isLocal(_ authority: Span<UInt8>?) -> Bool {
        guard let authority else { return true }
        var host = String(decoding: authority.copied(), as: UTF8.self)
        if host.utf8.first == UInt8(ascii: "[") { return true }
        if let colon = host.lastIndex(of: ":") { host = String(host[..<colon]) }
        return host.lowercased().hasSameBytes(as: "localhost") || NetworkAddress(ip: host, port: 0) != nil
    }
}

/// The decoded members of an operator's query. Returns `nil` if one is unknown, repeated or blank.
func operatorMembers(_ query: Span<UInt8>?, named names: Set<ExactText>) -> [ExactText: String]? {
    guard let query, !query.isEmpty else { return [:] }
    let text = String(decoding: query.copied(), as: UTF8.self)
    var members: [ExactText: String] = [:]
    for member in text.split(separator: "&") {
        let parts = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = ExactText(String(parts[0]))
        let raw = Array((parts.count == 2 ? parts[1] : "").utf8)
        let value = String(decoding: raw.span.percentDecoded(0..<raw.count), as: UTF8.self)
        guard names.contains(name), !foldedIdentity(value).isEmpty,
            members.updateValue(value, forKey: name) == nil
        else { return nil }
    }
    return members
}

/// Selects the sessions that an operator means.
struct SessionFilter: Sendable {
    /// The values that sessions must have, apart from the e-mail address.
    private(set) var wanted: [ExactText: String] = [:]
    private var email: ExactText?
    var limit = 1000

    var isEmpty: Bool { wanted.isEmpty && email == nil }

    /// Returns `nil` if a member is unknown, repeated or blank: a blank e-mail address must not select viewers without
    /// one.
    init?(_ query: Span<UInt8>?) {
        let names: Set<ExactText> = ["session", "company", "event", "user", "email", "registration", "limit"]
        guard var members = operatorMembers(query, named: names) else { return nil }
        if let text = members.removeValue(forKey: "limit") {
            guard let limit = Int(text), (1...100_000).contains(limit) else { return nil }
            self.limit = limit
        }
        email = members.removeValue(forKey: "email").map(EmailAddress.identity)
        wanted = members
    }

    func matches(_ session: LiveSession) -> Bool {
        for (name, value) in wanted {
            let isMeant =
                switch name {
                case "session": session.name.hasSameBytes(as: value)
                case "company": session.company.hasSameBytes(as: value)
                case "event": session.event.hasSameBytes(as: value)
                case "user": session.viewer.userID.hasSameBytes(as: value)
                case "registration": session.viewer.registration.hasSameBytes(as: value)
                default: false
                }
            guard isMeant else { return false }
        }
        guard let email else { return true }
        return session.viewer.email.map { EmailAddress.identity($0) == email } ?? false
    }
}

extension LiveSession {
    /// The session as the operator sees it.
    fileprivate var members: [JSONMember] {
        var members = [
            JSONMember("session", .string(name)), JSONMember("company", .string(company)),
            JSONMember("event", .string(event)), JSONMember("userId", .string(viewer.userID)),
        ]
        for (name, value) in [
            ("registrationId", viewer.registration), ("name", viewer.name), ("email", viewer.email),
        ] {
            if let value { members.append(JSONMember(name, .string(value))) }
        }
        return members + [
            JSONMember("role", .string(role.name)), JSONMember("leased", .bool(isLeased)),
            JSONMember("joinedAt", .string(Timestamp.text(id.joinedAt))),
        ]
    }
}
