import Admission
import Basics
import GatewayConfiguration
import JOSE

extension Exchange {
    /// Checks token, scope, role and lease. Returns false if the request was answered.
    func admit(_ request: RequestView, _ match: RouteTable.Match) -> Bool {
        request.scanQuery(tokenNames: snapshot.tokenNames, takesJoinCodes: snapshot.takesJoinCodes)
        guard let named = match.event else {
            // With one cookie at most there is nothing to choose.
            guard request.cookies.count > 1, let referred = referredEvent(request) else {
                return admit(request, event: nil, path: nil)
            }
            return admit(request, event: referred.span, path: nil)
        }
        let bytes = request.bytes
        guard bytes.firstIndex(of: .percent, from: named.lowerBound, to: named.upperBound) != nil else {
            let event = bytes.extracting(named)
            return admit(request, event: event, path: event)
        }
        let event = bytes.percentDecoded(named)
        return admit(request, event: event.span, path: event.span)
    }

    /// - Parameters:
    ///   - event: selects the cookie.
    ///   - path: the event named by the path.
    private func admit(_ request: RequestView, event: Span<UInt8>?, path: Span<UInt8>?) -> Bool {
        if let code = request.joinCode, request.tokens.isEmpty, let path, method.isSafe {
            redeem(code, request, event: path)
            return false
        }
        let ticket = ticket(request, event: path)
        var credentials: Credentials
        switch findCredentials(request, event: event) {
        case .found(let found)
        where found.hasToken || ticket?.session.subject ?? found.session?.subject == found.session?.subject:
            credentials = found
        case .found, .missing:
            // The cookie that was set along with the ticket did not come back.
            if let ticket { offerWayIn(ticket, request) } else { refuseStranger(request) }
            return false
        case .refused:
            return false
        }
        // Its viewer is who the new link says, for as long as it says.
        if let ticket, credentials.source == .serviceWorker { credentials.viewer = ticket.viewer }
        if worker.isShedding, credentials.mustJoin, sheds(request, nil) { return false }
        state.verdict.viewer = credentials.viewer
        state.verdict.source = credentials.source
        // A cookie and a worker's session come by themselves: another site may have caused the request.
        let isOwnDoing =
            credentials.source == .cookie
            ? isOriginAllowed(request) : !credentials.isScripts || isOriginTold(request)
        guard isOwnDoing else {
            refuse(.originDenied, request)
            return false
        }
        let purpose = purpose(of: credentials, request)
        if purpose != .ask, credentials.mustJoin, isForeignFrame(request, credentials.viewer) {
            refuse(.frameDenied, request)
            return false
        }
        let isDecided: Bool
        if path == nil, !credentials.viewer.eventSpecific, !credentials.isScripts,
            let referred = referredEvent(request)
        {
            // The token is valid for several events. Use the session of the event whose page sent the request.
            isDecided = decide(request, credentials, event: referred.span, purpose)
        } else if path == nil, !credentials.hasToken, let joined = credentials.sealed?.event {
            isDecided = decide(request, credentials, event: joined.span, purpose)
        } else {
            isDecided = decide(request, credentials, event: path, purpose)
        }
        guard isDecided, let admitted else { return false }
        return settle(request, credentials, admitted)
    }

    /// Refuses a request without a token or a session that counts.
    func refuseStranger(_ request: RequestView) {
        if request.contains(.gatewayRequest) { orderServiceWorker(request) }
        guard state.verdict.isSessionVoid else { return refuse(.tokenMissing, request) }
        record.fault = Self.voidSession
        refuse(.tokenInvalid, request, topic: .visitEnded)
    }

    /// The fault of a session that the configuration ended: its key, its company or the rules that its token was read by
    /// have left it.
    static let voidSession = "key_removed"

