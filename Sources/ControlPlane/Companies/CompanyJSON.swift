import Basics
import Directory
import GatewayConfiguration
import JOSE

/// Companies as the operator sees them. Never a secret.
enum CompanyJSON {
    static func members(_ company: StoredCompany, isInFile: Bool, at now: Milliseconds) -> [JSONMember] {
        let state = isInFile ? "shadowed" : company.suspendedAt == nil ? "active" : "suspended"
        return [
            JSONMember("id", .string(company.id)), JSONMember("name", .string(company.name)),
            JSONMember("source", .string("directory")), JSONMember("state", .string(state)),
            list("embedOrigins", company.embedOrigins), list("issuers", company.issuers),
            list("audiences", company.audiences), JSONMember("page", .object(CompanyPage(company.page).members)),
            moment("createdAt", company.createdAt),
            moment("changedAt", company.changedAt), moment("suspendedAt", company.suspendedAt),
            JSONMember("clientSecrets", .array(company.secrets.filter { !$0.isKey }.map { .object(secret($0)) })),
            JSONMember("keys", .array(company.secrets.filter(\.isKey).map { .object(key($0, of: company, at: now)) })),
        ]
    }

    /// A company of the configuration's file.
    static func members(_ company: CompanySettings) -> [JSONMember] {
        [
            JSONMember("id", .string(company.id)), JSONMember("name", .string(company.name)),
            JSONMember("source", .string("file")), JSONMember("state", .string("active")),
            list("embedOrigins", company.embedOrigins), list("issuers", company.issuers),
            list("audiences", company.audiences), JSONMember("page", .object(company.page.members)),
        ]
    }

    static func secret(_ secret: CompanySecret) -> [JSONMember] {
        [
            JSONMember("id", .string(secret.id)), moment("createdAt", secret.createdAt), moment("until", secret.until),
        ]
    }

    static func key(_ key: CompanySecret, of company: StoredCompany, at now: Milliseconds) -> [JSONMember] {
        let signer = company.secrets.last { $0.signs && $0.isGood(at: now) }
        let use = !key.signs ? "verifies" : signer?.id.hasSameBytes(as: key.id) ?? false ? "signs" : "signed_before"
        var members = [
            JSONMember("id", .string(key.id)), JSONMember("form", .string(key.form.rawValue)),
            JSONMember("algorithm", key.algorithm.map { .string($0.rawValue) } ?? .null),
            JSONMember("use", .string(use)), moment("createdAt", key.createdAt), moment("until", key.until),
        ]
        switch key.form {
        case .keySetURL: members.append(JSONMember("jwksUrl", .string(String(decoding: key.content, as: UTF8.self))))
        case .privateKey, .publicKey:
            if let jwk = try? key.key().publicJWK { members.append(JSONMember("publicKey", jwk)) }
        case .secret, .clientSecret: break
        }
        return members
    }

    static func moment(_ name: String, _ moment: Milliseconds?) -> JSONMember {
        JSONMember(name, moment.map { .string(Timestamp.text($0)) } ?? .null)
    }

    private static func list(_ name: String, _ texts: [String]) -> JSONMember {
        JSONMember(name, .array(texts.map(JSONValue.string)))
    }
}
