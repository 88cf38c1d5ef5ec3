import Basics
import JOSE

/// The keys and client secrets of companies, read again.
extension RenewalReader {
    /// What the files of one company hold now.
    private struct Found {
        /// By key of the company.
        var keys: [(origin: KeyOrigin, place: String, keys: [Key])] = []
        var secrets: [(bytes: [UInt8], place: String)] = []
        var isUsable = true
    }

    mutating func renewKeys() {
        // Those of the directory come after them, and have no files.
        let companies = renewal.settings.companiesOfFile
        var found = companies.enumerated().map { index, company in read(company, place: "company[\(index)]") }
        refuseShared(&found, companies)
        for (index, found) in found.enumerated() where found.isUsable && companies[index].differs(from: found.keys) {
            adopt(found, index)
        }
        for (index, company) in companies.enumerated() {
            renewClientSecrets(of: company, into: \.companies[index], place: "company[\(index)].client_secret_files")
        }
    }

    private mutating func read(_ company: CompanySettings, place: String) -> Found {
        var found = Found()
        var taken: [ExactText: String] = [:]
        for (number, origin) in company.keyOrigins.enumerated() {
            guard let (name, path) = origin.file else { continue }
            let place = "\(place).key[\(number)].\(name)"
            guard let bytes = read(place, path) else {
                found.isUsable = false
                continue
            }
            let file = NamedFile(path: path, bytes: bytes)
            let content = KeyFile(file, of: origin)
            var faults = content.faults
            for id in KeyReader.ids(of: content.keys) {
                if let other = taken.updateValue(place, forKey: ExactText(id)) {
                    faults.append("\(other) has the same id \(quoted(id))")
                }
            }
            renewal.problems += faults.map { "\(place): \($0): \(path)" }
            if !faults.isEmpty { found.isUsable = false }
            found.keys.append((origin, place, content.keys))
            if case .secretFile = origin.source { found.secrets.append((file.trimmed, place)) }
        }
        return found
    }

    /// Refuses to let one secret sign for two keys, where that is new. A company whose files cannot be used keeps the keys
    /// that it has, which nobody else may take over.
    private mutating func refuseShared(_ found: inout [Found], _ companies: [CompanySettings]) {
        var places: [[UInt8]: [(company: Int, place: String)]] = [:]
        for (index, found) in found.enumerated() {
            for secret in found.secrets { places[secret.bytes, default: []].append((index, secret.place)) }
        }
        func isRenewed(_ company: Int, _ found: [Found]) -> Bool {
            found[company].isUsable && companies[company].differs(from: found[company].keys)
        }
        for users in places.values where users.count > 1 {
            for (company, place) in users where isRenewed(company, found) {
                let others = users.map(\.place).filter { !$0.hasSameBytes(as: place) }.joined(separator: ", ")
                renewal.problems.append("\(place): \(others) has the same secret")
                found[company].isUsable = false
            }
        }
        // Whoever is refused keeps keys too, so that the next one may be refused because of those.
        var isSettled = false
        while !isSettled {
            isSettled = true
            for company in companies.indices where isRenewed(company, found) {
                let keepers = companies.indices.filter { $0 != company && !found[$0].isUsable }
                for (bytes, place) in found[company].secrets {
                    guard let keeper = keepers.first(where: { companies[$0].hasKey(of: bytes) }) else { continue }
                    renewal.problems.append("\(place): a key in use of company[\(keeper)] has the same secret")
                    (found[company].isUsable, isSettled) = (false, false)
                }
            }
        }
    }

    private mutating func adopt(_ found: Found, _ index: Int) {
        let known = Set(renewal.settings.companies[index].keys.map(KeyMark.init))
        renewal.settings.companies[index].keys = found.keys.flatMap(\.keys)
        renewal.settings.companies[index].earlierKeys = found.keys.filter { $0.origin.signedBefore == true }
            .flatMap(\.keys)
        // If there is no new key, one is gone.
        let new = found.keys.filter { !known.isSuperset(of: $0.keys.map(KeyMark.init)) }
        renewal.changes += (new.isEmpty ? found.keys : new).map { "\($0.place): \($0.origin.file?.path ?? "")" }
    }

    private mutating func renewClientSecrets(
        of company: CompanySettings,
        into target: WritableKeyPath<Settings, CompanySettings>,
        place: String
    ) {
        var secrets: [[UInt8]] = []
        for (number, path) in company.clientSecretFiles.enumerated() {
            let place = "\(place)[\(number)]"
            guard let bytes = read(place, path) else { return }
            let secret = NamedFile(path: path, bytes: bytes).trimmed
            if let fault = CompanySettings.fault(ofClientSecret: secret, in: path) {
                renewal.problems.append("\(place): \(fault)")
                return
            }
            secrets.append(secret)
        }
        guard secrets != company.clientSecrets.map(\.bytes) else { return }
        renewal.settings[keyPath: target].clientSecrets = secrets.map(Secret.init)
        for (number, path) in company.clientSecretFiles.enumerated()
        where secrets[number] != company.clientSecrets[number].bytes {
            renewal.changes.append("\(place)[\(number)]: \(path)")
        }
    }
}

extension CompanySettings {
    /// Whether a key in use is made of this secret, for any algorithm.
    fileprivate func hasKey(of secret: [UInt8]) -> Bool {
        [Algorithm.hs256, .hs384, .hs512].contains { algorithm in
            guard let key = try? Key.secret(secret, algorithm: algorithm, id: nil) else { return false }
            return keys.contains { $0.thumbprint == key.thumbprint }
        }
    }

    /// Whether these are not the keys in use.
    fileprivate func differs(from found: [(origin: KeyOrigin, place: String, keys: [Key])]) -> Bool {
        found.flatMap(\.keys).map(KeyMark.init) != keys.map(KeyMark.init)
    }
}

/// What tells keys apart: their content, and the name that tokens choose them by.
private struct KeyMark: Hashable {
    private let thumbprint: KeyThumbprint
    private let id: ExactText?

    init(_ key: Key) {
        thumbprint = key.thumbprint
        id = key.id.map { ExactText($0) }
    }
}
