import Admission
import Basics
import GatewayConfiguration
import JOSE

extension Exchange {
    func serveOwnEndpoint(_ request: RequestView) {
        let path = String(decoding: request.path.copied(), as: UTF8.self)
        if client?.listener == .admin {
            switch ExactText(path) {
            case "/healthz": serveHealth()
            case "/readyz": serveReadiness()
            default: serveOperator(request, path: path)
            }
            return
        }
        switch ExactText(path) {
        case "/.gateway/healthz": serveHealth()
        case "/.gateway/readyz": serveReadiness()
        case "/.gateway/jwks.json": serveKeys()
        case "/.gateway/session": serveSession(request)
        case "/.gateway/session.js": serveSessionScript()
        case "/.gateway/leave": leave(request)
        case "/.gateway/take-over": takeOver(request)
        case "/.gateway/ticket": renewTicket(request)
        case "/.gateway/worker.js": serveServiceWorker()
        case "/.gateway/join": joinForServiceWorker(request)
        case "/.gateway/renew": renewForServiceWorker(request)
        default: respond(status: 404)
        }
    }

    /// Answers 405 unless the method is allowed. Returns true to continue.
    func allows(_ isAllowed: Bool, _ names: String) -> Bool {
        if !isAllowed {
            let problem = Problem(
                status: 405,
                code: "method_not_allowed",
                title: StatusText.of(405).title,
                detail: StatusText.of(405).detail,
                activeFor: nil,
                requestID: state.request.id.string
            )
            respond(status: 405, fields: "Allow: \(names)\r\n", type: "application/problem+json", body: problem.json)
        }
        return isAllowed
    }

    func serveHealth() {
        state.request.isProbe = true
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        respond(status: 200, fields: "", type: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
    }

    func serveReadiness() {
        state.request.isProbe = true
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        let isReady = worker.site.isReady
        let text = isReady ? "ready\n" : worker.site.isDraining ? "draining\n" : "no healthy upstream\n"
        respond(
            status: isReady ? 200 : 503,
            fields: "",
            type: "text/plain; charset=utf-8",
            body: Array(text.utf8)
        )
    }

    /// Serves the key that verifies assertions ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    private func serveKeys() {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        let keys = worker.site.assertionKey.publicJWK.map { [$0] } ?? []
        let body = JSONValue.object([JSONMember("keys", .array(keys))]).serialized()
        respond(status: 200, fields: "", type: "application/jwk-set+json", body: body)
    }

    /// Serves the caller's own session.
    private func serveSession(_ request: RequestView) {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        let named = request.member("event") ?? referredEvent(request)
        guard let credentials = ownCredentials(request, event: named) else { return }
        let viewer = credentials.viewer
        state.verdict.viewer = viewer
        // A page whose cookie has expired is not told about the session of another event.
        guard let event = credentials.sealed?.event, named == nil || named == event else {
            // Asking does not join.
            refuse(.tokenMissing, request)
            return
        }
        state.verdict.access = .session
        guard decide(request, credentials, event: event.span, .ask), let admitted else { return }
        let end = worker.site.admission.end(of: admitted.session, viewer, in: admitted.event, snapshot.rules)
        guard worker.clock.wall < end else {
            // As its sockets, which have ended: the page should ask for a new link.
            state.verdict.refusedEvent = admitted.event
            return refuse(.tokenExpired, request)
        }
        state.request.isPoll = request.member(SessionScript.pollName) != nil
        var members = [
            JSONMember("session", .string(admitted.session.name)),
            JSONMember("event", .string(admitted.event)), JSONMember("company", .string(viewer.company)),
            JSONMember("role", .string(admitted.role.name)), JSONMember("userId", .string(viewer.userID)),
            JSONMember("joinedAt", .string(Timestamp.text(admitted.session.joinedAt))),
        ]
        let origins = snapshot.company(viewer.company)?.embedOrigins ?? []
        members.append(JSONMember("embedOrigins", .array(origins.map(JSONValue.string))))
        if let listing = admitted.listing { members.append(JSONMember("listedAs", .string(listing.name))) }
        if let name = viewer.name { members.append(JSONMember("userName", .string(name))) }
        members.append(JSONMember("expiresAt", .string(Timestamp.text(end))))
        respond(
            status: 200,
            fields: "",
            type: "application/json",
            body: JSONValue.object(members).serialized()
        )
    }

    private func serveSessionScript() {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        respond(
            status: 200,
            fields: "",
            type: "text/javascript; charset=utf-8",
            body: Array(SessionScript.text.utf8),
            caching: "max-age=300"
        )
    }

