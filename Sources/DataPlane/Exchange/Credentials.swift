import Admission
import Basics
import GatewayConfiguration
import JOSE

/// What a request is admitted by: a verified token, a sealed session, or both.
///
/// Searched in this order: query, `Authorization: Bearer`, `Sec-WebSocket-Protocol`, session. A valid token takes
/// precedence over the session, which still identifies the visit: reloading a page whose link has a token is not a
/// second join.
struct Credentials {
    enum Source {
        case query
        case authorization
        /// `Sec-WebSocket-Protocol`, the only field that a script can set on a WebSocket.
        case subprotocol
        /// The session cookie.
        case cookie
        /// `Gateway-Session`, which API clients send.
        case header
        /// `Gateway-Session`, which a service worker adds in a browser that keeps no cookie in a frame.
        case serviceWorker
        /// `Sec-WebSocket-Protocol`, in which a page in such a frame shows its socket ticket.
        case socketTicket
    }

    var source: Source
    var viewer: Viewer
    /// The session that the request showed, if any.
    var sealed: SealedSession?
    /// Whether the browser's cookie holds this event's session for this very token.
    var isInCookie: Bool

    var session: PresentedSession? { sealed?.session }

    /// Whether the viewer is identified by a token and not only by a session.
    var hasToken: Bool { source != .cookie && source != .header && !isScripts }

    /// Whether this viewer has no session that has joined.
    var mustJoin: Bool {
        guard let session, !session.isPending else { return true }
        return session.subject != viewer.subject && viewer.eventSpecific
    }
}

extension Exchange {
    enum Finding {
        case missing
        /// The request was already answered, or waits for keys and will be judged once more.
        case refused
        case found(Credentials)
    }

    /// A token found somewhere in the request.
    private struct Shown {
        var source: Credentials.Source
        var range: Range<Int>
        /// The decoded token, if it does not stand in the head as it is.
        var decoded: [UInt8]?

        func withToken<Result>(_ request: RequestView, _ body: (Span<UInt8>) -> Result) -> Result {
            if let decoded { return body(decoded.span) }
            return body(request.bytes.extracting(range))
        }

        func isSame(as other: Shown, _ request: RequestView) -> Bool {
            withToken(request) { token in other.withToken(request) { $0.equals(token, in: 0..<$0.count) } }
        }
    }

    /// Refuse requests with more distinct tokens: each one costs signature checks.
    private static let maxTokens = 4

    /// Finds the request's credentials. Leaves only what no upstream may see among the members that are not forwarded.
    ///
    /// Next to a valid token or session, values that are not our tokens belong to the application: they are ignored and
    /// stay where they are.
    ///
    /// - Parameter event: the event that selects a cookie, if any.
    func findCredentials(_ request: RequestView, event: Span<UInt8>?) -> Finding {
        var missed: [KeySetURL] = []
        let held = heldSession(request, event: event, &missed)
        // Before any signature is checked.
        if sheds(request, held?.session) { return .refused }
        let (bearer, offered): (Range<Int>?, [Range<Int>])
        switch self.bearer(request) {
        case .success(let range): (bearer, offered) = (range, offeredTokens(request))
        case .failure:
            respond(status: 400)
            return .refused
        }
        let first: Shown
        if let range = request.tokens.first {
            first = shown(request, query: range)
        } else if let bearer {
            first = Shown(source: .authorization, range: bearer)
        } else if let range = offered.first {
            first = Shown(source: .subprotocol, range: range)
        } else {
            if let held { return .found(held) }
            guard state.verdict.awaitsKeys else { return .missing }
            refuseUntilFetched(missed, request)
            return .refused
        }
        // There is almost always just one token.
        var others: [Shown] = []
        func add(_ shown: Shown) {
            guard others.count < Self.maxTokens, !shown.isSame(as: first, request) else { return }
            if !others.contains(where: { $0.isSame(as: shown, request) }) { others.append(shown) }
        }
        for range in request.tokens.dropFirst() { add(shown(request, query: range)) }
        if let bearer { add(Shown(source: .authorization, range: bearer)) }
        for range in offered { add(Shown(source: .subprotocol, range: range)) }
        guard others.count < Self.maxTokens else {
            refuse(.tokenConflict, request)
            return .refused
        }
        var good: (shown: Shown, viewer: Viewer)?
        var fault: TokenFault?
        var checks: [Check] = []
        var damages: [TokenAuthority.Damage] = []
        for index in 0...others.count {
            let shown = index == 0 ? first : others[index - 1]
            switch verify(shown, request, isHeld: held != nil, &missed, &checks, &damages) {
            case .success(let viewer):
                guard good == nil else {
                    count(checks)
                    refuse(.tokenConflict, request)
                    return .refused
                }
                good = (shown, viewer)
            case .failure(let reason):
                if fault == nil { fault = reason }
            }
        }
        guard good != nil || held.map({ isMeant($0, at: event, request, damages) }) ?? false else {
            record.fault = fault?.code
            if fault == .unchecked {
                refuse(.tooManyJoins, request, retryAfter: signatureAllowance.pause)
            } else if fault == .keysAwaited || state.verdict.awaitsKeys {
                if fault == .keysAwaited { chargeAwaited() }
                refuseUntilFetched(missed, request)
            } else if missed.isEmpty || !awaitKeys(missed, request) {
                refuseGuess(fault.map { Refusal($0) } ?? .tokenInvalid, request)
            }
            // Those of a request that waits are checked again.
            if parked == nil { count(checks) }
            return .refused
        }
        count(checks)
        if !missed.isEmpty { _ = worker.site.missKeys(missed, at: worker.clock.monotonic) }
        keepForeign(request, good?.shown, bearer: bearer)
        guard let good else { return held.map { .found($0) } ?? .missing }
        // An expired link says no more than the session that was joined with it.
        if let held, held.viewer.subject == good.viewer.subject,
            snapshot.rules.isOver(good.viewer, at: worker.clock.wall)
        {
            return .found(held)
        }
        let isInCookie =
            held.map { held in
                held.source == .cookie && held.viewer.subject == good.viewer.subject
                    && held.viewer.fingerprint.hasSameBytes(as: good.viewer.fingerprint)
            } ?? false
        return .found(
            Credentials(
                source: good.shown.source,
                viewer: good.viewer,
                sealed: held?.sealed,
                isInCookie: isInCookie
            )
        )
    }

