import Admission
import GatewayConfiguration
import JOSE

/// The way in for browsers that give a frame no cookies: what the link's redirect left in the address lets the viewer in by
/// another door.
extension Exchange {
    /// The ticket in the query, if it is good, unused or not, and for the event that the path names.
    func ticket(_ bytes: Span<UInt8>, event: Span<UInt8>?) -> Ticket? {
        guard let range = worker.queryMembers.ticket, let event,
            let ticket = snapshot.authority.ticket(bytes.extracting(range), worker.site.seal, now: worker.clock.wall),
            ticket.viewer.subject(for: event) == ticket.session.subject
        else { return nil }
        return ticket
    }

    /// The ticket has come without the cookie that was sent along with it.
    func offerWayIn(_ ticket: Ticket, _ bytes: Span<UInt8>) {
        guard isNavigation, method == .get, !isSpeculative(bytes), worker.site.usedTickets.use(ticket) else {
            refuse(.tokenMissing, bytes)
            return
        }
        viewer = ticket.viewer
        guard countTry(of: ticket.viewer, bytes) else { return }
        switch ticket.stage {
        case .redirect, .retry:
            let page = Ticket(.page, ticket.sealed, now: worker.clock.wall)
            let keep = Ticket(.page, ticket.sealed, now: worker.clock.wall)
            let wayIn = WayIn(
                place: add(page, to: location(bytes)),
                keep: text(of: keep),
                isSecondTry: ticket.stage == .retry,
                isTopLevel: worker.requestHead.block.first(.secFetchDest).map {
                    bytes.equals("document", ignoringCaseIn: $0)
                } ?? false
            )
            refuse(.cookiesBlocked, bytes, wayIn: wayIn)
        case .page:
            handOut(bytes, ticket.sealed)
            let next = Ticket(.retry, ticket.sealed, now: worker.clock.wall)
            redirect(to: add(next, to: location(bytes)))
        }
    }

    /// Two fresh tickets for one that is running out: the page that shows them may stay open for as long as it likes.
    func renewTicket(_ bytes: Span<UInt8>) {
        guard allows(method == .post, "POST") else { return }
        worker.queryMembers.scan(bytes, in: worker.requestTarget.query, tokenNames: [])
        worker.sessionCookies.scan(bytes, worker.requestHead.block, secure: snapshot.cookie.isSecure)
        guard isOriginAllowed(bytes) else { return refuse(.originDenied, bytes) }
        guard let range = worker.queryMembers.ticket,
            let ticket = snapshot.authority.ticket(bytes.extracting(range), worker.site.seal, now: worker.clock.wall),
            ticket.stage == .page, worker.site.usedTickets.use(ticket)
        else { return refuse(.tokenMissing, bytes) }
        guard countTry(of: ticket.viewer, bytes) else { return }
        let fresh = (0..<2).map { _ in
            text(of: Ticket(.page, ticket.sealed, now: worker.clock.wall))
        }
        let body = Array(fresh.joined(separator: "\n").utf8)
        respond(status: 200, fields: "", type: "text/plain; charset=utf-8", body: body)
    }

    /// Counts a ticket that brings others as a join; false: there were enough of them, and it was refused.
    private func countTry(of viewer: Viewer, _ bytes: Span<UInt8>) -> Bool {
        let (limit, now) = (snapshot.settings.limits.joinsPerMinute, worker.clock.monotonic)
        guard let pause = worker.site.joins.attempt(viewer.subject.low, limit: limit, now: now) else { return true }
        refuse(.tooManyJoins, bytes, retryAfter: pause)
        return false
    }

    /// A place with a ticket.
    func add(_ ticket: Ticket, to place: String) -> String {
        place + (place.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + "\(QueryMembers.ticketName)=\(text(of: ticket))"
    }

    private func text(of ticket: Ticket) -> String {
        String(decoding: worker.site.seal.text(of: ticket, now: worker.clock.wall), as: UTF8.self)
    }
}

/// What the page offers to a viewer whose browser blocks the cookie: a tab of its own, and asking the browser to allow it.
struct WayIn {
    /// The address of the event with a ticket.
    var place: String
    /// The ticket that the page's script gets the next ones for.
    var keep: String
    /// The cookie did not come back from there either.
    var isSecondTry: Bool
    /// The page is a tab's own and in no frame: there no other tab would help.
    var isTopLevel: Bool

    /// What a viewer is told in a tab of their own.
    static let switchedOff = "Cookies are switched off for this site. Allow them in your browser, then try again."

    var html: String {
        let place = RefusalPage.escaped(place)
        let hint = "Your browser did not allow it. Open the event in a new tab, or allow cookies for this site."
        let (target, name) =
            isTopLevel ? ("", "Try again") : (" target=\"_blank\" rel=\"noopener\"", "Open in a new tab")
        return """
            <p><a class="button" id="tab" href="\(place)"\(target) data-keep="\(keep)">\(name)</a>
            <button id="allow" type="button" hidden>Allow it here</button></p>
            <p id="hint" role="status"\(isSecondTry && !isTopLevel ? "" : " hidden")>\(hint)</p>
            <p id="late" role="status" hidden>This page has waited too long: reload the page that it is on, or open your \
            link again.</p>
            <script>\(Self.script)</script>
            """
    }

    /// Keeps the link's ticket fresh, and asks for storage access when the viewer wants that: browsers grant it only in
    /// answer to a click.
    private static let script = """
        (()=>{const tab=document.getElementById("tab"),allow=document.getElementById("allow"),\
        hint=document.getElementById("hint"),late=document.getElementById("late");\
        const renew=async()=>{const answer=await fetch("/.gateway/ticket?\(QueryMembers.ticketName)="+tab.dataset.keep,\
        {method:"POST"});if(!answer.ok){late.hidden=answer.status===429;return}const[next,keep]=(await answer.text()).split("\\n");\
        tab.href=tab.href.replace(/\(QueryMembers.ticketName)=[^&]*/,"\(QueryMembers.ticketName)="+next);\
        tab.dataset.keep=keep;late.hidden=true;history.replaceState(null,"",tab.href)};\
        const soon=()=>renew().catch(()=>{});history.replaceState(null,"",tab.href);setInterval(soon,40000);\
        document.addEventListener("visibilitychange",()=>{if(!document.hidden)soon()});tab.onclick=()=>setTimeout(soon,500);\
        if(document.requestStorageAccess&&window!==top){allow.hidden=false;\
        allow.onclick=()=>document.requestStorageAccess().then(()=>location.replace(tab.href),\
        ()=>{hint.hidden=false})}})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
