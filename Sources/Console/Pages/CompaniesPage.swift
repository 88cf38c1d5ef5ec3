import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The companies that the gateway serves, by id.
struct CompaniesPage {
    let companies: [CompanySettings]
    /// A part of an id or a name.
    let text: String?
    /// How many to skip.
    let start: Int

    static let pageSize = 60

    var html: HTML {
        let needle = text.map { Array($0.lowercased().utf8) }
        let found = companies.filter { company in
            guard let needle else { return true }
            return SearchText.contains(company.id, needle) || SearchText.contains(company.name, needle)
        }.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        let shown = found.dropFirst(start).prefix(Self.pageSize)
        let rows = shown.map { company -> [HTML] in
            [
                "<a href=\"\(CompanyPage.path(company.id))\">\(OutsideText.html(company.id))</a>",
                OutsideText.html(company.name), company.isInDirectory ? "database" : "file",
                company.isSuspended ? "suspended" : "served", "\(company.keys.count + company.keySetURLs.count)",
                "\(company.clientSecrets.count)",
            ]
        }
        var links: [HTML] = []
        if start > 0 {
            links.append("<a class=\"button\" href=\"\(path(from: max(0, start - Self.pageSize)))\">Before</a> ")
        }
        if start + shown.count < found.count {
            links.append("<a class=\"button\" rel=\"next\" href=\"\(path(from: start + Self.pageSize))\">After</a>")
        }
        let columns = ["Company", "Name", "From", "State", "Keys and key sets", "Client secrets"]
        return """
            <form class="filter" method="get" action="\(Page.Place.companies.path)" role="search">
            <label>Id or name <input type="search" name="q" value="\(text ?? "")" maxlength="200"></label>
            <button class="main">Search</button>
            </form>
            <p><strong id="total">\(Numbers.text(found.count))</strong> found, of \(Numbers.text(companies.count)).</p>
            \(Table(caption: "Companies, by id", columns: columns, rows: rows).html)<p class="pages">\(links)</p>

            """
    }

    private func path(from start: Int) -> String {
        Page.Place.companies.path + Form.query([("q", text), ("from", start == 0 ? nil : String(start))])
    }
}

/// One company: how it signs, where its pages are, its webhooks and its events.
struct CompanyPage {
    let company: CompanySettings
    /// `nil` without a database.
    let records: CompanyRecords?

    /// - Parameters:
    ///   - list: the kind whose list goes on.
    ///   - place: after which it does.
    static func path(_ id: String, _ list: EventKind = .event, after place: String? = nil) -> String {
        "/console/companies/one" + Form.query([("id", id), (list.rawValue, place)])
    }

    var html: HTML {
        func list(_ texts: [String]) -> HTML {
            HTML(texts.map { "\(OutsideText.html($0, limit: OutsideText.long))<br>" as HTML })
        }
        func row(_ name: String, _ texts: [String]) -> HTML {
            texts.isEmpty ? "" : "<dt>\(name)</dt><dd>\(list(texts))</dd>\n"
        }
        let keys = company.keys.enumerated().map { number, key in
            [key.id ?? "without an id", key.algorithm.rawValue, number == 0 ? "signs and verifies" : "verifies"]
                .joined(separator: ", ")
        }
        let source = company.isInDirectory ? "database" : "file"
        let state = "\(company.isSuspended ? "suspended" : "served"), from the \(source)"
        let none: HTML = "<p>Without <code>[control]</code> there is no database of events and webhooks.</p>"
        return """
            <dl class="facts">
            \(row("Id", [company.id]))\(row("Name", [company.name]))\(row("State", [state]))\(row("Keys", keys))\
            \(row("Key sets", company.keySetURLs.map(\.text)))\(row("Issuers", company.issuers))\
            \(row("Audiences", company.audiences))\(row("Pages that may frame its events", company.embedOrigins))\
            \(row("Event ids", company.eventIDs ?? []))\(row("Client secrets", ["\(company.clientSecrets.count)"]))
            </dl>
            <p><a class="button" href="\(Page.Place.sessions.path + Form.query([("company", company.id)]))">Its sessions</a></p>
            \(records?.html ?? none)
            """
    }
}
