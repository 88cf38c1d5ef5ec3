import Admission
import GatewayConfiguration

/// Admits viewers whose browser blocks cookies in frames: by the ticket that the link's redirect left in the address.
extension Exchange {
    /// The ticket in the query if it is valid, used or not, and is for the event named by the path.
    func ticket(_ request: RequestView, event: Span<UInt8>?) -> Ticket? {
        guard let shown = request.ticket, let event,
            let ticket = snapshot.authority.ticket(shown, worker.site.seal, now: worker.clock.wall),
            ticket.viewer.subject(for: event) == ticket.session.subject
        else { return nil }
        return ticket
    }

    /// Handles a ticket that arrived without the cookie that was set along with it.
    func offerWayIn(_ ticket: Ticket, _ request: RequestView) {
        guard isNavigation, method == .get, !request.isSpeculative, worker.site.usedTickets.use(ticket) else {
            refuse(.tokenMissing, request)
            return
        }
        state.verdict.viewer = ticket.viewer
        guard countTry(of: ticket.viewer, request) else { return }
        switch ticket.stage {
        case .redirect, .retry:
            let page = Ticket(.page, ticket.sealed, now: worker.clock.wall)
            let keep = Ticket(.page, ticket.sealed, now: worker.clock.wall)
            let isElsewhere =
                !request.isForTab && worker.site.admission.isActive(ticket.session, of: ticket.viewer)
            let wayIn = WayIn(
                place: add(page, to: request.location),
                keep: text(of: keep),
                silentWay: isElsewhere ? nil : silentWay(request, ticket.sealed),
                isSecondTry: ticket.stage == .retry,
                isTopLevel: request.isForTab,
                isElsewhere: isElsewhere
            )
            let topic: Topic? = wayIn.isTopLevel ? .cookiesOff : wayIn.isElsewhere ? .elsewhere : nil
            refuse(.cookiesBlocked, request, topic: topic, wayIn: wayIn)
        case .serviceWorker:
            refuse(.tokenMissing, request)
        case .page:
            handOut(request, ticket.sealed)
            let next = Ticket(.retry, ticket.sealed, now: worker.clock.wall)
            redirect(to: add(next, to: request.location))
        }
    }

    /// What the page's script tries before it shows the page, if the settings allow that.
    private func silentWay(_ request: RequestView, _ sealed: SealedSession) -> WayIn.SilentWay? {
        guard let serviceWorker = snapshot.serviceWorker else { return nil }
        let ticket = text(of: Ticket(.serviceWorker, sealed, now: worker.clock.wall))
        return WayIn.SilentWay(script: serviceWorker.address, ticket: ticket, place: request.location)
    }

    /// Issues two fresh tickets for one about to expire, since the page that shows them may stay open indefinitely. A third
    /// one leads to the page that says so if the viewer has joined with one of them in another tab.
    func renewTicket(_ request: RequestView) {
        guard allows(method == .post, "POST") else { return }
        request.scanQuery(tokenNames: [])
        request.scanCookies(isSecure: snapshot.cookie.isSecure)
        guard isOriginAllowed(request) else { return refuse(.originDenied, request) }
        guard let shown = request.ticket,
            let ticket = snapshot.authority.ticket(shown, worker.site.seal, now: worker.clock.wall),
            ticket.stage == .page, worker.site.usedTickets.use(ticket)
        else { return refuse(.tokenMissing, request) }
        guard countTry(of: ticket.viewer, request) else { return }
        var fresh = (0..<2).map { _ in
            text(of: Ticket(.page, ticket.sealed, now: worker.clock.wall))
        }
        if worker.site.admission.isActive(ticket.session, of: ticket.viewer) {
            fresh.append(text(of: Ticket(.redirect, ticket.sealed, now: worker.clock.wall)))
        }
        let body = Array(fresh.joined(separator: "\n").utf8)
        respond(status: 200, fields: "", type: "text/plain; charset=utf-8", body: body)
    }

    /// Counts a ticket that issues new ones as a join. Returns false if there were too many: then the request was
    /// refused.
    private func countTry(of viewer: Viewer, _ request: RequestView) -> Bool {
        let (limit, now) = (snapshot.settings.limits.joinsPerMinute, worker.clock.monotonic)
        guard let pause = worker.site.joins.attempt(viewer.subject.low, limit: limit, now: now) else { return true }
        refuse(.tooManyJoins, request, retryAfter: pause)
        return false
    }

    /// Appends a ticket to a place.
    func add(_ ticket: Ticket, to place: String) -> String {
        place + (place.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + "\(QueryMembers.ticketName)=\(text(of: ticket))"
    }

    private func text(of ticket: Ticket) -> String {
        String(decoding: worker.site.seal.text(of: ticket, now: worker.clock.wall), as: UTF8.self)
    }
}
