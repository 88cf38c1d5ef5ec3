import Admission
import Basics
import GatewayConfiguration
import JOSE

/// Values derived from the settings, made once for each configuration. A reload replaces them as a whole.
final class Snapshot: Sendable {
    let publicURL: String
    /// The `aud` of API tokens.
    let audience: String
    /// Signs API tokens.
    let tokenKey: Key
    let viewerTokens: ViewerTokens
    /// The query member that holds the token in embed and join URLs.
    let tokenMember: String
    /// How far apart clocks may be, in seconds.
    let leeway: Int64
    let failedLoginsPerMinute: Int
    let trustedProxies: [AddressRange]
    let served: ServedCalls
    private let tenants: [ExactText: Tenant]
    private let origins: OriginList

    /// - Parameter previous: what this one replaces. What has not changed is taken from it.
    init(_ settings: Settings, tokenKey: Key, previous: Snapshot? = nil) throws(KeyError) {
        self.tokenKey = tokenKey
        publicURL = settings.publicURL.text
        audience = settings.publicURL.text + "/api"
        viewerTokens = ViewerTokens(settings)
        tokenMember = settings.tokens.query.first ?? "token"
        leeway = settings.tokens.leeway.components.seconds
        failedLoginsPerMinute = settings.limits.failuresPerMinute
        trustedProxies = settings.limits.trustedProxies
        let terms = ServedCalls.Terms(
            publicURL: publicURL,
            webhookAddresses: settings.control.webhookPrivateAddresses,
            maxEmbedLifetime: viewerTokens.embedLifetime
        )
        served = previous.flatMap { $0.served.terms == terms ? $0.served : nil } ?? ServedCalls(terms)
        var tenants: [ExactText: Tenant] = [:]
        for company in settings.companies { tenants[ExactText(company.id)] = try Tenant(company, tokenKey: tokenKey) }
        self.tenants = tenants
        origins = OriginList(settings.companies.flatMap(\.embedOrigins))
    }

    /// The company with exactly this id.
    func tenant(_ id: String) -> Tenant? { tenants[ExactText(id)] }

    /// The pages that may read an answer: those of the company that it is for, or of all companies if that is unknown.
    func origins(for tenant: Tenant?) -> OriginList { tenant?.origins ?? origins }
}

/// The calls that are served, and their description, which takes too long to be made for each change of a company.
final class ServedCalls: Sendable {
    /// The settings that they depend on.
    struct Terms: Equatable {
        let publicURL: String
        /// Private ones that webhooks may go to.
        let webhookAddresses: [AddressRange]
        /// In seconds.
        let maxEmbedLifetime: Int64

        static func == (one: Terms, other: Terms) -> Bool {
            one.publicURL.hasSameBytes(as: other.publicURL) && one.webhookAddresses == other.webhookAddresses
                && one.maxEmbedLifetime == other.maxEmbedLifetime
        }
    }

    let terms: Terms
    let table: CallTable
    /// The OpenAPI document.
    let document: [UInt8]
    /// The same as a page.
    let page: [UInt8]

    init(_ terms: Terms) {
        self.terms = terms
        let calls = CallTable.calls(
            webhookAddresses: DeliveryAddresses(allowedPrivate: terms.webhookAddresses),
            maxEmbedLifetime: terms.maxEmbedLifetime
        )
        table = CallTable(calls)
        let description = OpenAPIDocument(calls: calls, server: terms.publicURL).json
        document = description.serialized()
        page = DocumentPage(description).html
    }
}

/// A company from the API's point of view.
final class Tenant: Sendable {
    let id: String
    let name: String
    /// The URL of its logo.
    let logo: String?
    let company: Company
    let origins: OriginList
    /// Any of them is accepted. If empty, nobody can sign in.
    let secrets: [ClientSecret]
    /// Whether all calls are refused for the time being.
    let isSuspended: Bool

    init(_ settings: CompanySettings, tokenKey: Key) throws(KeyError) {
        id = settings.id
        name = settings.name
        logo = settings.page.logo?.url
        company = Company(settings)
        origins = OriginList(settings.embedOrigins)
        isSuspended = settings.isSuspended
        var secrets: [ClientSecret] = []
        for secret in settings.clientSecrets {
            secrets.append(try ClientSecret(secret, of: settings.id, tokenKey: tokenKey))
        }
        self.secrets = secrets
    }
}

/// A client secret from the API's point of view.
struct ClientSecret: Sendable {
    /// SHA-256 of the secret.
    let hash: [UInt8]
    /// The name for the secret in the API tokens that it obtained: 22 characters. It is a MAC under the gateway's own
    /// key, so a holder of a token cannot use it to try out secrets.
    let name: String

    init(_ secret: Secret, of company: String, tokenKey: Key) throws(KeyError) {
        hash = SHA256.hash(secret.bytes.span)
        // No token's signed part begins like this.
        let code = try tokenKey.sign((Array("client secret \(company) ".utf8) + hash).span)
        name = String(decoding: Base64URL.encode(code.span.extracting(0..<16)), as: UTF8.self)
    }
}
