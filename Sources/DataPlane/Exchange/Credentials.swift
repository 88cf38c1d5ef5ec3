import Admission
import GatewayConfiguration
import JOSE

/// What lets a request in: a token that was verified, a sealed session, or both.
///
/// Order of places: query, `Authorization: Bearer`, `Sec-WebSocket-Protocol`, session. A good token wins over the
/// session, which still says whose visit it is: reloading a page with a link in it is no second join.
struct Credentials {
    enum Source {
        case query
        case authorization
        /// `Sec-WebSocket-Protocol`, for scripts, which can give a WebSocket no other field.
        case subprotocol
        /// The session's cookie.
        case cookie
        /// `Gateway-Session`, as API clients send it.
        case header
    }

    var source: Source
    var viewer: Viewer
    /// The session that was shown, if any.
    var sealed: SealedSession?
    /// Whether the browser holds the session of this event and of this very token.
    var isInCookie: Bool

    var session: PresentedSession? { sealed?.session }

    /// Whether a token speaks for the viewer, and not only a session.
    var hasToken: Bool { source != .cookie && source != .header }

    /// Whether there is no session of this viewer that has joined.
    var mustJoin: Bool {
        guard let session, !session.isPending else { return true }
        return session.subject != viewer.subject && viewer.eventSpecific
    }
}

extension Exchange {
    enum Finding {
        case missing
        /// The request was answered.
        case refused
        case found(Credentials)
    }

    /// A token that the request shows somewhere.
    private struct Shown {
        var source: Credentials.Source
        var range: Range<Int>
        /// The token where the head does not hold it as it is.
        var decoded: [UInt8]?

        func withToken<Result>(_ bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Result) -> Result {
            if let decoded { return body(decoded.span) }
            return body(bytes.extracting(range))
        }

        func isSame(as other: Shown, _ bytes: Span<UInt8>) -> Bool {
            withToken(bytes) { token in other.withToken(bytes) { $0.equals(token, in: 0..<$0.count) } }
        }
    }

    /// More different tokens than this in one request are refused: each costs checks of signatures.
    private static let maxTokens = 4

