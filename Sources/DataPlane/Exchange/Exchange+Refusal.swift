import Admission
import GatewayConfiguration
import JOSE

extension Exchange {
    /// Answers with a refusal: a page for a navigation, the plain status for an upgrade, a problem document otherwise.
    ///
    /// - Parameters:
    ///   - bytes: the request's head while it is at hand; it tells where a take-over leads back to.
    ///   - since: wall-clock milliseconds; when the session that is active joined.
    ///   - retryAfter: milliseconds.
    ///   - text: heading and advice in place of the refusal's own.
    ///   - wayIn: what the page offers to a viewer whose browser blocks the cookie.
    func refuse(
        _ refusal: Refusal,
        _ bytes: Span<UInt8>? = nil,
        since: Int64? = nil,
        retryAfter: Int64? = nil,
        text: (title: String, detail: String)? = nil,
        wayIn: WayIn? = nil
    ) {
        self.refusal = refusal
        var fields = ""
        if refusal.status == 401 {
            fields += "WWW-Authenticate: Bearer realm=\"gateway\""
            if let error = refusal.bearerError {
                fields += ", error=\"\(error)\", error_description=\"\(refusal.title)\""
            }
            fields += "\r\n"
        }
        if let retryAfter {
            fields += "Retry-After: \(max(1, (retryAfter + 999) / 1000))\r\n"
        } else if refusal == .draining || refusal == .upstreamUnavailable || refusal == .tryAgain {
            fields += "Retry-After: 5\r\n"
        }
        let seconds = since.map { max(0, (worker.clock.wall - $0) / 1000) }
        if let bytes, client?.listener == .viewers { clearCookies(bytes) }
        if isUpgrade {
            respond(status: refusal.status, fields: fields, type: nil, body: [])
        } else if isNavigation, !isControlCall {
            var page = RefusalPage(
                refusal: refusal,
                activeFor: seconds,
                requestID: String(decoding: requestID.text, as: UTF8.self)
            )
            if let bytes { page.action = takeOverAction(refusal, bytes) }
            if let text { (page.title, page.detail) = text }
            page.wayIn = wayIn
            if let wayIn, wayIn.isTopLevel { page.detail = WayIn.switchedOff }
            if refusal == .alreadyActive { page.freeIn = retryAfter.map { ($0 + 999) / 1000 } }
            page.offersRetry = method == .get && refusal.mayPass
            if refusal == .notOpen, let retryAfter {
                let countdown = Countdown(left: retryAfter)
                page.countdown = countdown
                fields += "Refresh: \(countdown.refreshTime(random: SystemRandom.word()))\r\n"
            }
            fields += pagePolicy(page)
            respond(status: refusal.status, fields: fields, type: "text/html; charset=utf-8", body: page.html)
        } else {
            var problem = Problem(
                status: refusal.status,
                code: refusal.code,
                title: text?.title ?? refusal.title,
                detail: text?.detail ?? refusal.detail,
                activeFor: seconds,
                requestID: String(decoding: requestID.text, as: UTF8.self)
            )
            problem.isForAPI = isControlCall
            respond(status: refusal.status, fields: fields, type: "application/problem+json", body: problem.json)
        }
    }

    /// Answers with a status of HTTP's own that has no refusal code: a page for a navigation, the plain status for an
    /// upgrade, a problem document otherwise.
    ///
    /// - Parameter detail: what the client can do; nil: what holds for the status.
    func respond(status: Int, detail: String? = nil) {
        if isUpgrade {
            respond(status: status, fields: "", type: nil, body: [])
            return
        }
        if isNavigation, !isControlCall, client?.listener == .viewers {
            let page = RefusalPage(status: status, requestID: String(decoding: requestID.text, as: UTF8.self))
            let fields = allowField(status) + pagePolicy(page)
            respond(status: status, fields: fields, type: "text/html; charset=utf-8", body: page.html)
            return
        }
        let text = StatusText.of(status)
        var problem = Problem(
            status: status,
            code: text.code,
            title: text.title,
            detail: detail ?? text.detail,
            activeFor: nil,
            requestID: String(decoding: requestID.text, as: UTF8.self)
        )
        problem.isForAPI = isControlCall
        respond(status: status, fields: allowField(status), type: "application/problem+json", body: problem.json)
    }

    /// Which methods a resource takes, its upstream knows.
    private func allowField(_ status: Int) -> String {
        status == 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : ""
    }

