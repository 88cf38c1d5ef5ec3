import Admission
import GatewayConfiguration
import JOSE

/// What follows from the settings, made once for each configuration and swapped whole by a reload.
final class Snapshot: Sendable {
    let publicURL: String
    /// `aud` of API tokens.
    let audience: String
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
    private let tenants: [String: Tenant]
    private let origins: OriginList

    init(_ settings: Settings) {
        publicURL = settings.publicURL.text
        audience = settings.publicURL.text + "/api"
        viewerTokens = ViewerTokens(settings)
        tokenMember = settings.tokens.query.first ?? "token"
        leeway = settings.tokens.leeway.components.seconds
        failedLoginsPerMinute = settings.limits.badTokensPerMinute
        trustedProxies = settings.limits.trustedProxies
        let calls = CallTable.calls(allowsPlainWebhooks: !settings.control.webhookPrivateAddresses.isEmpty)
        table = CallTable(calls)
        document = OpenAPIDocument(calls: calls, server: settings.publicURL.text).json.serialized()
        tenants = Dictionary(settings.companies.map { ($0.id, Tenant($0)) }, uniquingKeysWith: { first, _ in first })
        origins = OriginList(settings.companies.flatMap(\.embedOrigins))
    }

    /// The company of exactly this id.
    func tenant(_ id: String) -> Tenant? {
        guard let tenant = tenants[id], tenant.id.hasSameBytes(as: id) else { return nil }
        return tenant
    }

    /// Which pages may read an answer: those of the company that it is for; of all companies where that is not known.
    func origins(for tenant: Tenant?) -> OriginList { tenant?.origins ?? origins }
}

/// A company as the API knows it.
final class Tenant: Sendable {
    let id: String
    let name: String
    let company: Company
    let origins: OriginList
    /// SHA-256 of the client secret; nil: nobody can sign in.
    let secretHash: [UInt8]?

    init(_ settings: CompanySettings) {
        id = settings.id
        name = settings.name
        company = Company(settings)
        origins = OriginList(settings.embedOrigins)
        secretHash = settings.clientSecret.map { SHA256.hash($0.bytes.span) }
    }
}
