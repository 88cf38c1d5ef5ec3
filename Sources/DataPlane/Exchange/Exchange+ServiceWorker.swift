import Admission
import Basics
import GatewayConfiguration

/// Sessions that a service worker holds, in browsers that keep no cookie in a frame.
extension Exchange {
    func serveServiceWorker() {
        guard let serviceWorker = snapshot.serviceWorker else { return respond(status: 404) }
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        respond(
            status: 200,
            fields: "Service-Worker-Allowed: /\r\n",
            type: "text/javascript; charset=utf-8",
            body: serviceWorker.script
        )
    }

    /// Exchanges a ticket for a session. It joins with the first request that brings it back, as a cookie does.
    ///
    /// If the worker shows a session of the same viewer, that one goes on, as the link's: to reload the page is no second
    /// join.
    func joinForServiceWorker(_ request: RequestView) {
        guard acceptsCall(request) else { return }
        guard let shown = request.ticket,
            let ticket = snapshot.authority.ticket(shown, worker.site.seal, now: worker.clock.wall),
            ticket.stage == .serviceWorker, worker.site.usedTickets.use(ticket)
        else { return refuse(.tokenMissing, request) }
        state.verdict.viewer = ticket.viewer
        var sealed = ticket.sealed
        if case (let held, .stands)? = shownSession(request), held.sealed.session.subject == ticket.session.subject {
            let renewed = SealedSession(held.sealed.session, ticket.viewer, event: ticket.sealed.event)
            let fate = fate(of: renewed)
            if fate != .viewerRemoved, fate?.status != 401 { sealed = renewed }
        }
        respond(with: sealed)
    }

    /// Extends a session by some minutes. Whether it may go on is decided again with each request; a replaced one must
    /// last until its viewer asks for it back.
    func renewForServiceWorker(_ request: RequestView) {
        guard acceptsCall(request) else { return }
        guard let (held, standing) = shownSession(request) else { return refuse(.tokenMissing, request) }
        state.verdict.viewer = held.viewer
        switch standing {
        case .stands: break
        case .awaitsKeys: return refuse(.tryAgain, request)
        case .falls:
            state.verdict.isSessionVoid = true
            return refuseStranger(request)
        }
        guard held.mayBeRenewed(at: worker.clock.wall) else { return refuse(.tokenExpired, request) }
        if let refusal = fate(of: held.sealed), refusal.status == 401 { return refuse(refusal, request) }
        respond(with: held.sealed)
    }

    /// Checks a call that only the worker sends. Returns false if it was answered.
    private func acceptsCall(_ request: RequestView) -> Bool {
        guard snapshot.isCookieless else {
            respond(status: 404)
            return false
        }
        guard allows(method == .post, "POST") else { return false }
        request.scanQuery(tokenNames: [])
        request.scanCookies(isSecure: snapshot.cookie.isSecure)
        guard isFromOwnOrigin(request) else {
            refuse(.originDenied, request)
            return false
        }
        return true
    }

    /// Why a session would not be let in now; `nil` if it would.
    private func fate(of sealed: SealedSession) -> Refusal? {
        let event = sealed.event
        let verdict = worker.site.admission.decide(
            Admission.Request(
                access: .session,
                presented: sealed.session,
                address: leaseAddress,
                purpose: .ask,
                now: worker.clock.wall
            ),
            viewer: sealed.viewer,
            event: event.span,
            rules: snapshot.rules,
            random: { nil }
        )
        switch verdict {
        case .admit: return nil
        case .refuse(let refusal, _, _): return refusal
        case .outside: return .tokenMissing
        // A request that only asks claims nothing.
        case .claimed, .waiting: return .tryAgain
        }
    }

    private func respond(with sealed: SealedSession) {
        let texts = texts(of: sealed)
        let members = [
            JSONMember("event", .string(String(decoding: sealed.event, as: UTF8.self))),
            JSONMember("session", .string(texts.session)), JSONMember("socket", .string(texts.socket)),
            JSONMember("expiresIn", .number(Double(ScriptSession.lifetime / 1000))),
        ]
        let body = JSONValue.object(members).serialized()
        respond(status: 200, fields: "", type: "application/json", body: body)
    }

    /// Gives the worker a session with the answer to a page's request.
    func handOutToServiceWorker(_ sealed: SealedSession) {
        let texts = texts(of: sealed)
        let lines = """
            Gateway-Session: \(texts.session)\r
            Gateway-Socket: \(texts.socket)\r
            Gateway-Event: \(percentEncoded(String(decoding: sealed.event, as: UTF8.self)))\r
            Gateway-Expires-In: \(ScriptSession.lifetime / 1000)\r

            """
        state.verdict.extraFields.append(contentsOf: lines.utf8)
    }

