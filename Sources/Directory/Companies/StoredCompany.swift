package import Basics
package import JOSE

/// A company that the operator has made while the gateway runs.
package struct StoredCompany: Sendable {
    package let id: String
    package var name: String
    package var embedOrigins: [String] = []
    package var issuers: [String] = []
    package var audiences: [String] = []
    /// What the gateway's pages show of it: members of `page` in the operator API.
    package var page: [JSONMember] = []
    package let createdAt: Milliseconds
    package internal(set) var changedAt: Milliseconds
    /// Since when nothing of it is accepted; `nil` if it is.
    package var suspendedAt: Milliseconds?
    /// In the order in which they were added.
    package var secrets: [CompanySecret] = []
    /// The ids of secrets that something else has changed in the database.
    package internal(set) var damagedSecrets: [String] = []

    package init(id: String, name: String, createdAt: Milliseconds) {
        (self.id, self.name, self.createdAt, changedAt) = (id, name, createdAt, createdAt)
    }

    /// The most companies, removed ones included: all of them are in memory.
    package static let maxCount = 20_000
}

/// A client secret of a company, or a key. All of them are sealed in the database, secret or not.
package struct CompanySecret: Sendable {
    package enum Form: String, Sendable, CaseIterable {
        case clientSecret = "client_secret"
        /// A secret for HMAC.
        case secret
        /// PEM.
        case privateKey = "private_key"
        /// PEM.
        case publicKey = "public_key"
        /// Where keys are published.
        case keySetURL = "jwks_url"
    }

    /// Distinguishes it from the company's others. Of a key, its `kid`.
    package let id: String
    package let form: Form
    /// `nil` for client secrets and key sets.
    package let algorithm: Algorithm?
    /// Whether it signs the gateway's own tokens, or did.
    package let signs: Bool
    package let content: [UInt8]
    package let createdAt: Milliseconds
    /// When it stops being good; `nil` if only its revocation ends it.
    package var until: Milliseconds?

    package init(
        id: String,
        form: Form,
        algorithm: Algorithm? = nil,
        signs: Bool = false,
        content: [UInt8],
        createdAt: Milliseconds,
        until: Milliseconds? = nil
    ) {
        (self.id, self.form, self.algorithm, self.signs) = (id, form, algorithm, signs)
        (self.content, self.createdAt, self.until) = (content, createdAt, until)
    }

    package var isKey: Bool { form != .clientSecret }

    package func isGood(at now: Milliseconds) -> Bool { until.map { now < $0 } ?? true }
}

/// Why a company cannot be made.
package enum CompanyFault: Error, Sendable {
    case exists
    /// It was removed, and its data is still kept.
    case wasRemoved
    case tooMany
}