    /// What the request may do to a lease. Link scanners, previews and preflights never end a session.
    private func purpose(of credentials: Credentials, _ request: RequestView) -> Admission.Purpose {
        if method == .head || method == .options || request.isSpeculative || isDecoration(request) { return .ask }
        return isNavigation && method == .get && credentials.source == .query ? .prepare : .join
    }

    private func isDecoration(_ request: RequestView) -> Bool {
        isToldByServiceWorker ? request.isDecorationOfPage : request.isDecoration
    }

    /// Whether the page is shown in a frame on a page that may not frame the company's events, as far as the request
    /// tells.
    private func isForeignFrame(_ request: RequestView, _ viewer: Viewer) -> Bool {
        guard isNavigation, request.isForFrame, let referer = request.value(of: .referer),
            let origins = snapshot.frameOrigins[ExactText(viewer.company)]
        else { return false }
        let origin = FrameOrigins.origin(of: referer)
        let own = snapshot.publicOrigin
        return !referer.equals(own.span, in: origin) && !origins.contain(referer, origin)
    }

    /// Where a viewer joins from, as far as the request tells.
    private func arrivalSource(_ request: RequestView, of company: String) -> ArrivalSource {
        var source = ArrivalSource()
        if let agent = request.value(of: .userAgent) {
            (source.device, source.browser) = (UserAgent.device(agent), UserAgent.browser(agent))
        }
        if let page = request.value(of: .referer) {
            source.site = site(of: page, company)
        } else if let page = request.value(of: .origin) {
            source.site = site(of: page, company)
        }
        return source
    }

    /// The site of a page as attendance has it. `nil` for a page of ours.
    private func site(of page: Span<UInt8>, _ company: String) -> String? {
        let origin = FrameOrigins.origin(of: page)
        let own = snapshot.publicOrigin
        guard !page.equals(own.span, in: origin) else { return nil }
        return snapshot.frameOrigins[ExactText(company)]?.listedHost(page, origin) ?? ArrivalSource.otherSite
    }

    /// Refuses an invalid token or join code. Beyond the limit of invalid ones per address, the refusal is
    /// `tooManyJoins`.
    func refuseGuess(_ refusal: Refusal, _ request: RequestView) {
        let (limit, now) = (snapshot.settings.limits.failuresPerMinute, worker.clock.monotonic)
        let pause = worker.site.failures.attempt(addressHash, limit: limit, now: now)
        refuse(pause == nil ? refusal : .tooManyJoins, request, retryAfter: pause)
    }

