import Admission
import Basics

/// Which sessions an operator looks for.
struct SessionSearch: Sendable {
    /// A part of a name, an e-mail address or an id.
    var text: String?
    var company: String?
    var event: String?
    /// Only sessions that joined before this one.
    var before: SessionID?

    static let pageSize = 60

    init(_ form: Form) {
        (text, company, event) = (form.wanted, form["company"], form["event"])
        before = form["before"].flatMap(Self.place)
    }

    /// Whether a session is meant, apart from its place.
    var matches: (LiveSession) -> Bool {
        let needle = text.map { Array($0.lowercased().utf8) }
        return { session in
            if let company, !session.company.hasSameBytes(as: company) { return false }
            if let event, !session.event.hasSameBytes(as: event) { return false }
            guard let needle else { return true }
            let viewer = session.viewer
            for text in [viewer.name, viewer.email, viewer.userID, viewer.registration, session.event, session.name] {
                if let text, SearchText.contains(text, needle) { return true }
            }
            return false
        }
    }

    /// The address of the list, from a place on.
    func path(before place: SessionID?) -> String {
        let place = place.map { "\($0.joinedAt)-\($0.name)" }
        return Page.Place.sessions.path
            + Form.query([("q", text), ("company", company), ("event", event), ("before", place)])
    }

    /// The place that a query names: a moment and a session's public name. What it is compared with has more bits, none
    /// of which the page may show.
    private static func place(_ text: String) -> SessionID? {
        let parts = text.split(separator: "-")
        guard parts.count == 2, let joinedAt = Milliseconds(parts[0]), let random0 = UInt64(parts[1], radix: 16) else {
            return nil
        }
        return SessionID(joinedAt: joinedAt, random0: random0, random1: 0)
    }
}

/// Sessions under way, the latest first, page by page.
struct SessionsPage {
    let search: SessionSearch
    /// One more than a page has if there are more.
    let found: [LiveSession]
    /// All that match.
    let total: Int
    /// All there are.
    let underWay: Int
    let visitor: Visitor
    let now: Milliseconds

    var html: HTML {
        let shown = Array(found.prefix(SessionSearch.pageSize))
        let isMore = found.count > shown.count
        let rows = shown.map(row)
        var links: [HTML] = []
        if search.before != nil { links.append("<a class=\"button\" href=\"\(search.path(before: nil))\">Newest</a> ") }
        if isMore, let last = shown.last {
            links.append("<a class=\"button\" rel=\"next\" href=\"\(search.path(before: last.id))\">Older</a>")
        }
        let table =
            rows.isEmpty
            ? "<p>No sessions match.</p>\n"
            : Table(
                caption: "Sessions, newest first",
                columns: ["Viewer", "Event", "Company", "Role", "Joined (UTC)", "Browser", ""],
                rows: rows
            ).html
        return """
            <form class="filter" method="get" action="\(Page.Place.sessions.path)" role="search">
            <label>Name, e-mail or id <input type="search" name="q" value="\(search.text ?? "")" maxlength="200"></label>
            <label>Company <input name="company" value="\(search.company ?? "")" maxlength="200"></label>
            <label>Event <input name="event" value="\(search.event ?? "")" maxlength="200"></label>
            <button class="main">Search</button>
            </form>
            <p><strong id="total">\(Numbers.text(total))</strong> of <span data-live="viewers">\(Numbers.text(underWay))</span> live \(Numbers.noun(underWay, "session", "sessions"))</p>
            \(table)<p class="pages">\(links)</p>

            """
    }

    private func row(_ session: LiveSession) -> [HTML] {
        let viewer = session.viewer
        let second = viewer.email ?? viewer.userID
        let (first, below) = (OutsideText.html(viewer.name ?? viewer.userID), OutsideText.html(second))
        let name: HTML = "<span><strong>\(first)</strong><br> \(below)</span>"
        let source = [session.source.device?.rawValue, session.source.browser?.rawValue].compactMap(\.self)
        let remove: HTML =
            visitor.mayAct ? "<a class=\"button\" href=\"\(RemovalForm.path(session.name))\">Remove…</a>" : ""
        return [
            name, OutsideText.html(session.event), OutsideText.html(session.company), "\(session.role.name)",
            "<span>\(HTML.moment(session.id.joinedAt)) <small>\(Numbers.age(now - session.id.joinedAt)) ago</small></span>",
            "\(source.joined(separator: ", "))", remove,
        ]
    }
}