    /// A session for the worker, and for the sockets of its pages.
    private func texts(of sealed: SealedSession) -> (session: String, socket: String) {
        let now = worker.clock.wall
        func text(_ use: ScriptSession.Use) -> String {
            let text = worker.site.seal.text(of: ScriptSession(use, sealed, now: now), now: now)
            return String(decoding: text, as: UTF8.self)
        }
        return (text(.worker), text(.socket))
    }

    // MARK: Requests

    /// The session that a script in a frame without cookies shows: a service worker in a field, a page in the handshake of
    /// a WebSocket. `nil` if there is none, or it does not answer for this request.
    ///
    /// - Parameter missed: receives the key sets without which it cannot be judged.
    func heldByScript(_ request: RequestView, event: Span<UInt8>?, _ missed: inout [KeySetURL]) -> Credentials? {
        // The browser describes the worker's request, not the page's, whatever has become of the session.
        if request.contains(.gatewaySession), request.isNavigationOfPage {
            state.request.isNavigation = true
            state.request.language = request.language(among: snapshot.pages.tags)
        }
        let found = isUpgrade ? shownTicket(request) : shownSession(request)
        guard let (held, standing) = found else { return nil }
        let fault = held.fault(
            isUpgrade: isUpgrade,
            isFromOwnOrigin: isFromOwnOrigin(request),
            event: event,
            at: worker.clock.wall
        )
        if let fault {
            record.fault = fault.code
            return nil
        }
        switch standing {
        case .stands: break
        case .awaitsKeys:
            awaitKeys(of: held.viewer, at: event, &missed)
            return nil
        case .falls:
            state.verdict.isSessionVoid = true
            return nil
        }
        let source: Credentials.Source = held.use == .socket ? .socketTicket : .serviceWorker
        return Credentials(source: source, viewer: held.viewer, sealed: held.sealed, isInCookie: false)
    }

    /// A session that was opened, and whether it stands.
    private typealias OpenedScript = (session: ScriptSession, standing: TokenAuthority.Standing)

    /// The session that a worker shows.
    private func shownSession(_ request: RequestView) -> OpenedScript? {
        guard request.isSingle(.gatewaySession), let text = request.value(of: .gatewaySession) else { return nil }
        return open(text, for: .worker)
    }

    /// The first socket ticket that a handshake offers.
    private func shownTicket(_ request: RequestView) -> OpenedScript? {
        guard request.contains(.secWebSocketProtocol) else { return nil }
        let bytes = request.bytes
        var first: Range<Int>?
        for field in request.fields where field.name == .secWebSocketProtocol {
            Subprotocols.forEach(bytes, in: field.value) { name in
                if first == nil { first = Subprotocols.socketTicket(bytes, name) }
            }
        }
        return first.flatMap { open(bytes.extracting($0), for: .socket) }
    }

    private func open(_ text: Span<UInt8>, for use: ScriptSession.Use) -> OpenedScript? {
        let generation = snapshot.authority.generation
        if let known = worker.tokens.finding(for: text, generation: generation) {
            guard case .script(let session) = known, session.use == use else { return nil }
            countHit(.cachedSessions)
            return (session, .stands)
        }
        let (seal, now) = (worker.site.seal, worker.clock.wall)
        guard let found = snapshot.authority.open(text, for: use, seal, now: now) else { return nil }
        if found.standing == .stands {
            worker.tokens.insert(.script(found.session), for: text, generation: generation)
        }
        return found
    }

    /// Whether the request's origin is acceptable with a session that a script holds. The worker adds that to what another
    /// site causes, too, so that an unsafe request must say where it comes from. Browsers that have service workers do.
    func isOriginTold(_ request: RequestView) -> Bool {
        let isTold = method.isSafe || request.contains(.origin) || request.field(.secFetchSite, is: "same-origin")
        return isTold && isOriginAllowed(request)
    }

    /// Whether one of our own pages sent the request, by its `Origin`.
    private func isFromOwnOrigin(_ request: RequestView) -> Bool {
        guard request.isSingle(.origin), let origin = request.value(of: .origin) else { return false }
        let own = snapshot.publicOrigin
        return origin.equals(own.span, in: origin.indices)
    }

