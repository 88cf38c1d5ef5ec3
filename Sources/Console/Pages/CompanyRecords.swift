import Admission
import Basics
import Directory

/// What the database holds of one company: webhooks, and events page by page.
struct CompanyRecords {
    let company: String
    let webhooks: [Webhook]
    let events: EventPage
    /// Networking hubs.
    let hubs: EventPage
    /// The moment that decides what is over.
    let moment: Milliseconds
    let visitor: Visitor

    static let pageSize = 60

    var html: HTML {
        "\(webhookTable)\(table("Events", .event, events))\(table("Networking hubs", .networking, hubs))"
    }

    private var webhookTable: HTML {
        guard !webhooks.isEmpty else { return "<p>No webhooks.</p>\n" }
        let rows = webhooks.map { webhook -> [HTML] in
            let path = DeliveriesPage.path(webhook.id, company: company)
            return [
                "<a href=\"\(path)\">\(OutsideText.html(MaskedURL.text(webhook.endpoint, for: visitor), limit: 200))</a>",
                "\(webhook.types.map(\.rawValue).joined(separator: ", "))",
                DeliveriesPage.state(webhook),
                OutsideText.html(webhook.lastError ?? ""),
            ]
        }
        let columns = ["Endpoint", "Messages about", "State", "Last error"]
        return Table(caption: "Webhooks", columns: columns, rows: rows).html
    }

    private func table(_ caption: String, _ kind: EventKind, _ page: EventPage) -> HTML {
        let what = caption.lowercased()
        guard !page.events.isEmpty else { return "<p>No \(page.total > 0 ? "more " : "")\(what).</p>\n" }
        let rows = page.events.map { event -> [HTML] in
            let path = RegistrationsPage.path(event.uid, event.kind, company: company)
            let isAlways = !event.fields.hasDates
            return [
                "<a href=\"\(path)\">\(OutsideText.html(event.fields.name))</a>", "<code>\(event.uid)</code>",
                "\(EventCursor(event, at: moment).status.rawValue)",
                isAlways ? "always" : HTML.moment(event.fields.startsAt),
                isAlways ? "" : HTML.moment(event.fields.endsAt),
            ]
        }
        let columns = ["Name", "Id", "State", "Start (UTC)", "End (UTC)"]
        let table = Table(caption: "\(caption) (\(Numbers.text(page.total)))", columns: columns, rows: rows).html
        guard page.hasMore, let last = page.events.last else { return table }
        let next = CompanyPage.path(company, kind, after: Self.text(EventCursor(last, at: moment), moment))
        return "\(table)<p><a class=\"button\" rel=\"next\" href=\"\(next)\">More \(what)</a></p>\n"
    }

    /// A place in the list of events, and the moment that the list is of.
    static func text(_ cursor: EventCursor, _ moment: Milliseconds) -> String {
        "\(moment).\(cursor.status.rawValue).\(cursor.time).\(cursor.uid)"
    }

    static func place(_ text: String) -> (cursor: EventCursor, moment: Milliseconds)? {
        let parts = text.split(separator: ".").map(String.init)
        guard parts.count == 4, let moment = Milliseconds(parts[0]), let status = EventStatus(rawValue: parts[1]),
            let time = Milliseconds(parts[2])
        else { return nil }
        return (EventCursor(status: status, time: time, uid: parts[3]), moment)
    }
}

/// An event's registrations, page by page.
struct RegistrationsPage {
    let company: String
    let page: RegistrationPage
    /// A part of a name or an e-mail address.
    let text: String?

    static let pageSize = 60

    static func path(
        _ uid: String,
        _ kind: EventKind,
        company: String,
        text: String? = nil,
        after: Int64? = nil
    ) -> String {
        "/console/companies/event"
            + Form.query([
                ("company", company), ("id", uid), ("kind", kind.rawValue), ("q", text),
                ("after", after.map { "\($0)" }),
            ])
    }

