import Admission
import GatewayConfiguration
import JOSE
import Transport

/// The operator API on the admin listener: who is there, and whom to send away.
///
/// - `GET /sessions`: `{"total": n, "sessions": […]}`, the first 1,000 by when they joined, or `limit=` more or fewer.
/// - `DELETE /sessions`: ends them for good; at least one filter is needed. `kept` says where that is remembered: `database`,
///   or `memory`, which a restart forgets.
/// - `/removals`: see ``Exchange/serveRemovals(_:)``.
///
/// Filters are query members: `session`, `company`, `event`, `user`, `email`, `registration`.
extension Exchange {
    func serveOperator(_ bytes: Span<UInt8>, path: String) {
        switch ExactText(path) {
        case "/sessions": serveSessions(bytes)
        case "/removals": serveRemovals(bytes)
        default: respond(status: 404)
        }
    }

    private func serveSessions(_ bytes: Span<UInt8>) {
        guard isOperator(bytes), allows(method == .get || method == .head || method == .delete, "GET, HEAD, DELETE")
        else { return }
        guard let filter = SessionFilter(bytes, worker.requestTarget.query), method != .delete || !filter.isEmpty else {
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

    /// Why an operator's call is not done.
    struct OperatorFault: Error {
        let status: Int
        /// What the operator can do; nil: what holds for the status.
        var detail: String?
    }

    /// Answers with JSON that is made elsewhere than on the event loop, since it takes time.
    func answer(_ make: @escaping @Sendable () async -> Result<JSONValue, OperatorFault>) {
        let mailbox = worker.loop.mailbox
        let (bound, serial) = (Confined(self, to: mailbox), serial)
        Task.detached {
            let result = await make().map { $0.serialized() }
            mailbox.post { _ in
                // The client may be gone, and the next one there.
                guard bound.value.isActive, bound.value.serial == serial else { return }
                switch result {
                case .success(let body):
                    bound.value.respond(status: 200, fields: "", type: "application/json", body: body)
                case .failure(let fault): bound.value.respond(status: fault.status, detail: fault.detail)
                }
            }
        }
    }

    /// Whether the operator's token came along. Without one configured only this machine's programs get here, and of
    /// these no browser on behalf of a page: neither from another origin nor under a name that somebody else chose.
    func isOperator(_ bytes: Span<UInt8>) -> Bool {
        let block = worker.requestHead.block
        guard let token = snapshot.settings.admin.token else {
            let isBrowser = block.first(.origin) != nil || block.first(.secFetchSite) != nil
            guard !isBrowser, worker.requestHead.authority.map({ isLocal(bytes.extracting($0)) }) ?? true else {
                respond(status: 403)
                return false
            }
            return true
        }
        if let value = block.first(.authorization), block.isSingle(.authorization), value.count > 7,
            bytes.equals("bearer ", ignoringCaseIn: value.lowerBound..<value.lowerBound + 7)
        {
            let shown = bytes.trimming(value.lowerBound + 7..<value.upperBound)
            let (a, b) = (SHA256.hash(bytes.extracting(shown)), SHA256.hash(token.bytes.span))
            if equalInConstantTime(a.span, b.span) { return true }
        }
        let problem = Problem(
            status: 401,
            code: "token_missing",
            title: StatusText.of(401).title,
            detail: "Show the token of admin.token_file.",
            activeFor: nil,
            requestID: String(decoding: requestID.text, as: UTF8.self)
        )
        let fields = "WWW-Authenticate: Bearer realm=\"admin\"\r\n"
        respond(status: 401, fields: fields, type: "application/problem+json", body: problem.json)
        return false
    }

    /// `localhost`, or an address and no name.
    private func isLocal(_ authority: Span<UInt8>) -> Bool {
        var host = String(decoding: authority.copied(), as: UTF8.self)
        if host.utf8.first == UInt8(ascii: "[") { return true }
        if let colon = host.lastIndex(of: ":") { host = String(host[..<colon]) }
        return host.lowercased().hasSameBytes(as: "localhost") || NetworkAddress(ip: host, port: 0) != nil
    }
}

/// The members of an operator's query, decoded; nil where one has another name, stands there twice, or is blank.
func operatorMembers(
    _ bytes: Span<UInt8>,
    _ query: Range<Int>?,
    named names: Set<ExactText>
) -> [ExactText: String]? {
    guard let query, !query.isEmpty else { return [:] }
    let text = String(decoding: bytes.extracting(query).copied(), as: UTF8.self)
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

/// Which sessions an operator means.
struct SessionFilter: Sendable {
    /// What sessions must have, but for an e-mail.
    private(set) var wanted: [ExactText: String] = [:]
    private var email: ExactText?
    var limit = 1000

    var isEmpty: Bool { wanted.isEmpty && email == nil }

    /// Nil for a member that is not known, stands there twice, or selects nothing: who has no e-mail is nobody's choice.
    init?(_ bytes: Span<UInt8>, _ query: Range<Int>?) {
        let names: Set<ExactText> = ["session", "company", "event", "user", "email", "registration", "limit"]
        guard var members = operatorMembers(bytes, query, named: names) else { return nil }
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
    /// What the operator is told of it.
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