    /// Asks admission for a decision. Returns false if the request was answered.
    func decide(
        _ request: RequestView,
        _ credentials: Credentials,
        event: Span<UInt8>?,
        _ purpose: Admission.Purpose
    ) -> Bool {
        // Colleagues share an address, but a registration belongs to one person.
        let (joins, person) = (worker.site.joins, credentials.viewer.subject.low)
        func ask(presenting session: PresentedSession?) -> Admission.Verdict {
            worker.site.admission.decide(
                Admission.Request(
                    access: state.verdict.access,
                    presented: session,
                    address: leaseAddress,
                    purpose: purpose,
                    now: worker.clock.wall
                ),
                viewer: credentials.viewer,
                event: event,
                rules: snapshot.rules,
                mayReturn: { place in
                    let limit = snapshot.settings.limits.joinsPerMinute
                    return joins.attempt(place.low, limit: limit, now: worker.clock.monotonic) == nil
                },
                isAccepted: { snapshot.authority.standing(of: $0) != .falls },
                source: { arrivalSource(request, of: credentials.viewer.company) },
                random: {
                    let limit = snapshot.settings.limits.joinsPerMinute
                    guard !joins.isExhausted(person, limit: limit, now: worker.clock.monotonic) else { return nil }
                    return (SystemRandom.word(), SystemRandom.word())
                }
            )
        }
        func countJoin() {
            guard credentials.hasToken, purpose != .ask, credentials.mustJoin else { return }
            // The loop's own time is that of the beginning of its turn, before the signature was checked.
            worker.counters.joined(in: MonotonicClock.now() - state.request.startedAt)
        }
        endingsBefore = worker.site.endingCount
        var verdict: Admission.Verdict
        if leaseWait != nil, let word = leaseWait?.word.take() {
            switch word {
            case .agreed(let agreed): verdict = agreed.confirmed(by: ask(presenting: agreed.presented))
            case .refused(let refusal):
                verdict = .refuse(refusal, since: nil, retryAfter: refusal == .tryAgain ? 1000 : nil)
            }
        } else if !credentials.hasToken, let session = credentials.session,
            snapshot.rules.isPastLifetime(session.id, at: worker.clock.wall)
        {
            verdict = .refuse(.tokenExpired, since: nil, retryAfter: nil)
        } else {
            verdict = ask(presenting: credentials.session)
        }
        if case .refuse(.viewerRemoved, _, _) = verdict, credentials.session != nil, credentials.hasToken,
            purpose == .join || purpose == .prepare
        {
            // An operator ended this session but not the registration it was joined with, so the viewer joins again. A
            // viewer who was removed cannot.
            verdict = ask(presenting: nil)
        }
        if case .refuse(let refusal, _, _) = verdict, refusal == .viewerRemoved || refusal == .tokenExpired,
            credentials.source == .serviceWorker, let ticket = ticket(request, event: event)
        {
            // The same, with a link whose token is out of the address already, and for a session past its lifetime.
            offerWayIn(ticket, request)
            return false
        }
        if case .refuse = verdict {
            countJoin()
            state.verdict.refusedEvent = credentials.viewer.event
            if let event { state.verdict.refusedEvent = String(decoding: event.copied(), as: UTF8.self) }
        }
        switch verdict {
        case .admit(let admitted):
            countJoin()
            state.verdict.admit(admitted)
            if !admitted.isNew { worker.counters.add(.renewals) }
            if let replaced = admitted.replaced, replaced != admitted.session {
                worker.site.end(replaced, reason: .sessionReplaced)
            }
            // A session was counted when it was handed out. Do not count it again when it comes back.
            if admitted.isNew, admitted.session != credentials.session?.id {
                joins.count(person, now: worker.clock.monotonic)
            }
            return true
        case .refuse(.tooManyJoins, let since, nil):
            let pause = joins.pause(person, now: worker.clock.monotonic)
            refuse(.tooManyJoins, request, since: since, retryAfter: pause)
            return false
        case .refuse(let refusal, let since, let retryAfter):
            if refusal == .tokenInvalid, credentials.viewer.validity.expires == nil {
                record.fault = TokenFault.expiryMissing.code
            }
            let topic = topic(of: refusal, credentials, event: event)
            refuse(refusal, request, since: since, retryAfter: retryAfter, topic: topic)
            return false
        case .outside:
            countJoin()
            answerOutside(request)
            return false
        case .claimed(let claim):
            awaitLease(claim, request)
            return false
        case .waiting(let subject):
            awaitLease(of: subject, request)
            return false
        }
    }

    /// What a refusal is about if it does not say that by itself. Of viewers who came with a session, one who was kicked
    /// may join again, unlike one who was removed.
    private func topic(of refusal: Refusal, _ credentials: Credentials, event: Span<UInt8>?) -> Topic? {
        if refusal == .registrationRemoved {
            let isDeleted = state.verdict.refusedEvent.map { worker.site.directory.isDeleted($0) } ?? false
            return isDeleted ? .eventDeleted : nil
        }
        guard !credentials.hasToken else { return nil }
        if refusal == .wrongEvent { return .otherEvent }
        guard refusal == .viewerRemoved else { return nil }
        var place = credentials.viewer.event ?? ""
        if let event { place = String(decoding: event.copied(), as: UTF8.self) }
        let (now, rules) = (worker.clock.wall, snapshot.rules)
        let barrier = worker.site.admission.refusal(of: credentials.viewer, at: place, now: now, rules)
        return barrier == nil ? .visitEnded : nil
    }