    var html: HTML {
        let event = page.event
        let (first, last) = (HTML.moment(event.fields.startsAt), HTML.moment(event.fields.endsAt))
        let time: HTML = event.fields.hasDates ? "\(first) to \(last)" : "always"
        let rows = page.registrations.map { registration -> [HTML] in
            [
                OutsideText.html(registration.name), OutsideText.html(registration.email),
                "<code>\(registration.uid)</code>", HTML.moment(registration.registeredAt),
            ]
        }
        let next: HTML =
            page.next.map { next -> HTML in
                let path = Self.path(event.uid, event.kind, company: company, text: text, after: next)
                return "<p><a class=\"button\" rel=\"next\" href=\"\(path)\">More</a></p>\n"
            } ?? ""
        let people: HTML = [("Presenters", event.fields.presenters), ("Organizers", event.fields.organizers)]
            .reduce("") { html, list in
                let names = list.1.map { "\(OutsideText.html($0)) " as HTML }
                return names.isEmpty ? html : "\(html)<dt>\(list.0)</dt><dd>\(names)</dd>\n"
            }
        let sessions = Page.Place.sessions.path + Form.query([("company", company), ("event", event.uid)])
        return """
            <dl class="facts">
            <dt>Name</dt><dd>\(OutsideText.html(event.fields.name, limit: OutsideText.long))</dd>
            <dt>Id</dt><dd><code>\(event.uid)</code></dd>
            <dt>Company</dt><dd><a href="\(CompanyPage.path(company))">\(OutsideText.html(company))</a></dd>
            <dt>Time (UTC)</dt><dd>\(time)</dd>
            <dt>Time zone</dt><dd>\(OutsideText.html(event.fields.timezone))</dd>
            \(people)</dl>
            <p><a class="button" href="\(sessions)">Sessions of this event</a></p>
            <form class="filter" method="get" action="/console/companies/event" role="search">
            <input type="hidden" name="company" value="\(company)"><input type="hidden" name="id" value="\(event.uid)">
            <input type="hidden" name="kind" value="\(event.kind.rawValue)">
            <label>Name or e-mail <input type="search" name="q" value="\(text ?? "")" maxlength="200"></label>
            <button class="main">Search</button>
            </form>
            <p><strong id="total">\(Numbers.text(page.total))</strong> \(Numbers.noun(page.total, "registration", "registrations"))</p>
            \(rows.isEmpty ? "" : Table(caption: "Registrations", columns: ["Name", "E-mail", "Id", "Registered (UTC)"], rows: rows).html)\(next)
            """
    }
}

/// What became of a webhook's messages, newest first.
struct DeliveriesPage {
    let company: String
    let webhook: Webhook
    let page: DeliveryPage
    let visitor: Visitor

    static let pageSize = 60

    static func state(_ webhook: Webhook) -> HTML {
        webhook.isEnabled ? webhook.failingSince == nil ? "enabled" : "failing" : "disabled"
    }

    static func path(_ webhook: String, company: String, before: Int64? = nil, done: String? = nil) -> String {
        "/console/companies/webhook"
            + Form.query([("company", company), ("id", webhook), ("before", before.map { "\($0)" }), ("done", done)])
    }

    /// Its state, and what it waits for if it does.
    private static func state(_ delivery: DeliveryRecord) -> HTML {
        let state: HTML = "\(delivery.status.rawValue)"
        if delivery.isBehind { return "<span>\(state), waits behind an older one of its event</span>" }
        return delivery.dueAt.map { "<span>\(state), next attempt \(HTML.moment($0))</span>" } ?? state
    }

    var html: HTML {
        let rows = page.deliveries.map { delivery -> [HTML] in
            let again: HTML =
                visitor.mayAct
                ? """
                <form method="post" action="/console/companies/redeliver">\(Page.key(visitor))\
                <input type="hidden" name="company" value="\(company)"><input type="hidden" name="webhook" value="\(webhook.id)">\
                <input type="hidden" name="id" value="\(delivery.uid)"><button>Deliver again</button></form>
                """ : ""
            let answer = delivery.response.map { String($0) } ?? ""
            return [
                "\(delivery.type)", "<code>\(delivery.uid)</code>", Self.state(delivery),
                "\(delivery.attempts)", "\(answer)",
                OutsideText.html(delivery.error ?? ""), HTML.moment(delivery.createdAt), again,
            ]
        }
        let next: HTML =
            page.next.map { next -> HTML in
                let path = Self.path(webhook.id, company: company, before: next)
                return "<p><a class=\"button\" rel=\"next\" href=\"\(path)\">Older</a></p>\n"
            } ?? ""
        let columns = ["Type", "Id", "State", "Attempts", "Response", "Last error", "Created (UTC)", ""]
        return """
            <dl class="facts">
            <dt>Endpoint</dt><dd>\(OutsideText.html(MaskedURL.text(webhook.endpoint, for: visitor), limit: OutsideText.long))</dd>
            <dt>Company</dt><dd><a href="\(CompanyPage.path(company))">\(OutsideText.html(company))</a></dd>
            <dt>State</dt><dd>\(Self.state(webhook)); failed attempts since the last success: \(Numbers.text(webhook.failures))</dd>
            </dl>
            <p><strong id="total">\(Numbers.text(page.total))</strong> \(Numbers.noun(page.total, "message", "messages")), waiting or past</p>
            \(rows.isEmpty ? "" : Table(caption: "Messages, newest first", columns: columns, rows: rows).html)\(next)
            """
    }
}
