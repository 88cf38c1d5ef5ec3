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
                OutsideText.html(company.name), company.isInDirectory ? "database" : "configuration file",
                company.isSuspended ? "suspended" : "served", "\(company.keys.count + company.keySetURLs.count)",
                "\(company.clientSecrets.count)",
            ]
        }
        var links: [HTML] = []
        if start > 0 {
            links.append("<a class=\"button\" href=\"\(path(from: max(0, start - Self.pageSize)))\">Previous</a> ")
        }
        if start + shown.count < found.count {
            links.append("<a class=\"button\" rel=\"next\" href=\"\(path(from: start + Self.pageSize))\">Next</a>")
        }
        let columns = ["Company", "Name", "Kept in", "State", "Keys and key sets", "Client secrets"]
        return """
            <form class="filter" method="get" action="\(Page.Place.companies.path)" role="search">
            <label>Id or name <input type="search" name="q" value="\(text ?? "")" maxlength="200"></label>
            <button class="main">Search</button>
            </form>
            <p><strong id="total">\(Numbers.text(found.count))</strong> of \(Numbers.text(companies.count)) \(Numbers.noun(companies.count, "company", "companies"))</p>
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
    /// `nil` if the configuration's file has the company, or while nobody can say.
    let keys: CompanyKeys?
    /// `nil` without a database.
    let records: CompanyRecords?
    let visitor: Visitor

    /// - Parameters:
    ///   - list: the kind whose list goes on.
    ///   - place: after which it does.
    ///   - done: what came of an action.
    static func path(
        _ id: String,
        _ list: EventKind = .event,
        after place: String? = nil,
        done: String? = nil
    ) -> String {
        "/console/companies/one" + Form.query([("id", id), (list.rawValue, place), ("done", done)])
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
        let source = company.isInDirectory ? "in the database" : "in the configuration file"
        let state = "\(company.isSuspended ? "suspended" : "served"), \(source)"
        let none: HTML = "<p>Without <code>[control]</code> there is no database of events and webhooks.</p>"
        // Of a company in the database, tables have more to say.
        let ownKeys: HTML =
            company.isInDirectory
            ? ""
            : """
            \(row("Keys", keys))\(row("Key sets", company.keySetURLs.map(\.text)))\
            \(row("Client secrets", ["\(company.clientSecrets.count)"]))
            """
        let change: HTML =
            company.isInDirectory
            ? self.keys?.html(of: company.id, visitor)
                ?? "<p>Its keys cannot be read at the moment. Try again soon.</p>"
            : "<p>Its keys are in the configuration file: change them there, and reload.</p>"
        return """
            <dl class="facts">
            \(row("Id", [company.id]))\(row("Name", [company.name]))\(row("State", [state]))\(ownKeys)\
            \(row("Issuers", company.issuers))\
            \(row("Audiences", company.audiences))\(row("Pages that may frame its events", company.embedOrigins))\
            \(row("Event ids", company.eventIDs ?? []))
            </dl>
            <p><a class="button" href="\(Page.Place.sessions.path + Form.query([("company", company.id)]))">Sessions of this company</a></p>
            \(change)
            \(records?.html ?? none)
            """
    }
}