    /// Whether a public request came through a service worker, which decides how its answer is written.
    func noteServiceWorker(_ request: RequestView) {
        guard request.contains(.gatewaySession), let held = heldSession(request, event: nil),
            held.source == .serviceWorker
        else { return }
        state.verdict.source = .serviceWorker
    }

    /// Whether a script for a service worker other than ours is asked for by a page without a cookie. It would take the
    /// place of ours there.
    func isForeignServiceWorker(_ request: RequestView) -> Bool {
        request.field(.serviceWorker, is: "script") && request.cookies.isEmpty
    }

    /// Tells a service worker what a refusal says of itself, or of the session that it showed.
    func orderServiceWorker(_ request: RequestView) {
        if !snapshot.isCookieless {
            // The settings allowed one once, and no longer do.
            state.verdict.extraFields.append(contentsOf: "Gateway-Worker: unregister\r\n".utf8)
        } else if request.contains(.gatewaySession), shownSession(request) == nil {
            // No key that we have sealed it, so that it will never be good.
            state.verdict.extraFields.append(contentsOf: "Gateway-Worker: forget\r\n".utf8)
        }
    }

    // MARK: Both heads

    /// Whether a service worker describes the request instead of the browser.
    var isToldByServiceWorker: Bool { snapshot.isCookieless && state.verdict.source == .serviceWorker }

    /// Writes what the browser would have told the upstream without the worker.
    func writeWorkerFields(_ request: RequestView, to head: inout ByteWriter) {
        guard isToldByServiceWorker, let value = request.value(of: .gatewayRequest) else { return }
        let asked = WorkerRequest(value)
        func write(_ name: StaticString, _ range: Range<Int>?) {
            guard let range else { return }
            head.write(name)
            head.write(value.extracting(range))
            head.write("\r\n")
        }
        write("Sec-Fetch-Dest: ", asked.destination)
        write("Sec-Fetch-Mode: ", asked.mode)
        write("Sec-Fetch-Site: ", asked.site)
        guard restoresReferer(request), let path = asked.referrer else { return }
        head.write("Referer: ")
        head.write(snapshot.publicOrigin)
        head.write(value.extracting(path))
        head.write("\r\n")
    }

    /// Whether the worker says more about the page than `Referer`, which WebKit cuts to the origin.
    func restoresReferer(_ request: RequestView) -> Bool {
        guard isToldByServiceWorker, let value = request.value(of: .gatewayRequest),
            WorkerRequest(value).referrer != nil
        else { return false }
        guard let target = request.refererTarget(on: snapshot.publicOrigin) else { return true }
        return target.count == 1
    }

    /// Whether to answer with a field what would be a redirect: the worker must not follow it with the session, and the
    /// browser does not show it one.
    func tellsRedirect(_ status: Int) -> Bool {
        guard isToldByServiceWorker else { return false }
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308
    }

    /// Whether a field of an upstream's answer is kept from the browser, where service workers may hold sessions.
    func isWithheld(_ field: FieldBlock.Field, _ bytes: Span<UInt8>) -> Bool {
        if field.name == .gatewayRequest || field.name == .gatewayCookie { return true }
        // They would tell a shared cache to keep what is for the viewer alone.
        if field.name == .cdnCacheControl || field.name == .surrogateControl, viewer != nil, isToldByServiceWorker {
            return true
        }
        guard field.name == .other else { return false }
        return GatewayFields.contain(bytes, field.nameRange)
            || state.verdict.source != .cookie
                && bytes.equals("service-worker-allowed", ignoringCaseIn: field.nameRange)
    }
}

extension Credentials {
    /// Whether a script in a frame without cookies holds the session. It chose that of the event that is meant.
    var isScripts: Bool { source == .serviceWorker || source == .socketTicket }
}

extension RequestView {
    /// Whether the page's request that a service worker sends on is a navigation.
    fileprivate var isNavigationOfPage: Bool {
        guard method == .get || method == .head || method == .post, let value = value(of: .gatewayRequest),
            let mode = WorkerRequest(value).mode
        else { return false }
        return value.equals("navigate", in: mode)
    }

    /// Whether the page sends it while it is being closed.
    var isBeaconOfPage: Bool {
        guard let value = value(of: .gatewayRequest), let mode = WorkerRequest(value).mode else { return false }
        return value.equals("no-cors", in: mode)
    }

    /// Whether it loads an image, a style or a font.
    var isDecorationOfPage: Bool {
        guard let value = value(of: .gatewayRequest), let destination = WorkerRequest(value).destination else {
            return false
        }
        return value.equals("image", in: destination) || value.equals("style", in: destination)
            || value.equals("font", in: destination)
    }
}