    /// Answers a valid link in a request that must not join.
    private func answerOutside(_ request: RequestView) {
        switch method {
        case .head: respond(status: 200, fields: "", type: "text/html; charset=utf-8", body: [])
        case .options:
            respond(status: 204, fields: "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n", type: nil, body: [])
        // A browser discards a prefetch that failed, and asks again when the page is wanted.
        case _ where request.isSpeculative: refuse(.tryAgain, request, retryAfter: 1000)
        default: refuse(.tokenMissing, request)
        }
    }

    /// Follows up on admission: hands out a new session, and removes a link's token from the address bar.
    private func settle(_ request: RequestView, _ credentials: Credentials, _ admitted: Admission.Admitted) -> Bool {
        let hasJoined = admitted.isNew || (credentials.session?.isPending ?? false)
        if hasJoined, !admitted.isPending { state.verdict.join() }
        let isKept = credentials.isInCookie && !hasJoined
        let isRenewed = credentials.source == .query || credentials.source == .serviceWorker && request.hasTicket
        if hasJoined || (isRenewed && !isKept) { handOut(request, credentials.viewer, admitted) }
        guard isNavigation, method == .get, credentials.source == .query || request.hasTicket else {
            return true
        }
        var place = request.location
        if admitted.isPending {
            let sealed = SealedSession(admitted.presented, credentials.viewer, event: Array(admitted.event.utf8))
            let ticket = Ticket(.redirect, sealed, now: worker.clock.wall)
            place = add(ticket, to: place)
        }
        redirect(to: place)
        return false
    }

    /// Gives the client its session, as a cookie and as the header that API clients send back.
    func handOut(_ request: RequestView, _ viewer: Viewer, _ admitted: Admission.Admitted) {
        handOut(request, SealedSession(admitted.presented, viewer, event: Array(admitted.event.utf8)))
    }

    func handOut(_ request: RequestView, _ sealed: SealedSession) {
        if snapshot.isCookieless {
            if state.verdict.source == .serviceWorker { return handOutToServiceWorker(sealed) }
            // No script can read the answer to a handshake.
            if state.verdict.source == .socketTicket { return }
        }
        let event = sealed.event
        let text = worker.site.seal.text(of: sealed, now: worker.clock.wall)
        state.verdict.extraFields.append(contentsOf: "Gateway-Session: ".utf8)
        state.verdict.extraFields.append(contentsOf: text)
        state.verdict.extraFields.append(contentsOf: "\r\n".utf8)
        state.verdict.extraFields.append(contentsOf: snapshot.cookie.setCookie(event: event.span, session: text))
        clearCookies(request, besides: event, of: text.count)
    }

    /// Deletes session cookies that are no longer valid, and the oldest of those beyond the limit.
    ///
    /// - Parameters:
    ///   - event: the event whose session was just handed out. Its cookies are being replaced.
    ///   - length: the length of that session's text.
    func clearCookies(_ request: RequestView, besides event: [UInt8]? = nil, of length: Int = 0) {
        let (bytes, all) = (request.bytes, request.cookies)
        guard !all.isEmpty else { return }
        let own = event.map { CookieFormat.suffix(for: $0.span) }
        let parts = CookieFormat.parts(of: length)
        // Keep it: it explains the refusal, even after a reload, until a new link replaces it.
        let expired =
            state.verdict.refusal == .tokenExpired
            ? state.verdict.refusedEvent.map { CookieFormat.suffix(for: $0.utf8Span.span) } : nil
        var kept: [(event: Range<Int>, joinedAt: Milliseconds, size: Int)] = []
        for cookie in all where cookie.isFirst {
            if let own, bytes.equals(own.span, in: cookie.event) { continue }
            guard let (sealed, _) = open(cookie, of: request) else { continue }
            let isExpired = expired.map { bytes.equals($0.span, in: cookie.event) } ?? false
            guard isExpired || !snapshot.rules.isOver(sealed, at: worker.clock.wall) else { continue }
            var size = 0
            for part in all where bytes.equals(bytes.extracting(cookie.event), in: part.event) {
                size += CookieFormat.size(of: part.value.count)
            }
            kept.append((cookie.event, sealed.session.id.joinedAt, size))
        }
        kept.sort { $0.joinedAt > $1.joinedAt }
        var room = CookieFormat.maxTotal - (event == nil ? 0 : CookieFormat.size(of: length))
        kept = Array(
            kept.prefix {
                room -= $0.size; return room >= 0
            }
        )
        for cookie in all {
            if let own, bytes.equals(own.span, in: cookie.event) {
                // Written just now. Delete only the parts that the new session no longer has.
                guard let part = cookie.part(bytes), part >= parts else { continue }
            } else if kept.contains(where: { bytes.equals(bytes.extracting($0.event), in: cookie.event) }) {
                continue
            }
            guard cookie.isNamed(bytes) else { continue }
            state.verdict.extraFields.append(
                contentsOf: snapshot.cookie.clearCookie(suffix: bytes.extracting(cookie.suffix))
            )
        }
    }