    /// Finds the request's credentials, and leaves in `worker.queryMembers.removed` what no upstream may see.
    ///
    /// Beside a good token or a good session, what is no token of ours is the application's own: it stays where it is, and
    /// counts as nothing.
    ///
    /// - Parameter event: the event that counts for choosing a cookie, if any.
    func findCredentials(_ bytes: Span<UInt8>, event: Span<UInt8>?) -> Finding {
        let held = heldSession(bytes, event: event)
        let (bearer, offered): (Range<Int>?, [Range<Int>])
        switch self.bearer(bytes) {
        case .success(let range): (bearer, offered) = (range, offeredTokens(bytes))
        case .failure:
            respond(status: 400)
            return .refused
        }
        let first: Shown
        if let range = worker.queryMembers.tokens.first {
            first = shown(bytes, query: range)
        } else if let bearer {
            first = Shown(source: .authorization, range: bearer)
        } else if let range = offered.first {
            first = Shown(source: .subprotocol, range: range)
        } else {
            return held.map { .found($0) } ?? .missing
        }
        // Nearly always there is one.
        var others: [Shown] = []
        func add(_ shown: Shown) {
            guard others.count < Self.maxTokens, !shown.isSame(as: first, bytes) else { return }
            if !others.contains(where: { $0.isSame(as: shown, bytes) }) { others.append(shown) }
        }
        for range in worker.queryMembers.tokens.dropFirst() { add(shown(bytes, query: range)) }
        if let bearer { add(Shown(source: .authorization, range: bearer)) }
        for range in offered { add(Shown(source: .subprotocol, range: range)) }
        guard others.count < Self.maxTokens else {
            refuse(.tokenConflict, bytes)
            return .refused
        }
        var good: (shown: Shown, viewer: Viewer)?
        var fault: TokenFault?
        for index in 0...others.count {
            let shown = index == 0 ? first : others[index - 1]
            switch verify(shown, bytes, isHeld: held != nil) {
            case .success(let viewer):
                guard good == nil else {
                    refuse(.tokenConflict, bytes)
                    return .refused
                }
                good = (shown, viewer)
            case .failure(let reason):
                if fault == nil { fault = reason }
            }
        }
        guard good != nil || held != nil else {
            record.fault = fault?.code
            if fault == .unchecked {
                refuse(.tooManyJoins, bytes, retryAfter: signatureAllowance.pause)
            } else {
                refuseGuess(fault.map { Refusal($0) } ?? .tokenInvalid, bytes)
            }
            return .refused
        }
        keepForeign(bytes, good?.shown, bearer: bearer)
        guard let good else { return held.map { .found($0) } ?? .missing }
        // A link whose time is over says no more than the session that was joined with it.
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

    private func shown(_ bytes: Span<UInt8>, query range: Range<Int>) -> Shown {
        // Nearly always the head holds the token as it is.
        guard let token = bytes.unbrokenLinkToken(range) else {
            return Shown(source: .query, range: range, decoded: bytes.linkToken(range))
        }
        return Shown(source: .query, range: token)
    }

    /// The viewer that a token speaks of, from the cache or by checking its signature.
    ///
    /// - Parameter isHeld: whether a session stands beside it; then what is not ours is remembered as such.
    private func verify(_ shown: Shown, _ bytes: Span<UInt8>, isHeld: Bool) -> Result<Viewer, TokenFault> {
        let generation = snapshot.authority.generation
        return shown.withToken(bytes) { token in
            switch worker.tokens.finding(for: token, generation: generation) {
            case .token(let viewer): return .success(viewer)
            case .session, .foreign: return .failure(.malformed)
            case nil: break
            }
            do throws(TokenFault) {
                let viewer = try snapshot.authority.viewer(for: token, allowance: signatureAllowance)
                worker.tokens.insert(viewer, for: token, generation: generation)
                return .success(viewer)
            } catch {
                if isHeld, error != .unchecked, !snapshot.authority.withholds(token, allowance: signatureAllowance) {
                    worker.tokens.insert(.foreign, for: token, generation: generation)
                }
                return .failure(error)
            }
        }
    }

    /// Leaves in the request what is the application's own.
    private func keepForeign(_ bytes: Span<UInt8>, _ good: Shown?, bearer: Range<Int>?) {
        let removed = worker.queryMembers.removed.count
        // Nearly always there is one member, and it holds the token.
        if worker.queryMembers.tokens.count > 1 || (removed > 0 && good?.source != .query) {
            worker.queryMembers.keepOthers(bytes) { value, isJoinCode in
                isJoinCode || bytes.isEither(value) { isOurs($0, good, bytes) }
            }
        }
        if let bearer {
            let isOurs = isOurs(bytes.extracting(bearer), good, bytes)
            withholdsAuthorization = isOurs
        }
    }

    private func isOurs(_ value: Span<UInt8>, _ good: Shown?, _ bytes: Span<UInt8>) -> Bool {
        if let good, good.withToken(bytes, { $0.count <= value.count && value.equals($0, in: 0..<$0.count) }) {
            return true
        }
        switch worker.tokens.finding(for: value, generation: snapshot.authority.generation) {
        case .token, .session: return true
        case .foreign: return false
        case nil: return holdsViewersToken(value)
        }
    }

    private struct Malformed: Error {}

    /// The token of `Authorization: Bearer`; other schemes are the upstream's.
    private func bearer(_ bytes: Span<UInt8>) -> Result<Range<Int>?, Malformed> {
        let block = worker.requestHead.block
        guard takesAuthorization, let value = block.first(.authorization) else { return .success(nil) }
        guard block.isSingle(.authorization) else { return .failure(Malformed()) }
        guard value.count > 7, bytes.equals("bearer ", ignoringCaseIn: value.lowerBound..<value.lowerBound + 7) else {
            return .success(nil)
        }
        let token = bytes.trimming(value.lowerBound + 7..<value.upperBound)
        return .success(token.isEmpty ? nil : token)
    }

    private var takesAuthorization: Bool { snapshot.settings.tokens.authorization }

    /// The tokens that a WebSocket handshake offers as subprotocols.
    private func offeredTokens(_ bytes: Span<UInt8>) -> [Range<Int>] {
        var tokens: [Range<Int>] = []
        guard isUpgrade, worker.requestHead.block.contains(.secWebSocketProtocol) else { return tokens }
        for field in worker.requestHead.block.fields where field.name == .secWebSocketProtocol {
            Subprotocols.forEach(bytes, in: field.value) { name in
                if let range = Subprotocols.token(bytes, name) { tokens.append(range) }
            }
        }
        return tokens
    }

    // MARK: Sessions

    /// The session that counts: the header's, as API clients send it; else the cookie of the event; else the one joined
    /// last.
    private func heldSession(_ bytes: Span<UInt8>, event: Span<UInt8>?) -> Credentials? {
        let block = worker.requestHead.block
        if let value = block.first(.gatewaySession), block.isSingle(.gatewaySession),
            let sealed = open(bytes.extracting(value))
        {
            return Credentials(source: .header, viewer: sealed.viewer, sealed: sealed, isInCookie: false)
        }
        guard !worker.sessionCookies.cookies.isEmpty else { return nil }
        // Nearly always there is one.
        var only: SealedSession?
        var several: [SealedSession] = []
        var suffix: InlineArray<8, UInt8>?
        if let event { suffix = CookieFormat.suffix(for: event) }
        for cookie in worker.sessionCookies.cookies where cookie.isFirst {
            guard let found = open(cookie, bytes) else { continue }
            if let suffix, bytes.equals(suffix.span, in: cookie.event) { return fromCookie(found) }
            if let first = only {
                if several.isEmpty { several.append(first) }
                several.append(found)
            } else {
                only = found
            }
        }
        guard !several.isEmpty else { return only.map(fromCookie) }
        // One that has ended must not keep the others of the browser out.
        several.sort { $0.session.id.joinedAt > $1.session.id.joinedAt }
        let (now, rules) = (worker.clock.wall, snapshot.rules)
        return fromCookie(several.first { worker.site.admission.stands($0, at: now, rules) } ?? several[0])
    }

    private func fromCookie(_ sealed: SealedSession) -> Credentials {
        Credentials(source: .cookie, viewer: sealed.viewer, sealed: sealed, isInCookie: true)
    }

    /// Opens the session that begins in a cookie.
    func open(_ cookie: SessionCookies.Cookie, _ bytes: Span<UInt8>) -> SealedSession? {
        guard cookie.value.count > 1 else { return nil }
        let digit = bytes[cookie.value.lowerBound]
        let rest = cookie.value.lowerBound + 1..<cookie.value.upperBound
        if digit == UInt8(ascii: "1") { return open(bytes.extracting(rest)) }
        guard digit.isDigit, digit > UInt8(ascii: "1"), digit <= UInt8(ascii: "4") else { return nil }
        var text = bytes.extracting(rest).copied()
        for part in 1..<Int(digit - UInt8(ascii: "0")) {
            let found = worker.sessionCookies.cookies.first { other in
                other.part(bytes) == part && bytes.equals(bytes.extracting(cookie.event), in: other.event)
            }
            guard let found else { return nil }
            for index in found.value { text.append(bytes[index]) }
        }
        return open(text.span)
    }

    private func open(_ text: Span<UInt8>) -> SealedSession? {
        let generation = snapshot.authority.generation
        switch worker.tokens.finding(for: text, generation: generation) {
        case .session(let sealed): return sealed
        case .token, .foreign: return nil
        case nil: break
        }
        guard let found = snapshot.authority.session(text, worker.site.seal, now: worker.clock.wall) else { return nil }
        worker.tokens.insert(.session(found), for: text, generation: generation)
        return found
    }
}
