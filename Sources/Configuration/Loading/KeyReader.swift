import JOSE

/// Reads `[[company.key]]`. One reader reads the keys of all companies, so that it can detect what they must not share.
final class KeyReader {
    /// The sources of a key; each key has exactly one.
    private static let sources = [
        "secret_file", "private_key_file", "public_key_file", "jwks_file", "jwks_url", "openid",
    ]

    /// The secrets of all companies, each with its key.
    private var secrets: [[UInt8]: Place] = [:]

    func read(_ tables: [TableReader], into company: inout CompanySettings) {
        var taken: [String: Place] = [:]
        for (index, table) in tables.enumerated() {
            guard let (read, keys) = read(table, issuers: company.issuers) else { continue }
            var origin = read
            origin.signedBefore = table.value("signed_before", .boolean)
            if origin.signedBefore == true {
                check(signedBefore: origin, isFirst: index == 0, in: table)
                company.earlierKeys += keys
            }
            // A key in a set without `alg` becomes one key for each algorithm that it suits, all with the same id.
            for id in Self.ids(of: keys) {
                if let other = taken[id] {
                    table.report("\(other) has the same id \(quoted(id))", at: origin.id == nil ? "jwks_file" : "id")
                }
                taken[id] = table.place
            }
            company.keys += keys
            company.keyOrigins.append(origin)
        }
    }

    /// Checks `signed_before`: only a key that nobody else had can have signed the gateway's own tokens.
    private func check(signedBefore origin: KeyOrigin, isFirst: Bool, in table: TableReader) {
        if isFirst {
            table.report("the first key signs now; write it at the keys that did so before", at: "signed_before")
        }
        switch origin.source {
        case .jwksFile, .jwksURL, .openID:
            table.report("a key set signs none of the gateway's own tokens", at: "signed_before")
        case .secretFile, .privateKeyFile, .publicKeyFile: break
        }
    }

    /// The ids without duplicates.
    static func ids(of keys: [Key]) -> [String] {
        Set(keys.compactMap(\.id)).sorted()
    }

    private func read(_ table: TableReader, issuers: [String]) -> (KeyOrigin, [Key])? {
        let written = Self.sources.filter { table.has($0) }
        let id = table.value("id", .name)
        let algorithm = table.value("algorithm", Form<Algorithm>.choice)
        guard let source = written.first, written.count == 1 else {
            let found = written.isEmpty ? "has none" : "has \(written.joined(separator: " and "))"
            table.context.problems.report(
                "needs one of \(Self.sources.joined(separator: ", ")); it \(found)",
                at: table.place
            )
            return nil
        }
        if ["jwks_file", "jwks_url", "openid"].contains(source) {
            for name in ["id", "algorithm"] where table.has(name) {
                table.report("has no effect with \(source): the key set says it", at: name)
            }
            return source == "openid" ? openID(table, issuers: issuers) : keySet(table, source: source)
        }
        if !table.has("algorithm") { table.report("is missing", at: "algorithm") }
        guard let algorithm else {
            _ = table.value(source, Self.form(of: source))
            return nil
        }
        if algorithm.isSymmetric != (source == "secret_file") {
            let right = algorithm.isSymmetric ? "secret_file" : "private_key_file or public_key_file"
            table.report("\(algorithm.rawValue) needs \(right), not \(source)", at: "algorithm")
            _ = table.value(source, Self.form(of: source))
            return nil
        }
        return single(table, source: source, algorithm: algorithm, id: id)
    }

    private static func form(of source: String) -> Form<NamedFile> {
        source == "secret_file" || source == "private_key_file" ? .secretFile : .file
    }

    private func single(_ table: TableReader, source: String, algorithm: Algorithm, id: String?) -> (KeyOrigin, [Key])?
    {
        guard let file = table.value(source, Self.form(of: source)) else { return nil }
        var origin = KeyOrigin(id: id, algorithm: algorithm, source: .secretFile(file.path))
        switch source {
        case "secret_file": reportReuse(of: file.trimmed, in: table)
        case "private_key_file": origin.source = .privateKeyFile(file.path)
        default: origin.source = .publicKeyFile(file.path)
        }
        return keys(in: file, of: origin, table, source)
    }

    /// Reports what is wrong with a file of keys. Returns `nil` if it has none.
    private func keys(
        in file: NamedFile,
        of origin: KeyOrigin,
        _ table: TableReader,
        _ source: String
    ) -> (KeyOrigin, [Key])? {
        let content = KeyFile(file, of: origin)
        for fault in content.faults { table.report(fault, at: source) }
        return content.keys.isEmpty ? nil : (origin, content.keys)
    }

    private func openID(_ table: TableReader, issuers: [String]) -> (KeyOrigin, [Key])? {
        guard let isWanted = table.value("openid", .boolean) else { return nil }
        guard isWanted else {
            table.report("is false; leave the key out", at: "openid")
            return nil
        }
        if issuers.isEmpty {
            table.report("needs the company's issuer, whose discovery document names its keys", at: "openid")
        }
        if issuers.count > 1 {
            table.report(
                "needs a company with one issuer: the keys of one could sign in the name of another",
                at: "openid"
            )
        }
        var urls: [KeySetURL] = []
        for issuer in issuers {
            do throws(ValueFault) {
                urls.append(try KeySetURL(discoveryOf: issuer))
            } catch {
                table.report(error.reason, at: "openid")
            }
        }
        return (KeyOrigin(source: .openID(urls)), [])
    }

    private func keySet(_ table: TableReader, source: String) -> (KeyOrigin, [Key])? {
        if source == "jwks_url" {
            let url = table.value(source, .text("a URL", KeySetURL.init(parsing:)))
            return url.map { (KeyOrigin(source: .jwksURL($0)), []) }
        }
        guard let file = table.value(source, .file) else { return nil }
        return keys(in: file, of: KeyOrigin(source: .jwksFile(file.path)), table, source)
    }

    /// Reports a secret that two keys share: its holder can sign for each company that has it.
    private func reportReuse(of secret: [UInt8], in table: TableReader) {
        if let other = secrets[secret] { table.report("\(other) has the same secret", at: "secret_file") }
        secrets[secret] = table.place
    }
}
