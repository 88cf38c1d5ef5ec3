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
    ///   - topic: says more precisely what the page is about.
    ///   - wayIn: what the page offers to a viewer whose browser blocks the cookie.
    func refuse(
        _ refusal: Refusal,
        _ request: RequestView? = nil,
        since: Int64? = nil,
        retryAfter: Int64? = nil,
        topic: Topic? = nil,
        wayIn: WayIn? = nil
    ) {
        state.verdict.refuse(refusal)
        let topic = topic ?? .refusal(refusal)
        let words = English.words(on: topic)
        var fields = ""
        if refusal.status == 401 {
            fields += "WWW-Authenticate: Bearer realm=\"gateway\""
            if let error = refusal.bearerError {
                fields += ", error=\"\(error)\", error_description=\"\(English.words(on: .refusal(refusal)).title)\""
            }
            fields += "\r\n"
        }
        if let retryAfter {
            fields += "Retry-After: \(max(1, (retryAfter + 999) / 1000))\r\n"
        } else if refusal == .draining || refusal == .upstreamUnavailable || refusal == .tryAgain {
            fields += "Retry-After: 5\r\n"
        }
        let news = SessionState(refusal, topic)
        let opensAt = refusal == .notOpen ? retryAfter.map { worker.clock.wall + $0 } : nil
        let seconds = since.map { max(0, (worker.clock.wall - $0) / 1000) }
        if let request, client?.listener != .admin { clearCookies(request) }
        if isUpgrade {
            respond(status: refusal.status, fields: fields, type: nil, body: [])
        } else if isNavigation, !state.verdict.isControlCall {
            var page = RefusalPage(topic, code: refusal.code, requestID: state.request.id.string)
            page.activeFor = seconds
            page.wayIn = wayIn
            // Whether a stranger's browser had a session is nobody's business.
            let isSecret = viewer == nil && topic == .visitEnded
            let notice =
                isSecret
                ? frameNotice(.refused, code: Refusal.tokenMissing.code)
                : frameNotice(news, code: refusal.code, opensAt: opensAt)
            page.notice = topic.isForStrangers ? nil : notice
            page.isRepeatable = method == .get
            if let request { page.action = takeOverAction(refusal, request) }
            if let countdown = countdown(topic, retryAfter) {
                page.countdown = countdown
                fields += "Refresh: \(countdown.refreshTime(random: SystemRandom.word()))\r\n"
            }
            respond(status: refusal.status, fields: fields, page, retryAfter: retryAfter)
        } else {
            var problem = Problem(
                status: refusal.status,
                code: refusal.code,
                title: words.title,
                detail: topic.retriesByItself ? "\(words.detail) \(English.text(.tryLater))" : words.detail,
                activeFor: seconds,
                requestID: state.request.id.string
            )
            problem.isForAPI = state.verdict.isControlCall
            if !problem.isForAPI { (problem.sessionState, problem.opensAt) = (news, opensAt) }
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
            var page = RefusalPage(status: status, requestID: state.request.id.string)
            page.isRepeatable = method == .get
            page.notice = frameNotice(status < 500 ? .refused : .unavailable, code: page.code)
            respond(status: status, fields: fields + allowField(status), page)
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
    func respond(status: Int, fields: String, type: String?, body: [UInt8], caching: String = "no-store") {
        guard beginAnswer(status: status, fields: fields, type: type, length: body.count, caching: caching) else {
            return
        }
        if method != .head, !body.isEmpty {
            var out = response.take() ?? worker.takeBuffer()
            out.write(body)
            state.answer.bytes = body.count
            worker.counters.add(.bytesSent, body.count)
            response = out
        }
        complete()
    }

    /// Begins a response of the gateway's own.
    ///
    /// - Parameter length: the body's; `nil` if it comes in pieces.
    /// - Returns: false if nobody waits for one.
    func beginAnswer(
        status: Int,
        fields: String,
        type: String?,
        length: Int?,
        caching: String = "no-store"
    ) -> Bool {
        guard let client, state.on(.answered(status: status)) == .pass else { return false }
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
        head.write("Cache-Control: ")
        head.write(caching)
        head.write("\r\nX-Content-Type-Options: nosniff\r\n")
        if let type {
            head.write("Content-Type: ")
            head.write(type)
            head.write("\r\n")
        }
        head.write(fields)
        head.write(transportPolicy)
        if !state.verdict.extraFields.isEmpty { head.write(state.verdict.extraFields) }
        if let length {
            if status >= 200, status != 204 {
                head.write("Content-Length: ")
                head.writeDecimal(length)
                head.write("\r\n")
            }
        } else if !client.framesBodies, method != .head {
            if state.request.isHTTP10 {
                state.answer.keepsAlive = false
            } else {
                state.answer.isChunked = true
                head.write("Transfer-Encoding: chunked\r\n")
            }
        }
        head.write(connectionField())
        head.write("\r\n")
        begin(head)
        return true
    }

    /// Answers with a page in the viewer's language.
    ///
    /// - Parameter retryAfter: when to try again, in milliseconds.
    private func respond(status: Int, fields: String, _ page: RefusalPage, retryAfter: Int64? = nil) {
        var page = page
        if page.isRepeatable, page.topic.retriesByItself {
            page.retry = RetryNotice(first: ((retryAfter ?? 5000) + 999) / 1000, random: worker.random.next())
        }
        if !page.topic.isForStrangers {
            let event = shownEvent(on: page.topic)
            page.brand = company.map { PageBrand($0, event: CompanyPage(event?.page ?? [])) }
            page.event = event.map { EventNote(name: $0.name, startsAt: $0.startsAt) }
        }
        let (pages, language) = (snapshot.pages, state.request.language)
        let about = "Content-Language: \(pages.wordings[language].tag)\r\nVary: Accept-Language\r\n"
        let html = page.html(pages, in: language)
        let all = fields + about + pagePolicy(page, pages)
        respond(status: status, fields: all, type: "text/html; charset=utf-8", body: html)
    }

    /// What a page counts down to. The browser asks for it again then, so that it must be one that it can ask for.
    private func countdown(_ topic: Topic, _ retryAfter: Milliseconds?) -> Countdown? {
        guard method == .get, let left = retryAfter, left <= Countdown.longest else { return nil }
        let moment = worker.clock.wall + left
        return switch topic {
        case .refusal(.notOpen): Countdown(left: left)
        case .refusal(.tokenNotYetValid): Countdown(left: left, label: .validIn, moment: moment)
        case .refusal(.alreadyActive): Countdown(left: left, label: .freeIn)
        case .refusal(.viewerRemoved): Countdown(left: left, label: .returnsIn, moment: moment)
        default: nil
        }
    }

    /// What the embedding page is told.
    private func frameNotice(_ news: SessionState, code: String, opensAt: Milliseconds? = nil) -> FrameNotice? {
        guard client?.listener != .admin else { return nil }
        guard let viewer else { return .ofStranger(news, code: code) }
        guard let company = snapshot.company(viewer.company), !company.embedOrigins.isEmpty else { return nil }
        return FrameNotice(
            news,
            code: code,
            event: admitted?.event ?? state.verdict.refusedEvent ?? viewer.event,
            opensAt: opensAt,
            origins: company.embedOrigins
        )
    }

    /// The company that a page shows: the viewer's, or the only one that there is. Without a viewer, pages do not reveal
    /// which companies there are.
    private var company: CompanySettings? {
        if let viewer { return snapshot.company(viewer.company) }
        return snapshot.settings.companies.count == 1 ? snapshot.settings.companies[0] : nil
    }

    /// The event that the page may show. Viewers of another event are told nothing of this one.
    private func shownEvent(on topic: Topic) -> EventRecord? {
        guard let viewer, topic != .refusal(.wrongEvent), topic != .otherEvent,
            let id = admitted?.event ?? state.verdict.refusedEvent,
            !viewer.eventSpecific || viewer.event.hasSameBytes(as: id),
            let event = worker.site.directory.event(id), event.company.hasSameBytes(as: viewer.company)
        else { return nil }
        return event
    }

    /// The policy of our pages: show themselves, post to us, be framed where the event may be, and nothing else. The one for
    /// strangers' frames may only be read.
    private func pagePolicy(_ page: RefusalPage, _ pages: Pages) -> String {
        var policy = "Content-Security-Policy: \(page.policy(pages))"
        if page.topic.isForStrangers {
            // Whatever the operator's own layout has: no scripts, forms, new tabs or navigation of the page around it.
            policy += "; sandbox"
        } else if viewer != nil, let company {
            // Without a viewer, do not reveal which companies there are.
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
