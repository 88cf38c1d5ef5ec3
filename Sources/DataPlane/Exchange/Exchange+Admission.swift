import Admission
import GatewayConfiguration
import JOSE
import NIOCore

extension Exchange {
    /// Decides whether the request may go on: token, scope, role, lease. False: it has been answered.
    func admit(_ bytes: Span<UInt8>, _ match: RouteTable.Match) -> Bool {
        worker.queryMembers.scan(
            bytes,
            in: worker.requestTarget.query,
            tokenNames: snapshot.tokenNames,
            takesJoinCodes: snapshot.takesJoinCodes
        )
        guard let named = match.event else {
            // Only several cookies leave a question.
            guard worker.sessionCookies.cookies.count > 1, let referred = referredEvent(bytes) else {
                return admit(bytes, event: nil, path: nil)
            }
            return admit(bytes, event: referred.span, path: nil)
        }
        guard bytes.firstIndex(of: .percent, from: named.lowerBound, to: named.upperBound) != nil else {
            return admit(bytes, event: bytes.extracting(named), path: bytes.extracting(named))
        }
        let event = bytes.percentDecoded(named)
        return admit(bytes, event: event.span, path: event.span)
    }

    /// - Parameters:
    ///   - event: chooses the cookie.
    ///   - path: the event that the path names.
    private func admit(_ bytes: Span<UInt8>, event: Span<UInt8>?, path: Span<UInt8>?) -> Bool {
        if let code = worker.queryMembers.joinCode, worker.queryMembers.token == nil, let path, method.isSafe {
            redeem(code, bytes, event: path)
            return false
        }
        let credentials: Credentials
        switch Credentials.find(bytes, worker: worker, event: event) {
        case .found(let found): credentials = found
        case .missing:
            refuse(worker.queryMembers.hasMarker ? .cookiesBlocked : .tokenMissing, bytes)
            return false
        case .conflict:
            refuse(.tokenConflict, bytes)
            return false
        case .malformed:
            respond(status: 400)
            return false
        }
        guard let viewer = viewer(bytes, credentials) else { return false }
        self.viewer = viewer
        if credentials.source == .cookie, !isOriginAllowed(bytes) {
            refuse(.originDenied, bytes)
            return false
        }
        let isDecided: Bool
        if path == nil, !viewer.eventSpecific, let referred = referredEvent(bytes) {
            // The token is good for several events, and its session belongs to the one that the page is of.
            isDecided = decide(bytes, viewer, credentials, event: referred.span, isTakeOver: false)
        } else {
            isDecided = decide(bytes, viewer, credentials, event: path, isTakeOver: false)
        }
        guard isDecided, let admitted else { return false }
        return settle(bytes, credentials, admitted)
    }

    /// The viewer that the token speaks of, from the cache or by checking its signature; nothing: it was refused.
    ///
    /// Past the limit of bad tokens the signature is checked all the same: whoever shares an address with an attacker, or
    /// opens a page full of bad links, must get in with a good token. What bad ones cost, ``SignatureAllowance`` bounds.
    func viewer(_ bytes: Span<UInt8>, _ credentials: Credentials) -> Viewer? {
        let generation = snapshot.authority.generation
        let known = credentials.withToken(bytes) { worker.tokens.viewer(for: $0, generation: generation) }
        if let known { return known }
        let checked = credentials.withToken(bytes) { token -> Result<Viewer, TokenFault> in
            do throws(TokenFault) {
                let viewer = try snapshot.authority.viewer(for: token, allowance: signatureAllowance)
                worker.tokens.insert(viewer, for: token, generation: generation)
                return .success(viewer)
            } catch {
                return .failure(error)
            }
        }
        switch checked {
        case .success(let viewer): return viewer
        case .failure(let fault):
            record.fault = fault
            if fault == .unchecked {
                refuse(Refusal(fault), bytes, retryAfter: signatureAllowance.pause)
            } else {
                refuseGuess(Refusal(fault), bytes)
            }
            return nil
        }
    }

    /// Refuses a token or join code that is not good; past the limit of bad ones per address, for being one too many.
    func refuseGuess(_ refusal: Refusal, _ bytes: Span<UInt8>) {
        let (limiter, address, now) = (worker.site.badTokens, addressHash, worker.clock.monotonic)
        guard !limiter.isExhausted(address, limit: snapshot.settings.limits.badTokensPerMinute, now: now) else {
            refuse(.tooManyJoins, bytes, retryAfter: limiter.pause(address, now: now))
            return
        }
        limiter.count(address, now: now)
        refuse(refusal, bytes)
    }