    /// Writes a response of our own and ends the exchange.
    func respond(status: Int, fields: String, type: String?, body: [UInt8]) {
        guard isActive, !isResponseStarted, let client else { return }
        self.status = status
        isResponseStarted = true
        isResponseEnded = true
        if client.closesAfterAnswer(isRequestComplete: isRequestComplete) { keepsAlive = false }
        var head = worker.takeBuffer()
        head.write("HTTP/1.1 ")
        head.writeDecimal(status)
        head.write(UInt8.space)
        head.write(StatusText.of(status).title)
        head.write("\r\n")
        head.write("Date: ")
        head.write(worker.clock.date)
        head.write("\r\n")
        head.write("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
        if let type {
            head.write("Content-Type: ")
            head.write(type)
            head.write("\r\n")
        }
        head.write(fields)
        if !extraFields.isEmpty { head.write(extraFields) }
        if status >= 200, status != 204 {
            head.write("Content-Length: ")
            head.writeDecimal(body.count)
            head.write("\r\n")
        }
        head.write(connectionField())
        head.write("\r\n")
        begin(head)
        if method != .head, !body.isEmpty {
            var out = response.take() ?? worker.takeBuffer()
            out.write(body)
            responseBytes = body.count
            response = out
        }
        complete()
    }

    /// What our pages may do: nothing but show themselves, post to us, and be framed where the event may be.
    private func pagePolicy(_ page: RefusalPage) -> String {
        var policy =
            "Content-Security-Policy: default-src 'none'; style-src 'sha256-\(RefusalPage.styleHash)'; "
            + "form-action 'self'; base-uri 'none'"
        if page.countdown != nil { policy += "; script-src 'sha256-\(Countdown.scriptHash)'" }
        if page.wayIn != nil { policy += "; script-src 'sha256-\(WayIn.scriptHash)'; connect-src 'self'" }
        // Without a viewer it is nobody's business which companies there are.
        let companies = snapshot.settings.companies
        if let viewer, let company = companies.first(where: { $0.id.hasSameBytes(as: viewer.company) }) {
            let sources = company.embedOrigins.isEmpty ? "'self'" : company.embedOrigins.joined(separator: " ")
            policy += "; frame-ancestors \(sources)"
        }
        // Only the origin: a refused link's address holds its token.
        return policy + "\r\nReferrer-Policy: strict-origin\r\n"
    }

    /// Where the page's button posts to; nothing where a take-over is not on offer.
    private func takeOverAction(_ refusal: Refusal, _ bytes: Span<UInt8>) -> String? {
        switch refusal {
        case .sessionReplaced: break
        case .alreadyActive where offersTakeOver: break
        default: return nil
        }
        var action = "/.gateway/take-over?to=" + percentEncoded(returnPlace(bytes))
        // A place that names no event is shown to every session of the browser; the button is for the refused one's.
        if let event = refusedEvent { action += "&event=" + percentEncoded(event) }
        return action
    }

    /// Where a page leads back to: what was asked for, or the page that a form was sent from, which can be asked for again;
    /// where that is not said, the event's.
    private func returnPlace(_ bytes: Span<UInt8>) -> String {
        guard !method.isSafe else { return location(bytes) }
        guard let referer = worker.requestHead.block.first(.referer) else {
            return eventPlace(bytes) ?? location(bytes)
        }
        let (own, start) = (snapshot.publicOrigin, referer.lowerBound + snapshot.publicOrigin.count)
        guard start < referer.upperBound, bytes[start] == UInt8(ascii: "/"),
            bytes.equals(own.span, in: referer.lowerBound..<start)
        else { return location(bytes) }
        let end = bytes.firstIndex(of: UInt8(ascii: "?"), from: start, to: referer.upperBound) ?? referer.upperBound
        return String(decoding: bytes.extracting(start..<end).copied(), as: UTF8.self)
    }

    /// The path up to the event's name in it.
    private func eventPlace(_ bytes: Span<UInt8>) -> String? {
        guard let event = refusedEvent, !worker.requestTarget.isMerged else { return nil }
        let segments = worker.requestTarget.segments
        guard let segment = segments.first(where: { bytes.extracting($0).copied().elementsEqual(event.utf8) }) else {
            return nil
        }
        return String(
            decoding: bytes.extracting(worker.requestTarget.path.lowerBound..<segment.upperBound).copied(),
            as: UTF8.self
        )
    }

    /// The request's path and query without what is ours.
    func location(_ bytes: Span<UInt8>) -> String {
        var buffer = worker.takeBuffer()
        _ = buffer.writeHead(capacity: bytes.count) { text in
            worker.requestTarget.write(bytes, to: &text)
            writeQuery(bytes, to: &text)
        }
        let text = String(decoding: buffer.span.copied(), as: UTF8.self)
        worker.recycle(buffer)
        return text
    }

    func redirect(to location: [UInt8]) { redirect(to: String(decoding: location, as: UTF8.self)) }

    func redirect(to location: String) {
        var fields = "Location: \(location)\r\nReferrer-Policy: strict-origin\r\n"
        if let viewer, let policy = snapshot.framePolicies[ExactText(viewer.company)] {
            fields += String(decoding: policy, as: UTF8.self)
        }
        respond(status: 303, fields: fields, type: nil, body: [])
    }
}
