import Basics
package import JOSE

/// A company of the directory that cannot be served, and why.
package struct CompanyClash: Error, Sendable, Equatable, CustomStringConvertible {
    package let company: String
    /// The member of the operator API that is at fault.
    package let member: String
    package let reason: String

    package var description: String { "company \(quoted(company)): \(member): \(reason)" }
}

extension Settings {
    /// The companies that the configuration's file names.
    package var companiesOfFile: [CompanySettings] {
        guard companies.contains(where: \.isInDirectory) else { return companies }
        return companies.filter { !$0.isInDirectory }
    }

    /// These settings with the companies of the directory instead of those that they had from there.
    ///
    /// The file wins: a company of the directory with the id of one in the file is left out. So is one that claims what
    /// is another's, an issuer or a secret; then nothing of it is accepted.
    ///
    /// - Parameter stored: in an order that stays the same.
    /// - Returns: the settings, and what was left out because it clashes.
    package func merging(_ stored: [CompanySettings]) -> (settings: Settings, clashes: [CompanyClash]) {
        var merged = self
        merged.companies = companiesOfFile
        merged.companies.reserveCapacity(merged.companies.count + stored.count)
        var claims = CompanyClaims(merged.companies, publicURL: publicURL.text)
        var clashes: [CompanyClash] = []
        for company in stored where !claims.hasCompany(company.id) {
            do throws(CompanyClash) {
                try claims.add(company)
                merged.companies.append(company)
            } catch {
                clashes.append(error)
            }
        }
        return (merged, clashes)
    }
}

/// What companies must not share: ids, issuers, and the secrets that sign.
package struct CompanyClaims: Sendable {
    private let publicURL: String
    private var ids: Set<ExactText> = []
    private var issuers: Set<ExactText> = []
    /// Of keys that both sign and verify.
    private var secrets: Set<KeyThumbprint> = []

    /// - Parameter companies: without clashes.
    package init(_ companies: [CompanySettings], publicURL: String) {
        self.publicURL = publicURL
        for company in companies { insert(company) }
    }

    package func hasCompany(_ id: String) -> Bool { ids.contains(ExactText(id)) }

    /// Adds a company, unless it clashes with one that is there.
    package mutating func add(_ company: CompanySettings) throws(CompanyClash) {
        try check(company)
        insert(company)
    }

    /// - Parameter secrets: further forms of the company's secrets.
    package func check(_ company: CompanySettings, secrets further: [Key] = []) throws(CompanyClash) {
        func clash(_ member: String, _ reason: String) -> CompanyClash {
            CompanyClash(company: company.id, member: member, reason: reason)
        }
        if hasCompany(company.id) { throw clash("id", "another company has it") }
        for issuer in company.issuers {
            if issuer.hasSameBytes(as: publicURL) {
                throw clash("issuers", "\(quoted(issuer)) is public_url, which issues the gateway's own tokens")
            }
            if issuers.contains(ExactText(issuer)) {
                throw clash("issuers", "\(quoted(issuer)) is another company's issuer")
            }
        }
        for key in company.keys + further where key.algorithm.isSymmetric && secrets.contains(key.thumbprint) {
            throw clash("keys", "another company has the same secret, and could sign for this one")
        }
    }

    private mutating func insert(_ company: CompanySettings) {
        ids.insert(ExactText(company.id))
        issuers.formUnion(company.issuers.map { ExactText($0) })
        for key in company.keys where key.algorithm.isSymmetric { secrets.insert(key.thumbprint) }
    }
}