    /// Whether the request's origin is acceptable. With a cookie, unsafe requests and upgrades must come from our own
    /// pages or from allowed origins.
    func isOriginAllowed(_ request: RequestView) -> Bool {
        guard isUpgrade || !method.isSafe else { return true }
        guard let origin = request.value(of: .origin) else {
            // Browsers that send no Origin still say whether another site caused the request.
            return !request.field(.secFetchSite, is: "cross-site")
        }
        guard request.isSingle(.origin) else { return false }
        let own = snapshot.publicOrigin
        if origin.equals(own.span, in: origin.indices) { return true }
        // One of our pages whose policy hides its origin.
        if origin.equals("null", in: origin.indices), request.contains(.secFetchSite) {
            return request.field(.secFetchSite, is: "same-origin")
        }
        return snapshot.allowedOrigins.contains { origin.equals($0.span, in: origin.indices) }
    }

    /// The event of the page that sent a request whose path names none.
    func referredEvent(_ request: RequestView) -> [UInt8]? {
        guard let target = request.refererTarget(on: snapshot.publicOrigin) else { return nil }
        return event(of: target)
    }

    /// The event that a target names according to our routes.
    func event(of bytes: Span<UInt8>) -> [UInt8]? {
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(bytes, in: bytes.indices)
            guard let event = try snapshot.routes.match(bytes, target)?.event else { return nil }
            return bytes.percentDecoded(event)
        } catch {
            return nil
        }
    }

    var signatureAllowance: SignatureAllowance {
        SignatureAllowance(worker.site.badSignatures, address: addressHash, now: worker.clock.monotonic)
    }

    /// The hash of the client's address for its lease, which all gateways that share it have.
    var leaseAddress: UInt64 {
        let leases = worker.site.leases
        return leases.isShared ? leases.sharedHash(ofAddress: address?.stableHash) : addressHash
    }

    /// The hash of the client's address.
    var addressHash: UInt64 { state.request.addressHash }

    /// The address for limits and the log: the peer's, or what a trusted proxy says of the client.
    var address: ClientAddress? { state.request.forwardedAddress ?? client?.address }

    /// The client address that a trusted proxy reports. Returns `nil` if the peer is not one.
    func forwardedAddress(_ request: RequestView) -> ClientAddress? {
        guard snapshot.hasTrustedProxies, let client else { return nil }
        let trusted = snapshot.settings.limits.trustedProxies
        guard client.address.isTrustedProxy(in: trusted) else { return nil }
        var list = ""
        for field in request.fields where field.name == .xForwardedFor {
            if !list.isEmpty { list += "," }
            list += String(decoding: request.bytes.extracting(field.value).copied(), as: UTF8.self)
        }
        return ClientAddress.forwarded(list, trusted: trusted)
    }
}
