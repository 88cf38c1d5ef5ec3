import Basics

/// The keys and client secrets of a company in the database, as the operator API lists them. Never a secret.
struct CompanyKeys {
    struct Entry {
        let id: String
        let isKey: Bool
        /// What it is, in words.
        let kind: String
        let algorithm: String
        let use: String
        let createdAt: Milliseconds?
        /// When it stops being good; `nil` if only its revocation ends it.
        let until: Milliseconds?
    }

    let keys: [Entry]
    let secrets: [Entry]

    /// - Parameter company: the members of the API's answer.
    init(_ company: [JSONMember]) {
        func entries(_ name: String, isKey: Bool) -> [Entry] {
            guard case .array(let all)? = company[name] else { return [] }
            return all.compactMap { value in
                guard case .object(let members) = value, let id = members.text("id") else { return nil }
                return Entry(
                    id: id,
                    isKey: isKey,
                    kind: Self.kind(members),
                    algorithm: members.text("algorithm") ?? "",
                    use: Self.use(members),
                    createdAt: members.text("createdAt").flatMap { RFC3339.parse($0) },
                    until: members.text("until").flatMap { RFC3339.parse($0) }
                )
            }
        }
        (keys, secrets) = (entries("keys", isKey: true), entries("clientSecrets", isKey: false))
    }

    private static func kind(_ members: [JSONMember]) -> String {
        switch members.text("form").map({ ExactText($0) }) {
        case "secret": "shared secret"
        case "private_key": "private key"
        case "public_key": "public key"
        case "jwks_url": "key set, \(members.text("jwksUrl") ?? "")"
        default: "client secret"
        }
    }

    private static func use(_ members: [JSONMember]) -> String {
        switch members.text("use").map({ ExactText($0) }) {
        case "signs": "signs and verifies"
        case "signed_before": "verifies what it signed"
        default: "verifies"
        }
    }

    /// Tables of both, with ways to revoke and to add for whoever may act.
    func html(of company: String, _ visitor: Visitor) -> HTML {
        let (keyRows, secretRows) = (keys.map { row($0, company, visitor) }, secrets.map { row($0, company, visitor) })
        let keyTable = Table(
            caption: "Keys",
            columns: ["Id", "Kind", "Algorithm", "Use", "Added (UTC)", "Until (UTC)", ""],
            rows: keyRows
        )
        let secretTable = Table(
            caption: "Client secrets, for API tokens",
            columns: ["Id", "Added (UTC)", "Until (UTC)", ""],
            rows: secretRows
        )
        let noSecrets: HTML = "<p>No client secrets: the company's backend gets no API token.</p>\n"
        return """
            \(keyTable.html)\(visitor.mayAct ? NewKey.form(company, visitor) : "")
            \(secrets.isEmpty ? noSecrets : secretTable.html)\(visitor.mayAct ? secretForm(company, visitor) : "")

            """
    }

    private func row(_ entry: Entry, _ company: String, _ visitor: Visitor) -> [HTML] {
        let path = RevocationForm.path(entry, of: company)
        let revoke: HTML = visitor.mayAct ? "<a class=\"button\" href=\"\(path)\">Revoke…</a>" : ""
        let dates: [HTML] = [
            entry.createdAt.map(HTML.moment) ?? "", entry.until.map(HTML.moment) ?? "until revoked", revoke,
        ]
        let id: HTML = "<code>\(OutsideText.plain(entry.id))</code>"
        guard entry.isKey else { return [id] + dates }
        return [id, OutsideText.html(entry.kind, limit: 200), "\(entry.algorithm)", "\(entry.use)"] + dates
    }

    private func secretForm(_ company: String, _ visitor: Visitor) -> HTML {
        """
        <form class="filter" method="post" action="/console/companies/secrets/add">\(Page.key(visitor))
        <input type="hidden" name="company" value="\(company)">
        \(Overlap.field("Earlier client secrets stay good"))
        <button>Add a client secret</button>
        </form>
        """
    }
}

extension [JSONMember] {
    /// The text of a member.
    func text(_ name: String) -> String? { if case .string(let text)? = self[name] { text } else { nil } }
}
