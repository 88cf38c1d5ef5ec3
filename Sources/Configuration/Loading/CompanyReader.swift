import Basics

/// Reads `[[company]]`.
final class CompanyReader {
    private let root: TableReader
    private let publicURL: PublicURL?
    private let areNeeded: Bool
    /// The values that must be unique among companies, with the company that has each.
    private var ids: [String: Place] = [:]
    private var issuers: [String: Place] = [:]
    private var eventIDs = EventIDReader()
    private let keyReader = KeyReader()

    init(_ root: TableReader, publicURL: PublicURL?, areNeeded: Bool) {
        self.root = root
        self.publicURL = publicURL
        self.areNeeded = areNeeded
    }

    func companies() -> [CompanySettings] {
        let tables = root.tables("company")
        if tables.isEmpty, areNeeded {
            let reason =
                "a route with access \"token\" or \"session\" needs one, whose keys sign the tokens, unless the "
                + "control API serves companies of the directory"
            root.reportMissing("company", reason: reason)
        }
        return tables.map { company($0) }
    }

    private func company(_ table: TableReader) -> CompanySettings {
        let id = table.required("id", .text("a string", CompanyText.readID))
        if let id {
            if let other = ids[id] { table.report("\(other) has the same id", at: "id") }
            ids[id] = table.place
        }
        var company = CompanySettings(id: id ?? "", name: id ?? "", keys: [], keyOrigins: [])
        table.read("name", into: &company.name, .name)
        readClientSecrets(of: table, into: &company)
        eventIDs.read(from: table, into: &company)
        readOrigins(of: table, into: &company)
        table.read("issuer", into: &company.issuers, .oneOrSeveral(.name))
        for issuer in company.issuers { check(issuer: issuer, in: table) }
        table.read("audience", into: &company.audiences, .oneOrSeveral(.name))
        readPage(table.table("page"), into: &company.page)
        let keyTables = table.tables("key")
        if keyTables.isEmpty {
            table.context.problems.report("needs at least one [[company.key]]", at: table.place)
        }
        keyReader.read(keyTables, into: &company)
        return company
    }

    /// Reads the client secrets. There may be several, so that a new secret can be handed out before the old one is
    /// withdrawn.
    private func readClientSecrets(of table: TableReader, into company: inout CompanySettings) {
        var files: [(file: NamedFile, place: Place)] = []
        let list = table.place.key("client_secret_files")
        if let listed = table.value("client_secret_files", .set(of: .secretFile)) {
            // If one cannot be read, these indices are wrong, but the configuration is refused anyway.
            files += listed.enumerated().map { ($1, list.index($0)) }
            if listed.isEmpty, table.isEmpty("client_secret_files") {
                table.report("is empty; without a secret, leave it out", at: "client_secret_files")
            }
        }
        if let file = table.value("client_secret_file", .secretFile) {
            if table.has("client_secret_files") {
                table.report("belongs in client_secret_files, which stands there too", at: "client_secret_file")
            }
            files.append((file, table.place.key("client_secret_file")))
        }
        for (file, place) in files {
            let secret = file.trimmed
            if let fault = CompanySettings.fault(ofClientSecret: secret, in: file.path) {
                table.context.problems.report(fault, at: place)
            }
            company.clientSecretFiles.append(file.path)
            company.clientSecrets.append(Secret(secret))
        }
    }

    private func readOrigins(of table: TableReader, into company: inout CompanySettings) {
        table.read("embed_origins", into: &company.embedOrigins, .set(of: .text("an origin", WebOrigin.readPattern)))
        if company.embedOrigins.contains("*"), company.embedOrigins.count > 1 {
            table.report("\"*\" makes the others pointless", at: "embed_origins")
        }
    }

    private func readPage(_ table: TableReader, into page: inout CompanyPage) {
        table.read("name", into: &page.name, .name)
        table.read("logo", into: &page.logo, .image)
        table.read("accent", into: &page.accent, .text("a colour such as \"#1d4ed8\"", PageColor.init(parsing:)))
        table.read("contact", into: &page.contact, .text("a string", PageContact.init(parsing:)))
        table.read("home", into: &page.home, .text("an https URL", CompanyPage.readHome))
    }

    /// Checks that the issuer is unique: tokens are assigned to companies by their `iss`.
    private func check(issuer: String, in table: TableReader) {
        if let other = issuers[issuer] { table.report("\(other) has the same issuer", at: "issuer") }
        issuers[issuer] = table.place
        if issuer == publicURL?.text {
            table.report("is public_url, which issues the gateway's own tokens", at: "issuer")
        }
    }
}

extension Form where Value == PageImage {
    /// An https URL, or the path of a file that is read at once.
    fileprivate static var image: Form {
        Form { value, place, context in
            guard case .string(let text) = value, !text.contains("://") else {
                return Form.text("an https URL or a path", PageImage.init(parsing:)).read(value, place, context)
            }
            guard let file = Form<NamedFile>.file.read(value, place, context) else { return nil }
            do throws(ValueFault) {
                return try PageImage(file.bytes, of: file.path)
            } catch {
                context.problems.report(error.reason, at: place)
                return nil
            }
        }
    }
}

extension CompanySettings {
    /// In bytes.
    package static let minClientSecret = 16

    /// What is wrong with the content of a file with a client secret.
    static func fault(ofClientSecret secret: [UInt8], in path: String) -> String? {
        guard secret.count < minClientSecret else { return nil }
        return "the secret in \(path) has \(secret.count) bytes; at least \(minClientSecret) are needed"
    }
}
