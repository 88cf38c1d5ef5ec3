import Admission
import GatewayConfiguration
import JOSE

/// What follows from the settings, made once for each configuration and swapped whole by a reload.
final class Snapshot: Sendable {
    let publicURL: String
    /// `aud` of API tokens.
    let audience: String
    /// Signs API tokens.
    let tokenKey: Key
    let viewerTokens: ViewerTokens
    /// The query member that embed and join URLs carry their token in.
    let tokenMember: String
    /// How far clocks may be apart, in seconds.
    let leeway: Int64
    let failedLoginsPerMinute: Int
    let trustedProxies: [AddressRange]
    let table: CallTable
    /// The OpenAPI document.
    let document: [UInt8]
    private let tenants: [ExactText: Tenant]
    private let origins: OriginList

    init(_ settings: Settings, tokenKey: Key) throws(KeyError) {
        self.tokenKey = tokenKey
        publicURL = settings.publicURL.text
        audience = settings.publicURL.text + "/api"
        viewerTokens = ViewerTokens(settings)
        tokenMember = settings.tokens.query.first ?? "token"
        leeway = settings.tokens.leeway.components.seconds
        failedLoginsPerMinute = settings.limits.failuresPerMinute
        trustedProxies = settings.limits.trustedProxies
        let calls = CallTable.calls(allowsPlainWebhooks: !settings.control.webhookPrivateAddresses.isEmpty)
        table = CallTable(calls)
        document = OpenAPIDocument(calls: calls, server: settings.publicURL.text).json.serialized()
        var tenants: [ExactText: Tenant] = [:]
        for company in settings.companies { tenants[ExactText(company.id)] = try Tenant(company, tokenKey: tokenKey) }
        self.tenants = tenants
        origins = OriginList(settings.companies.flatMap(\.embedOrigins))
    }

    /// The company of exactly this id.
    func tenant(_ id: String) -> Tenant? { tenants[ExactText(id)] }

    /// Which pages may read an answer: those of the company that it is for; of all companies where that is not known.
    func origins(for tenant: Tenant?) -> OriginList { tenant?.origins ?? origins }
}

/// A company as the API knows it.
final class Tenant: Sendable {
    let id: String
    let name: String
    let company: Company
    let origins: OriginList
    /// Any of them is good; none: nobody can sign in.
    let secrets: [ClientSecret]

    init(_ settings: CompanySettings, tokenKey: Key) throws(KeyError) {
        id = settings.id
        name = settings.name
        company = Company(settings)
        origins = OriginList(settings.embedOrigins)
        var secrets: [ClientSecret] = []
        for secret in settings.clientSecrets {
            secrets.append(try ClientSecret(secret, of: settings.id, tokenKey: tokenKey))
        }
        self.secrets = secrets
    }
}

/// A client secret as the API knows it.
struct ClientSecret: Sendable {
    /// SHA-256 of the secret.
    let hash: [UInt8]
    /// What the API tokens that it obtained name it by: 22 characters. A code under the gateway's own key, so that whoever
    /// has a token cannot try out secrets.
    let name: String

    init(_ secret: Secret, of company: String, tokenKey: Key) throws(KeyError) {
        hash = SHA256.hash(secret.bytes.span)
        // No token's signed part begins like this.
        let code = try tokenKey.sign((Array("client secret \(company) ".utf8) + hash).span)
        name = String(decoding: Base64URL.encode(code.span.extracting(0..<16)), as: UTF8.self)
    }
}