    /// Whether a session answers for a request whose tokens are all bad. It does, unless someone opens a link with them:
    /// - to an event that the session is not for. Then the link is what must be mended.
    /// - that was damaged and is not the session's own, as far as can be read. It would show the event to one person as
    ///   another.
    private func isMeant(
        _ held: Credentials,
        at event: Span<UInt8>?,
        _ request: RequestView,
        _ damages: [TokenAuthority.Damage]
    ) -> Bool {
        guard isNavigation, method == .get, !request.tokens.isEmpty else { return true }
        guard damages.allSatisfy({ $0.subject == held.viewer.subject }) else { return false }
        guard let event else { return true }
        return !isOfAnotherEvent(held.viewer, event)
    }

    /// Whether a viewer has nothing to do with the event that the path names.
    private func isOfAnotherEvent(_ viewer: Viewer, _ event: Span<UInt8>) -> Bool {
        guard state.verdict.access == .token else { return false }
        let (event, now) = (String(decoding: event.copied(), as: UTF8.self), worker.clock.wall)
        return worker.site.admission.refusal(of: viewer, at: event, now: now, snapshot.rules) == .wrongEvent
    }

    /// Refuses a request that needs keys which could not be fetched so far, and asks for them.
    private func refuseUntilFetched(_ urls: [KeySetURL], _ request: RequestView) {
        record.fault = TokenFault.keysAwaited.code
        _ = worker.site.missKeys(urls, at: worker.clock.monotonic)
        refuse(.tryAgain, request)
    }

    /// Charges the address for a token that nobody can judge yet. Viewers try again and again until their keys are there,
    /// so such tokens use up half of what an address may fail at most.
    private func chargeAwaited() {
        let limit = snapshot.settings.limits.failuresPerMinute / 2
        _ = worker.site.failures.attempt(addressHash, limit: limit, now: worker.clock.monotonic)
    }

    private func shown(_ request: RequestView, query range: Range<Int>) -> Shown {
        let bytes = request.bytes
        // The head almost always holds the token as it is.
        guard let token = bytes.unbrokenLinkToken(range) else {
            return Shown(source: .query, range: range, decoded: bytes.linkToken(range))
        }
        return Shown(source: .query, range: token)
    }

