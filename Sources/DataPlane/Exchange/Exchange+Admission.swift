import Admission
import GatewayConfiguration
import JOSE

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
        if let code = worker.queryMembers.joinCode, worker.queryMembers.tokens.isEmpty, let path, method.isSafe {
            redeem(code, bytes, event: path)
            return false
        }
        let ticket = ticket(bytes, event: path)
        let credentials: Credentials
        switch findCredentials(bytes, event: event) {
        case .found(let found)
        where found.hasToken || ticket?.session.subject ?? found.session?.subject == found.session?.subject:
            credentials = found
        case .found, .missing:
            // The cookie that was sent along with the ticket has not come back.
            if let ticket { offerWayIn(ticket, bytes) } else { refuse(.tokenMissing, bytes) }
            return false
        case .refused:
            return false
        }
        viewer = credentials.viewer
        hidesAddress = credentials.source == .query
        if credentials.source == .cookie, !isOriginAllowed(bytes) {
            refuse(.originDenied, bytes)
            return false
        }
        let purpose = purpose(of: credentials, bytes)
        if purpose != .ask, credentials.mustJoin, isForeignFrame(bytes, credentials.viewer) {
            refuse(.frameDenied, bytes)
            return false
        }
        let isDecided: Bool
        if path == nil, !credentials.viewer.eventSpecific, let referred = referredEvent(bytes) {
            // The token is good for several events, and its session belongs to the one that the page is of.
            isDecided = decide(bytes, credentials, event: referred.span, purpose)
        } else if path == nil, !credentials.hasToken, let joined = credentials.sealed?.event {
            isDecided = decide(bytes, credentials, event: joined.span, purpose)
        } else {
            isDecided = decide(bytes, credentials, event: path, purpose)
        }
        guard isDecided, let admitted else { return false }
        return settle(bytes, credentials, admitted)
    }

    /// What the request may do to a lease: link scanners, previews and preflights never end anybody's session.
    private func purpose(of credentials: Credentials, _ bytes: Span<UInt8>) -> Admission.Purpose {
        if method == .head || method == .options || isSpeculative(bytes) || isDecoration(bytes) { return .ask }
        return isNavigation && method == .get && credentials.source == .query ? .prepare : .join
    }

    /// Whether a browser fetches it in case that somebody wants it later.
    func isSpeculative(_ bytes: Span<UInt8>) -> Bool {
        let block = worker.requestHead.block
        for name in [FieldName.secPurpose, .purpose, .xMoz] {
            guard let value = block.first(name) else { continue }
            let end = bytes.firstIndex(of: UInt8(ascii: ";"), from: value.lowerBound, to: value.upperBound)
            let word = bytes.trimming(value.lowerBound..<(end ?? value.upperBound))
            if bytes.equals("prefetch", ignoringCaseIn: word) || bytes.equals("prerender", ignoringCaseIn: word)
                || bytes.equals("preview", ignoringCaseIn: word)
            {
                return true
            }
        }
        return false
    }

    /// Whether it is a load of an image, a style or a font, which nobody watches an event in.
    private func isDecoration(_ bytes: Span<UInt8>) -> Bool {
        guard let destination = worker.requestHead.block.first(.secFetchDest) else { return false }
        return bytes.equals("image", ignoringCaseIn: destination)
            || bytes.equals("style", ignoringCaseIn: destination)
            || bytes.equals("font", ignoringCaseIn: destination)
    }

    /// Whether the page is shown in a frame of a page that may not frame the company's events, as far as the request tells.
    private func isForeignFrame(_ bytes: Span<UInt8>, _ viewer: Viewer) -> Bool {
        let block = worker.requestHead.block
        guard isNavigation, let destination = block.first(.secFetchDest),
            bytes.equals("iframe", ignoringCaseIn: destination) || bytes.equals("frame", ignoringCaseIn: destination)
                || bytes.equals("object", ignoringCaseIn: destination)
                || bytes.equals("embed", ignoringCaseIn: destination),
            let referer = block.first(.referer), let origins = snapshot.frameOrigins[ExactText(viewer.company)]
        else { return false }
        // Up to the slash behind `https://host`.
        var slashes = 0
        var end = referer.lowerBound
        while end < referer.upperBound {
            if bytes[end] == UInt8(ascii: "/") { slashes += 1 }
            if slashes == 3 { break }
            end += 1
        }
        let (origin, own) = (referer.lowerBound..<end, snapshot.publicOrigin)
        return !bytes.equals(own.span, in: origin) && !origins.contain(bytes, origin)
    }

    /// Refuses a token or join code that is not good; past the limit of bad ones per address, for being one too many.
    func refuseGuess(_ refusal: Refusal, _ bytes: Span<UInt8>) {
        let (limit, now) = (snapshot.settings.limits.failuresPerMinute, worker.clock.monotonic)
        let pause = worker.site.failures.attempt(addressHash, limit: limit, now: now)
        refuse(pause == nil ? refusal : .tooManyJoins, bytes, retryAfter: pause)
    }

    /// Has admission decide; false: the request was answered.
    func decide(
        _ bytes: Span<UInt8>,
        _ credentials: Credentials,
        event: Span<UInt8>?,
        _ purpose: Admission.Purpose
    ) -> Bool {
        // Colleagues share an address; a registration is one person's.
        let (joins, person) = (worker.site.joins, credentials.viewer.subject.low)
        func ask(presenting session: PresentedSession?) -> Admission.Verdict {
            worker.site.admission.decide(
                Admission.Request(
                    access: access,
                    presented: session,
                    address: addressHash,
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
                random: {
                    let limit = snapshot.settings.limits.joinsPerMinute
                    guard !joins.isExhausted(person, limit: limit, now: worker.clock.monotonic) else { return nil }
                    return (SystemRandom.word(), SystemRandom.word())
                }
            )
        }
        var verdict = ask(presenting: credentials.session)
        if case .refuse(.viewerRemoved, _, _) = verdict, credentials.session != nil, credentials.hasToken,
            purpose == .join || purpose == .prepare
        {
            // An operator has ended the session, and not what it was joined with: with that its viewer joins anew. Whoever
            // was removed does not.
            verdict = ask(presenting: nil)
        }
        if case .refuse = verdict {
            refusedEvent = credentials.viewer.event
            if let event { refusedEvent = String(decoding: event.copied(), as: UTF8.self) }
        }
        switch verdict {
        case .admit(let admitted):
            self.admitted = admitted
            if let replaced = admitted.replaced, replaced != admitted.session {
                worker.site.end(replaced, reason: .sessionReplaced)
            }
            // What was counted when it was handed out is not counted again when it is brought back.
            if admitted.isNew, admitted.session != credentials.session?.id {
                joins.count(person, now: worker.clock.monotonic)
            }
            return true
        case .refuse(.tooManyJoins, let since, nil):
            let pause = joins.pause(person, now: worker.clock.monotonic)
            refuse(.tooManyJoins, bytes, since: since, retryAfter: pause)
            return false
        case .refuse(let refusal, let since, let retryAfter):
            let text = credentials.hasToken ? nil : refusal.textForSession
            refuse(refusal, bytes, since: since, retryAfter: retryAfter, text: text)
            return false
        case .outside:
            answerOutside(bytes)
            return false
        }
    }

    /// Answers a good link that is not for joining with.
    private func answerOutside(_ bytes: Span<UInt8>) {
        switch method {
        case .head: respond(status: 200, fields: "", type: "text/html; charset=utf-8", body: [])
        case .options:
            respond(status: 204, fields: "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n", type: nil, body: [])
        // A browser drops what it has prefetched with an error, and asks again when it is wanted.
        case _ where isSpeculative(bytes): refuse(.tryAgain, bytes, retryAfter: 1000)
        default: refuse(.tokenMissing, bytes)
        }
    }

    /// What follows from being admitted: a new session is handed out, and a link's token leaves the address bar.
    private func settle(_ bytes: Span<UInt8>, _ credentials: Credentials, _ admitted: Admission.Admitted) -> Bool {
        let hasJoined = admitted.isNew || (credentials.session?.isPending ?? false)
        let isKept = credentials.isInCookie && !hasJoined
        if hasJoined || (credentials.source == .query && !isKept) { handOut(bytes, credentials.viewer, admitted) }
        guard isNavigation, method == .get, credentials.source == .query || worker.queryMembers.ticket != nil else {
            return true
        }
        var place = location(bytes)
        if admitted.isPending {
            let sealed = SealedSession(admitted.presented, credentials.viewer, event: Array(admitted.event.utf8))
            let ticket = Ticket(.redirect, sealed, now: worker.clock.wall)
            place = add(ticket, to: place)
        }
        redirect(to: place)
        return false
    }

    /// Gives the client its session: as a cookie, and as the header that API clients send back.
    func handOut(_ bytes: Span<UInt8>, _ viewer: Viewer, _ admitted: Admission.Admitted) {
        handOut(bytes, SealedSession(admitted.presented, viewer, event: Array(admitted.event.utf8)))
    }

    func handOut(_ bytes: Span<UInt8>, _ sealed: SealedSession) {
        let event = sealed.event
        let text = worker.site.seal.text(of: sealed, now: worker.clock.wall)
        extraFields.append(contentsOf: "Gateway-Session: ".utf8)
        extraFields.append(contentsOf: text)
        extraFields.append(contentsOf: "\r\n".utf8)
        extraFields.append(contentsOf: snapshot.cookie.setCookie(event: event.span, session: text))
        clearCookies(bytes, besides: event, of: text.count)
    }

    /// Deletes the session cookies that are good for nothing any more, and the oldest of more than there is room for.
    ///
    /// - Parameters:
    ///   - event: whose session was just handed out; its cookies are written anew.
    ///   - length: of that session's text.
    func clearCookies(_ bytes: Span<UInt8>, besides event: [UInt8]? = nil, of length: Int = 0) {
        let all = worker.sessionCookies.cookies
        guard !all.isEmpty else { return }
        let own = event.map { CookieFormat.suffix(for: $0.span) }
        let parts = CookieFormat.parts(of: length)
        // It says why, after a reload as well, until a new link replaces it.
        let expired = refusal == .tokenExpired ? refusedEvent.map { CookieFormat.suffix(for: $0.utf8Span.span) } : nil
        var kept: [(event: Range<Int>, joinedAt: Milliseconds, size: Int)] = []
        for cookie in all where cookie.isFirst {
            if let own, bytes.equals(own.span, in: cookie.event) { continue }
            guard let sealed = open(cookie, bytes) else { continue }
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
                // Written just now; only parts that it does not have any more are left over.
                guard let part = cookie.part(bytes), part >= parts else { continue }
            } else if kept.contains(where: { bytes.equals(bytes.extracting($0.event), in: cookie.event) }) {
                continue
            }
            guard cookie.isNamed(bytes) else { continue }
            extraFields.append(contentsOf: snapshot.cookie.clearCookie(suffix: bytes.extracting(cookie.suffix)))
        }
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
        // A page of ours whose policy keeps its origin to itself.
        if bytes.equals("null", in: origin), let site = block.first(.secFetchSite) {
            return bytes.equals("same-origin", ignoringCaseIn: site)
        }
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