    /// Has admission decide; false: the request was refused.
    func decide(
        _ bytes: Span<UInt8>,
        _ viewer: Viewer,
        _ credentials: Credentials,
        event: Span<UInt8>?,
        isTakeOver: Bool,
        isAsking: Bool = false
    ) -> Bool {
        let address = addressHash
        let request = Admission.Request(
            access: access,
            presented: credentials.session,
            address: address,
            isTakeOver: isTakeOver,
            isAsking: isAsking,
            now: worker.clock.wall
        )
        let verdict = worker.site.admission.decide(
            request,
            viewer: viewer,
            event: event,
            rules: snapshot.rules,
            mayReturn: { place in
                let (joins, key, now) = (worker.site.joins, place.low, worker.clock.monotonic)
                guard !joins.isExhausted(key, limit: snapshot.settings.limits.joinsPerMinute, now: now) else {
                    return false
                }
                joins.count(key, now: now)
                return true
            },
            random: {
                let limit = snapshot.settings.limits.joinsPerMinute
                guard !worker.site.joins.isExhausted(address, limit: limit, now: worker.clock.monotonic) else {
                    return nil
                }
                return (SystemRandom.word(), SystemRandom.word())
            }
        )
        switch verdict {
        case .admit(let admitted):
            self.admitted = admitted
            if let replaced = admitted.replaced, replaced != admitted.session {
                worker.site.end(replaced, reason: .sessionReplaced)
            }
            if admitted.isNew { worker.site.joins.count(address, now: worker.clock.monotonic) }
            return true
        case .refuse(let refusal, let since, let retryAfter):
            refuse(refusal, bytes, since: since, retryAfter: retryAfter)
            return false
        }
    }

    /// What follows from being admitted: a new session is handed out, and a link's token leaves the address bar.
    private func settle(_ bytes: Span<UInt8>, _ credentials: Credentials, _ admitted: Admission.Admitted) -> Bool {
        if credentials.source == .cookie {
            if admitted.isNew { handOut(bytes, credentials, admitted) }
            return true
        }
        let isKept = credentials.isInCookie && !admitted.isNew
        let needsCookie = admitted.isNew || (credentials.source == .query && !isKept)
        if needsCookie { handOut(bytes, credentials, admitted) }
        let fits = credentials.withToken(bytes) { $0.count + PresentedSession.length + 1 <= CookieFormat.maxValueSize }
        if isNavigation, credentials.source == .query, method.isSafe, fits {
            redirectWithoutToken(bytes, marks: !isKept)
            return false
        }
        return true
    }

    /// Gives the client its session: as a cookie, and as the header that API clients send back.
    func handOut(_ bytes: Span<UInt8>, _ credentials: Credentials, _ admitted: Admission.Admitted) {
        let text = worker.site.signer.text(of: admitted.session, for: admitted.subject)
        extraFields.append(contentsOf: "Gateway-Session: ".utf8)
        extraFields.append(contentsOf: text)
        extraFields.append(contentsOf: "\r\n".utf8)
        let event = Array(admitted.event.utf8)
        let cookie = credentials.withToken(bytes) { token in
            token.count + text.count + 1 <= CookieFormat.maxValueSize
                ? snapshot.cookie.setCookie(event: event.span, session: text, token: token) : []
        }
        extraFields.append(contentsOf: cookie)
    }

    /// With a cookie, what changes something or opens a socket must come from our own pages, or from allowed ones.
    func isOriginAllowed(_ bytes: Span<UInt8>) -> Bool {
        guard isUpgrade || !method.isSafe else { return true }
        let block = worker.requestHead.block
        guard let origin = block.first(.origin) else {
            // Browsers that send no Origin say at least whether another site is behind the request.
            guard let site = block.first(.secFetchSite) else { return true }
            return !bytes.equals("cross-site", ignoringCaseIn: site)
        }
        guard block.isSingle(.origin) else { return false }
        let own = snapshot.publicOrigin
        if bytes.equals(own.span, in: origin) { return true }
        return snapshot.allowedOrigins.contains { bytes.equals($0.span, in: origin) }
    }

    /// The event of the page that a request for a path without one was sent from.
    func referredEvent(_ bytes: Span<UInt8>) -> [UInt8]? {
        guard let referer = worker.requestHead.block.first(.referer) else { return nil }
        let origin = snapshot.publicOrigin
        let start = referer.lowerBound + origin.count
        guard start < referer.upperBound, bytes[start] == UInt8(ascii: "/"),
            bytes.equals(origin.span, in: referer.lowerBound..<start)
        else { return nil }
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(bytes, in: start..<referer.upperBound)
            guard let event = try snapshot.routes.match(bytes, target)?.event else { return nil }
            return bytes.percentDecoded(event)
        } catch {
            return nil
        }
    }

    var signatureAllowance: SignatureAllowance {
        SignatureAllowance(worker.site.badSignatures, address: addressHash, now: worker.clock.monotonic)
    }

    /// The hash of the client's address.
    var addressHash: UInt64 { address?.hash ?? 0 }

    /// The address that counts for limits and the log: the peer's, or what a trusted proxy says of the client.
    var address: ClientAddress? { forwardedAddress ?? client?.address }

    /// What a trusted proxy says of the client; nothing where the peer is none.
    func readForwardedAddress(_ bytes: Span<UInt8>) -> ClientAddress? {
        guard snapshot.hasTrustedProxies, let client else { return nil }
        let trusted = snapshot.settings.limits.trustedProxies
        guard client.address.isIn(trusted) else { return nil }
        var list = ""
        for field in worker.requestHead.block.fields where field.name == .xForwardedFor {
            if !list.isEmpty { list += "," }
            list += String(decoding: bytes.extracting(field.value).copied(), as: UTF8.self)
        }
        return ClientAddress.forwarded(list, trusted: trusted)
    }
}

extension Span<UInt8> {
    /// The octets in memory of their own.
    func copied() -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return copy
    }
}