    /// Says goodbye for the viewer: frees the lease at once.
    private func leave(_ request: RequestView) {
        guard allows(method == .post, "POST") else { return }
        let named = request.member("event") ?? referredEvent(request)
        guard let credentials = ownCredentials(request, event: named), isFromOurPages(request, credentials) else {
            return
        }
        let viewer = credentials.viewer
        if let session = credentials.session {
            // If the token is valid for several events, the page that says goodbye tells which one.
            let event = named ?? credentials.sealed?.event ?? viewer.eventBytes
            let subject = event == viewer.eventBytes ? viewer.subject : viewer.subject(for: event.span)
            let isBeacon = isToldByServiceWorker ? request.isBeaconOfPage : request.isBeacon
            worker.leave(session, subject: subject, isLeased: viewer.isLeased, isBeacon: isBeacon)
        }
        respond(status: 204, fields: "", type: nil, body: [])
    }

    /// Moves the user's lease to this session, wherever it was.
    private func takeOver(_ request: RequestView) {
        let destination = destination(request)
        if method == .get, isNavigation, let destination {
            // Someone opened the address of a button.
            redirect(to: destination)
            return
        }
        guard allows(method == .post, "POST") else { return }
        let event = destination.flatMap { self.event(of: $0.span) } ?? request.member("event")
        let place = event ?? referredEvent(request)
        guard let credentials = ownCredentials(request, event: place), isFromOurPages(request, credentials) else {
            return
        }
        state.verdict.viewer = credentials.viewer
        state.verdict.access = event == nil ? .session : .token
        let named = event ?? credentials.sealed?.event ?? []
        guard decide(request, credentials, event: named.span, .takeOver), let admitted else { return }
        state.verdict.join()
        handOut(request, credentials.viewer, admitted)
        if isNavigation, let destination {
            redirect(to: destination)
        } else {
            respond(status: 204, fields: "", type: nil, body: [])
        }
    }

    /// The credentials of a request to one of our own endpoints. Returns `nil` if the request was refused.
    ///
    /// - Parameter event: the one that the request is about, as it or its page says.
    private func ownCredentials(_ request: RequestView, event: [UInt8]?) -> Credentials? {
        request.scanQuery(tokenNames: snapshot.tokenNames)
        request.scanCookies(isSecure: snapshot.cookie.isSecure)
        let named = event ?? []
        // A session that is not for the event answers nothing.
        state.verdict.access = named.isEmpty ? .session : .token
        switch findCredentials(request, event: named.isEmpty ? nil : named.span) {
        case .found(let credentials):
            state.verdict.source = credentials.source
            return credentials
        case .missing: refuseStranger(request)
        case .refused: break
        }
        return nil
    }

    /// Whether the request comes from our own pages. These endpoints act for the user, so another site must not be able
    /// to call them.
    private func isFromOurPages(_ request: RequestView, _ credentials: Credentials) -> Bool {
        let isOurs =
            switch credentials.source {
            case .authorization, .header: true
            case .serviceWorker, .socketTicket: isOriginTold(request)
            default: isOriginAllowed(request)
            }
        if !isOurs { refuse(.originDenied, request) }
        return isOurs
    }

    /// Where a take-over leads back to: one of our paths, judged like that of any request.
    private func destination(_ request: RequestView) -> [UInt8]? {
        guard let path = request.member("to") else { return nil }
        for byte in path where byte <= 0x20 || byte >= 0x7f || byte == UInt8(ascii: "#") { return nil }
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(path.span, in: 0..<path.count)
            // `//evil.example` would lead to another site.
            return target.isMerged ? nil : path
        } catch {
            return nil
        }
    }

    /// Whether the policy lets the user take the lease on request.
    var offersTakeOver: Bool {
        let event = viewer?.event.flatMap { worker.site.directory.event($0) }
        return (event?.secondJoin ?? snapshot.rules.sessions.secondJoin) != .refuse
    }
}

extension RequestView {
    /// Whether the path belongs to the gateway. Nothing below `/.gateway` is ever forwarded.
    var isForOwnEndpoint: Bool {
        guard let first = segments.first, first.count >= 8 else { return false }
        // In every reading: encoded, in other case, with parameters.
        let name: StaticString = ".gateway"
        var position = first.lowerBound
        var index = 0
        // SAFETY: a literal's bytes live forever.
        let text = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        while position < first.upperBound {
            let (byte, count) = bytes.decoded(at: position, before: first.upperBound)
            if index == text.count { return byte == UInt8(ascii: ";") }
            guard unsafe byte.lowercased == text[index] else { return false }
            position += count
            index += 1
        }
        return index == text.count
    }
}
