import Admission
import Basics
import GatewayConfiguration

extension Exchange {
    /// Answers with a refusal: a page for a navigation, the bare status for an upgrade, otherwise a problem document.
    ///
    /// - Parameters:
    ///   - request: the request while its head is available. It tells where a take-over leads back to.
    ///   - since: when the active session joined, in wall-clock milliseconds.
    ///   - retryAfter: in milliseconds.
    ///   - text: replaces the refusal's own heading and advice.
    ///   - wayIn: what the page offers to a viewer whose browser blocks the cookie.
    func refuse(
        _ refusal: Refusal,
        _ request: RequestView? = nil,
        since: Int64? = nil,
        retryAfter: Int64? = nil,
        text: (title: String, detail: String)? = nil,
        wayIn: WayIn? = nil
    ) {
        state.verdict.refuse(refusal)
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
        if let request, client?.listener != .admin { clearCookies(request) }
        if isUpgrade {
            respond(status: refusal.status, fields: fields, type: nil, body: [])
        } else if isNavigation, !state.verdict.isControlCall {
            var page = RefusalPage(
                refusal: refusal,
                activeFor: seconds,
                requestID: state.request.id.string
            )
            if let request { page.action = takeOverAction(refusal, request) }
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
                requestID: state.request.id.string
            )
            problem.isForAPI = state.verdict.isControlCall
            respond(status: refusal.status, fields: fields, type: "application/problem+json", body: problem.json)
        }
    }

    /// Answers with a plain HTTP status that has no refusal code: a page for a navigation, the bare status for an
    /// upgrade, otherwise a problem document.
    ///
    /// - Parameters:
    ///   - fields: further field lines.
    ///   - detail: what the client can do. `nil` stands for the status's usual text.
    func respond(status: Int, fields: String = "", detail: String? = nil) {
        if isUpgrade {
            respond(status: status, fields: fields, type: nil, body: [])
            return
        }
        if isNavigation, !state.verdict.isControlCall, client?.listener != .admin {
            let page = RefusalPage(status: status, requestID: state.request.id.string)
            let fields = fields + allowField(status) + pagePolicy(page)
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
            requestID: state.request.id.string
        )
        problem.isForAPI = state.verdict.isControlCall
        let fields = fields + allowField(status)
        respond(status: status, fields: fields, type: "application/problem+json", body: problem.json)
    }

    /// The `Allow` field. Only the upstream knows which methods a resource allows.
    private func allowField(_ status: Int) -> String {
        status == 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : ""
    }

    /// Writes a response of the gateway's own and ends the exchange.
    func respond(status: Int, fields: String, type: String?, body: [UInt8]) {
        guard let client, state.on(.answered(status: status)) == .pass else { return }
        releaseUpstream(reusable: false)
        if client.closesAfterAnswer(isRequestComplete: state.request.isComplete) { state.answer.keepsAlive = false }
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
        head.write(transportPolicy)
        if !state.verdict.extraFields.isEmpty { head.write(state.verdict.extraFields) }
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
            state.answer.bytes = body.count
            worker.counters.add(.bytesSent, body.count)
            response = out
        }
        complete()
    }

    /// The policy of our pages: show themselves, post to us, be framed where the event may be, and nothing else.
    private func pagePolicy(_ page: RefusalPage) -> String {
        var policy =
            "Content-Security-Policy: default-src 'none'; style-src 'sha256-\(RefusalPage.styleHash)'; "
            + "form-action 'self'; base-uri 'none'"
        if page.countdown != nil { policy += "; script-src 'sha256-\(Countdown.scriptHash)'" }
        if let wayIn = page.wayIn {
            policy += "; script-src 'sha256-\(WayIn.scriptHash)'; connect-src 'self'"
            if wayIn.silentWay != nil { policy += "; worker-src 'self'" }
        }
        // Without a viewer, do not reveal which companies there are.
        if let viewer, let company = snapshot.company(viewer.company) {
            policy += "; \(Snapshot.frameAncestors(company.embedOrigins))"
        }
        // Only the origin: the address of a refused link contains its token.
        return policy + "\r\nReferrer-Policy: strict-origin\r\n"
    }

    /// Where the page's button posts to. Returns `nil` if no take-over is offered.
    private func takeOverAction(_ refusal: Refusal, _ request: RequestView) -> String? {
        switch refusal {
        case .sessionReplaced: break
        case .alreadyActive where offersTakeOver: break
        default: return nil
        }
        var action = "/.gateway/take-over?to=" + percentEncoded(returnPlace(request))
        // A path without an event is open to every session in the browser. The button acts for the one that was
        // refused.
        if let event = state.verdict.refusedEvent { action += "&event=" + percentEncoded(event) }
        return action
    }

    /// Where a page leads back to: the requested place; for a form, the page that it was sent from, which can be
    /// requested again; if that is unknown, the event's place.
    private func returnPlace(_ request: RequestView) -> String {
        guard !method.isSafe else { return request.location }
        guard request.contains(.referer) else { return eventPlace(request) ?? request.location }
        guard let referer = request.refererTarget(on: snapshot.publicOrigin) else { return request.location }
        let end = referer.firstIndex(of: UInt8(ascii: "?"), from: 0, to: referer.count) ?? referer.count
        return String(decoding: referer.extracting(0..<end).copied(), as: UTF8.self)
    }

    /// The path up to and including the event's name.
    private func eventPlace(_ request: RequestView) -> String? {
        guard let event = state.verdict.refusedEvent, !request.isMerged else { return nil }
        var place = ""
        for segment in request.segments {
            let name = request.bytes.extracting(segment).copied()
            place += "/" + String(decoding: name, as: UTF8.self)
            if name.elementsEqual(event.utf8) { return place }
        }
        return nil
    }

    func redirect(to location: [UInt8]) { redirect(to: String(decoding: location, as: UTF8.self)) }

    func redirect(to location: String) {
        let isTold = tellsRedirect(303)
        var fields = isTold ? "Gateway-Location: 303 \(location)\r\n" : "Location: \(location)\r\n"
        fields += "Referrer-Policy: strict-origin\r\n"
        if let viewer, let policy = snapshot.framePolicies[ExactText(viewer.company)] {
            fields += String(decoding: policy, as: UTF8.self)
        }
        respond(status: isTold ? 200 : 303, fields: fields, type: nil, body: [])
    }
}
