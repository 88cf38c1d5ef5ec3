import Admission
import GatewayConfiguration
import JOSE

/// What a listener is for.
enum ListenerRole: Sendable {
    /// Viewers: routes and own endpoints.
    case viewers
    /// Operators and load balancers: health and live sessions.
    case admin
}

extension Exchange {
    /// Whether the path is ours; nothing below `/.gateway` is ever forwarded.
    func isOwnEndpoint(_ bytes: Span<UInt8>) -> Bool {
        guard let first = worker.requestTarget.segments.first, first.count >= 8 else { return false }
        // In every reading: encoded, in other case, with parameters.
        let name: StaticString = ".gateway"
        var position = first.lowerBound
        var index = 0
        // SAFETY: a literal's bytes live for ever.
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

    func serveOwnEndpoint(_ bytes: Span<UInt8>) {
        let path = String(decoding: bytes.extracting(worker.requestTarget.path).copied(), as: UTF8.self)
        worker.queryMembers.scan(bytes, in: nil, tokenNames: [])
        if client?.listener == .admin {
            switch ExactText(path) {
            case "/healthz": serveHealth()
            case "/readyz": serveReadiness()
            default: serveOperator(bytes, path: path)
            }
            return
        }
        switch ExactText(path) {
        case "/.gateway/healthz": serveHealth()
        case "/.gateway/readyz": serveReadiness()
        case "/.gateway/jwks.json": serveKeys()
        case "/.gateway/session": serveSession(bytes)
        case "/.gateway/leave": leave(bytes)
        case "/.gateway/take-over": takeOver(bytes)
        case "/.gateway/ticket": renewTicket(bytes)
        default: respond(status: 404)
        }
    }

    /// Answers 405 unless the method is one of those; true: go on.
    func allows(_ isAllowed: Bool, _ names: String) -> Bool {
        if !isAllowed {
            let problem = Problem(
                status: 405,
                code: "method_not_allowed",
                title: StatusText.of(405).title,
                detail: StatusText.of(405).detail,
                activeFor: nil,
                requestID: String(decoding: requestID.text, as: UTF8.self)
            )
            respond(status: 405, fields: "Allow: \(names)\r\n", type: "application/problem+json", body: problem.json)
        }
        return isAllowed
    }

    private func serveHealth() {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        respond(status: 200, fields: "", type: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
    }

    private func serveReadiness() {
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

    /// The key that assertions are checked with ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    private func serveKeys() {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        let keys = worker.site.assertionKey.publicJWK.map { [$0] } ?? []
        let body = JSONValue.object([JSONMember("keys", .array(keys))]).serialized()
        respond(status: 200, fields: "", type: "application/jwk-set+json", body: body)
    }

    /// The caller's own session.
    private func serveSession(_ bytes: Span<UInt8>) {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        guard let credentials = ownCredentials(bytes, event: member("event", bytes)) else { return }
        let viewer = credentials.viewer
        self.viewer = viewer
        guard credentials.session != nil else {
            // Asking does not join.
            refuse(.tokenMissing, bytes)
            return
        }
        access = .session
        let event = credentials.sealed?.event ?? []
        guard decide(bytes, credentials, event: event.span, .ask), let admitted else { return }
        var members = [
            JSONMember("session", .string(admitted.session.name)),
            JSONMember("event", .string(admitted.event)), JSONMember("company", .string(viewer.company)),
            JSONMember("role", .string(admitted.role.name)), JSONMember("userId", .string(viewer.userID)),
            JSONMember("joinedAt", .string(Timestamp.text(admitted.session.joinedAt))),
        ]
        if let listing = admitted.listing { members.append(JSONMember("listedAs", .string(listing.name))) }
        if let name = viewer.name { members.append(JSONMember("userName", .string(name))) }
        if let expires = worker.site.admission.end(of: viewer, in: admitted.event) {
            members.append(JSONMember("expiresAt", .string(Timestamp.text(expires))))
        }
        respond(
            status: 200,
            fields: "",
            type: "application/json",
            body: JSONValue.object(members).serialized()
        )
    }

    /// The holder goes: its lease is free at once.
    private func leave(_ bytes: Span<UInt8>) {
        guard allows(method == .post, "POST") else { return }
        let named = member("event", bytes)
        guard let credentials = ownCredentials(bytes, event: named), isFromOurPages(bytes, credentials) else { return }
        let viewer = credentials.viewer
        if let session = credentials.session {
            // The page that says goodbye names the event, for a token that is good for several.
            let event = named ?? referredEvent(bytes) ?? credentials.sealed?.event ?? viewer.eventBytes
            let subject = event == viewer.eventBytes ? viewer.subject : viewer.subject(for: event.span)
            worker.leave(session, subject: subject, isLeased: viewer.isLeased, isBeacon: isBeacon(bytes))
        }
        respond(status: 204, fields: "", type: nil, body: [])
    }

    /// Whether the page sends this while it goes away: `navigator.sendBeacon`.
    private func isBeacon(_ bytes: Span<UInt8>) -> Bool {
        worker.requestHead.block.first(.secFetchMode).map { bytes.equals("no-cors", ignoringCaseIn: $0) } ?? false
    }

    /// The user wants the session here, and takes it from wherever it is.
    private func takeOver(_ bytes: Span<UInt8>) {
        let destination = destination(bytes)
        if method == .get, isNavigation, let destination {
            // Somebody has opened the address of a button.
            redirect(to: destination)
            return
        }
        guard allows(method == .post, "POST") else { return }
        let event = destination.flatMap { self.event(ofPath: $0) } ?? member("event", bytes)
        guard let credentials = ownCredentials(bytes, event: event), isFromOurPages(bytes, credentials) else { return }
        viewer = credentials.viewer
        access = event == nil ? .session : .token
        let named = event ?? credentials.sealed?.event ?? []
        guard decide(bytes, credentials, event: named.span, .takeOver), let admitted else { return }
        handOut(bytes, credentials.viewer, admitted)
        if isNavigation, let destination {
            redirect(to: destination)
        } else {
            respond(status: 204, fields: "", type: nil, body: [])
        }
    }

    /// The credentials of a request to one of our own endpoints; nothing: it was refused.
    private func ownCredentials(_ bytes: Span<UInt8>, event: [UInt8]? = nil) -> Credentials? {
        worker.queryMembers.scan(bytes, in: worker.requestTarget.query, tokenNames: snapshot.tokenNames)
        worker.sessionCookies.scan(bytes, worker.requestHead.block, secure: snapshot.cookie.isSecure)
        let named = event ?? referredEvent(bytes) ?? []
        switch findCredentials(bytes, event: named.isEmpty ? nil : named.span) {
        case .found(let credentials): return credentials
        case .missing: refuse(.tokenMissing, bytes)
        case .refused: break
        }
        return nil
    }

    /// These endpoints act for the user, so another site must not be able to press their buttons.
    private func isFromOurPages(_ bytes: Span<UInt8>, _ credentials: Credentials) -> Bool {
        guard credentials.source == .authorization || credentials.source == .header || isOriginAllowed(bytes) else {
            refuse(.originDenied, bytes)
            return false
        }
        return true
    }

    /// Where a take-over leads back to: a path of ours that was judged like any request's.
    private func destination(_ bytes: Span<UInt8>) -> [UInt8]? {
        guard let path = member("to", bytes) else { return nil }
        for byte in path where byte <= 0x20 || byte >= 0x7f || byte == UInt8(ascii: "#") { return nil }
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(path.span, in: 0..<path.count)
            // `//evil.example` leads to another site.
            return target.isMerged ? nil : path
        } catch {
            return nil
        }
    }

    /// The value of a member of the query, decoded; nil where there is none, or an empty one.
    private func member(_ name: StaticString, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard let query = worker.requestTarget.query else { return nil }
        var start = query.lowerBound
        while start < query.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.upperBound) ?? query.upperBound
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: start, to: end) ?? end
            if equals + 1 < end, bytes.equals(name, in: start..<equals) {
                return bytes.percentDecoded(equals + 1..<end)
            }
            start = end + 1
        }
        return nil
    }

    /// The event that a path names by our routes.
    private func event(ofPath path: [UInt8]) -> [UInt8]? {
        let bytes = path.span
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(bytes, in: 0..<path.count)
            guard let event = try snapshot.routes.match(bytes, target)?.event else { return nil }
            return bytes.percentDecoded(event)
        } catch {
            return nil
        }
    }

    /// Whether the policy that applies lets the user take the lease by asking for it.
    var offersTakeOver: Bool {
        let event = viewer?.event.flatMap { worker.site.directory.event($0) }
        return (event?.secondJoin ?? snapshot.rules.sessions.secondJoin) != .refuse
    }
}
