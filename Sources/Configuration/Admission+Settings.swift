package import Admission
package import JOSE

extension Company {
    /// - Parameter fetched: the keys of each `jwks_url` that was fetched. They only verify.
    package init(_ settings: CompanySettings, fetched: [KeySetURL: [Key]] = [:]) {
        let isSuspended = settings.isSuspended
        self.init(
            id: settings.id,
            keys: isSuspended ? [] : settings.keys + settings.keySetURLs.flatMap { fetched[$0] ?? [] },
            firstSigns: settings.firstSigns,
            earlierKeys: isSuspended ? [] : settings.earlierKeys,
            issuers: settings.issuers,
            audiences: settings.audiences,
            awaitsKeys: settings.keySetURLs.contains { fetched[$0] == nil },
            mustBeNamed: settings.isInDirectory
        )
    }
}

extension TokenAuthority {
    /// The authority that a configuration describes.
    ///
    /// - Parameter fetched: the keys of each `jwks_url` that was fetched.
    package init(_ settings: Settings, fetched: [KeySetURL: [Key]] = [:], generation: UInt64) {
        self.init(
            companies: settings.companies.map { Company($0, fetched: fetched) },
            publicURL: settings.publicURL.text,
            claimNames: settings.tokens.claims,
            passedClaims: settings.identity.claims.map(\.claim),
            appliesTo: settings.sessions.policy.appliesTo,
            maxSize: settings.tokens.maxSize,
            generation: generation
        )
    }
}

extension EventOwners {
    /// The owners according to a configuration.
    package init(_ settings: Settings) {
        self.init(
            settings.companies.compactMap { company in
                let patterns = settings.eventIDs(of: company).compactMap(Pattern.init)
                return patterns.isEmpty ? nil : (company.id, patterns)
            },
            hasDirectory: settings.control.enabled
        )
    }
}

extension Settings {
    /// Patterns of the event ids that belong to a company if the directory does not know them. By default the single
    /// company of the file owns all of them; of several companies, none does, and none of the directory's.
    package func eventIDs(of company: CompanySettings) -> [String] {
        company.eventIDs ?? (company.isInDirectory || companiesOfFile.count != 1 ? [] : ["*"])
    }
}

extension ViewerTokens {
    /// Issues tokens with the lifetimes of a configuration.
    package init(_ settings: Settings) {
        self.init(
            publicURL: settings.publicURL.text,
            embedLifetime: settings.tokens.embedLifetime.components.seconds,
            registrationLifetime: settings.tokens.registrationLifetime.components.seconds
        )
    }
}

extension Admission.Rules {
    /// The rules that a configuration describes.
    package init(_ settings: Settings) {
        self.init()
        sessions = settings.sessions.policy
        leeway = settings.tokens.leeway.components.seconds
        requireExpiry = settings.tokens.requireExpiry
        events = EventOwners(settings)
    }
}
