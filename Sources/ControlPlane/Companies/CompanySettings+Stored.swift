package import Basics
package import Directory
package import GatewayConfiguration
import JOSE

extension CompanySettings {
    /// The settings of a company of the directory.
    ///
    /// The key that was added last, of those that sign, signs; the earlier ones are still good for what they have
    /// signed.
    ///
    /// - Parameter now: secrets whose time is up are left out.
    /// - Throws: if one of its secrets cannot be used.
    package init(_ stored: StoredCompany, at now: Milliseconds) throws {
        guard stored.damagedSecrets.isEmpty else { throw DamagedSecret() }
        self.init(id: stored.id, name: stored.name, keys: [], keyOrigins: [])
        isInDirectory = true
        isSuspended = stored.suspendedAt != nil
        embedOrigins = stored.embedOrigins
        issuers = stored.issuers
        audiences = stored.audiences
        page = CompanyPage(stored.page)
        var (signing, verifying): ([Key], [Key]) = ([], [])
        for secret in stored.secrets where secret.isGood(at: now) {
            switch secret.form {
            case .clientSecret: clientSecrets.append(Secret(secret.content))
            case .keySetURL:
                let url = try KeySetURL(parsing: String(decoding: secret.content, as: UTF8.self))
                keyOrigins.append(KeyOrigin(source: .jwksURL(url)))
            case .secret, .privateKey, .publicKey:
                let key = try secret.key()
                if secret.signs { signing.insert(key, at: 0) } else { verifying.append(key) }
            }
        }
        keys = signing + verifying
        firstSigns = !signing.isEmpty
        earlierKeys = Array(signing.dropFirst())
    }
}

/// A secret in the database was changed by something else.
struct DamagedSecret: Error {}

extension CompanySecret {
    /// The key, which is not a key set.
    func key() throws(KeyError) -> Key {
        guard let algorithm else { throw .cannotSign }
        return form == .secret
            ? try Key.secret(content, algorithm: algorithm, id: id) : try Key.pem(content, algorithm: algorithm, id: id)
    }
}