    /// The viewer that a token identifies, from the cache or by verifying the signature.
    ///
    /// - Parameters:
    ///   - isHeld: whether the request also shows a session. If so, remembers that a value is not our token.
    ///   - missed: receives the key sets that may have the token's key by now, if nobody knows it.
    ///   - checks: receives what a check of the signature has found.
    ///   - damages: receives what is left of a viewer's token that was damaged, beside a session.
    private func verify(
        _ shown: Shown,
        _ request: RequestView,
        isHeld: Bool,
        _ missed: inout [KeySetURL],
        _ checks: inout [Check],
        _ damages: inout [TokenAuthority.Damage]
    ) -> Result<Viewer, TokenFault> {
        let generation = snapshot.authority.generation
        return shown.withToken(request) { token in
            switch worker.tokens.finding(for: token, generation: generation) {
            case .token(let viewer):
                countHit(.cachedTokens)
                return .success(viewer)
            case .session, .script, .foreign: return .failure(.malformed)
            case nil: countMiss(.uncachedTokens)
            }
            var algorithm: Algorithm?
            do throws(TokenFault) {
                let viewer = try snapshot.authority.viewer(
                    for: token,
                    allowance: signatureAllowance,
                    algorithm: &algorithm
                )
                checks.append((.accepted, algorithm))
                worker.tokens.insert(viewer, for: token, generation: generation)
                return .success(viewer)
            } catch {
                checks.append((TokenOutcome(error), algorithm))
                if error == .unknownKey || error == .keysAwaited, !snapshot.keySetURLs.isEmpty,
                    let company = snapshot.authority.ownCompany(of: token)
                {
                    missed += worker.site.keySetURLs(of: company)
                }
                if isHeld, error.isDamage, let damage = snapshot.authority.damage(to: token) {
                    if shown.source == .query { damages.append(damage) }
                } else if isHeld, error != .unchecked,
                    !snapshot.authority.withholds(token, allowance: signatureAllowance)
                {
                    worker.tokens.insert(.foreign, for: token, generation: generation)
                }
                return .failure(error)
            }
        }
    }

    /// What the check of a token's signature has found, for metrics.
    private typealias Check = (outcome: TokenOutcome, algorithm: Algorithm?)

    private func count(_ checks: [Check]) {
        for check in checks { worker.counters.add(check.outcome, check.algorithm) }
    }

    func countHit(_ counter: Counter) {
        noteLookup(isHit: true)
        worker.counters.add(counter)
    }

    /// Counts what is not in the cache, once for a request that waits for keys and is judged again.
    private func countMiss(_ counter: Counter) {
        noteLookup(isHit: false)
        if state.request.waitsSince == nil { worker.counters.add(counter) }
    }

    /// Keeps the application's own values in the request.
    private func keepForeign(_ request: RequestView, _ good: Shown?, bearer: Range<Int>?) {
        let bytes = request.bytes
        // There is almost always one member, and it holds the token.
        if request.tokens.count > 1 || (!request.removedMembers.isEmpty && good?.source != .query) {
            request.keepForeignMembers { value, isJoinCode in
                isJoinCode || bytes.isEither(value) { isOurs($0, good, request) }
            }
        }
        if let bearer {
            state.verdict.withholdsAuthorization = isOurs(bytes.extracting(bearer), good, request)
        }
    }

    private func isOurs(_ value: Span<UInt8>, _ good: Shown?, _ request: RequestView) -> Bool {
        if let good, good.withToken(request, { $0.count <= value.count && value.equals($0, in: 0..<$0.count) }) {
            return true
        }
        switch worker.tokens.finding(for: value, generation: snapshot.authority.generation) {
        case .token, .session, .script: return true
        case .foreign: return false
        case nil: return holdsViewersToken(value)
        }
    }

    private struct Malformed: Error {}

    /// The token of `Authorization: Bearer`. Other schemes belong to the upstream.
    private func bearer(_ request: RequestView) -> Result<Range<Int>?, Malformed> {
        guard request.contains(.authorization), snapshot.settings.tokens.authorization else { return .success(nil) }
        return request.isSingle(.authorization) ? .success(request.bearerToken) : .failure(Malformed())
    }

    /// The tokens that a WebSocket handshake offers as subprotocols.
    private func offeredTokens(_ request: RequestView) -> [Range<Int>] {
        var tokens: [Range<Int>] = []
        guard isUpgrade, request.contains(.secWebSocketProtocol) else { return tokens }
        let bytes = request.bytes
        for field in request.fields where field.name == .secWebSocketProtocol {
            Subprotocols.forEach(bytes, in: field.value) { name in
                if let range = Subprotocols.token(bytes, name) { tokens.append(range) }
            }
        }
        return tokens
    }

    // MARK: Sessions

    func heldSession(_ request: RequestView, event: Span<UInt8>?) -> Credentials? {
        var missed: [KeySetURL] = []
        return heldSession(request, event: event, &missed)
    }

