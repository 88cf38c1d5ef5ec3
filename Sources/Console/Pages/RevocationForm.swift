import Basics

/// Asks whether to revoke a key or a client secret.
struct RevocationForm {
    private let company: String
    private let entry: CompanyKeys.Entry
    private let visitor: Visitor

    static let path = "/console/companies/revoke"

    static func path(_ entry: CompanyKeys.Entry, of company: String) -> String {
        path + Form.query([("company", company), ("kind", entry.isKey ? "key" : "secret"), ("id", entry.id)])
    }

    init(_ chosen: (company: String, entry: CompanyKeys.Entry), visitor: Visitor) {
        (company, entry, self.visitor) = (chosen.company, chosen.entry, visitor)
    }

    var title: String { entry.isKey ? "Revoke a key" : "Revoke a client secret" }

    var html: HTML {
        let effect =
            entry.isKey
            ? "Links that were signed with it stop working, and sessions that began with them end at once."
            : "API tokens that were obtained with it stop working at once."
        let form: HTML =
            visitor.mayAct
            ? """
            <form method="post" action="\(Self.path)">\(Page.key(visitor))
            <input type="hidden" name="company" value="\(company)"><input type="hidden" name="id" value="\(entry.id)">
            <input type="hidden" name="kind" value="\(entry.isKey ? "key" : "secret")">
            <p><button class="main danger">Revoke</button> <a class="button" href="\(CompanyPage.path(company))">Cancel</a></p>
            </form>

            """ : ""
        return """
            <dl class="facts">
            <dt>Company</dt><dd>\(OutsideText.html(company))</dd>
            <dt>Id</dt><dd><code>\(OutsideText.plain(entry.id))</code></dd>
            <dt>Kind</dt><dd>\(OutsideText.html(entry.kind, limit: 200)) \(entry.algorithm)</dd>
            <dt>Added (UTC)</dt><dd>\(entry.createdAt.map(HTML.moment) ?? "")</dd>
            </dl>
            <p>\(effect) This cannot be undone.</p>
            \(form)
            """
    }
}