    /// The session that applies: from the header of an API client; else from the cookie of the event; else the one that
    /// joined last.
    ///
    /// - Parameter missed: receives the key sets without which a session that would apply cannot be judged.
    private func heldSession(
        _ request: RequestView,
        event: Span<UInt8>?,
        _ missed: inout [KeySetURL]
    ) -> Credentials? {
        if snapshot.isCookieless, let held = heldByScript(request, event: event, &missed) { return held }
        if let text = request.value(of: .gatewaySession), request.isSingle(.gatewaySession) {
            switch open(text) {
            case (let sealed, .stands)?:
                return Credentials(source: .header, viewer: sealed.viewer, sealed: sealed, isInCookie: false)
            case (let sealed, .awaitsKeys)?: awaitKeys(of: sealed.viewer, at: event, &missed)
            case (_, .falls)?: state.verdict.isSessionVoid = true
            case nil: break
            }
        }
        let cookies = request.cookies
        guard !cookies.isEmpty else { return nil }
        // There is almost always just one cookie.
        var only: SealedSession?
        var several: [SealedSession] = []
        var suffix: InlineArray<8, UInt8>?
        if let event { suffix = CookieFormat.suffix(for: event) }
        for cookie in cookies where cookie.isFirst {
            guard let (found, standing) = open(cookie, of: request) else { continue }
            let isOfEvent = suffix.map { request.bytes.equals($0.span, in: cookie.event) } ?? false
            switch standing {
            case .stands: break
            case .falls:
                if !isOfEvent, let event, isOfAnotherEvent(found.viewer, event) { continue }
                state.verdict.isSessionVoid = true
                continue
            case .awaitsKeys:
                awaitKeys(of: found.viewer, at: isOfEvent ? nil : event, &missed)
                // No other session takes the place of the one that is meant.
                if isOfEvent { return nil }
                continue
            }
            if isOfEvent { return fromCookie(found) }
            if let first = only {
                if several.isEmpty { several.append(first) }
                several.append(found)
            } else {
                only = found
            }
        }
        guard !several.isEmpty else { return only.map(fromCookie) }
        // A session that has ended must not lock out the browser's others.
        several.sort { $0.session.id.joinedAt > $1.session.id.joinedAt }
        let (now, rules) = (worker.clock.wall, snapshot.rules)
        return fromCookie(several.first { worker.site.admission.stands($0, at: now, rules) } ?? several[0])
    }

    /// Notes that a session cannot be judged without its company's keys, unless it would not apply at this event anyway.
    func awaitKeys(of viewer: Viewer, at event: Span<UInt8>?, _ missed: inout [KeySetURL]) {
        if let event, isOfAnotherEvent(viewer, event) { return }
        state.verdict.awaitsKeys = true
        missed += worker.site.keySetURLs(of: viewer.company)
    }

    private func fromCookie(_ sealed: SealedSession) -> Credentials {
        Credentials(source: .cookie, viewer: sealed.viewer, sealed: sealed, isInCookie: true)
    }

    /// A session that was opened, and whether it stands.
    typealias Opened = (session: SealedSession, standing: TokenAuthority.Standing)

    /// Opens the session whose first part is in `cookie`.
    func open(_ cookie: SessionCookies.Cookie, of request: RequestView) -> Opened? {
        let bytes = request.bytes
        guard cookie.value.count > 1 else { return nil }
        let digit = bytes[cookie.value.lowerBound]
        let rest = cookie.value.lowerBound + 1..<cookie.value.upperBound
        if digit == UInt8(ascii: "1") { return open(bytes.extracting(rest)) }
        guard digit.isDigit, digit > UInt8(ascii: "1"), digit <= UInt8(ascii: "4") else { return nil }
        var text = bytes.extracting(rest).copied()
        for part in 1..<Int(digit - UInt8(ascii: "0")) {
            let found = request.cookies.first { other in
                other.part(bytes) == part && bytes.equals(bytes.extracting(cookie.event), in: other.event)
            }
            guard let found else { return nil }
            for index in found.value { text.append(bytes[index]) }
        }
        return open(text.span)
    }

    private func open(_ text: Span<UInt8>) -> Opened? {
        let generation = snapshot.authority.generation
        switch worker.tokens.finding(for: text, generation: generation) {
        case .session(let sealed):
            countHit(.cachedSessions)
            return (sealed, .stands)
        case .token, .script, .foreign: return nil
        case nil: countMiss(.uncachedSessions)
        }
        guard let found = snapshot.authority.open(text, worker.site.seal, now: worker.clock.wall) else { return nil }
        if found.standing == .stands {
            worker.tokens.insert(.session(found.session), for: text, generation: generation)
        }
        return found
    }
}
