package import Admission

extension Company {
    package init(_ settings: CompanySettings) {
        self.init(
            id: settings.id,
            keys: settings.keys,
            earlierKeys: settings.earlierKeys,
            issuers: settings.issuers,
            audiences: settings.audiences
        )
    }
}

extension TokenAuthority {
    /// The authority that a configuration describes.
    package init(_ settings: Settings, generation: UInt64) {
        self.init(
            companies: settings.companies.map(Company.init),
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
    /// The owners that a configuration names.
    package init(_ settings: Settings) {
        self.init(
            settings.companies.map { ($0.id, settings.eventIDs(of: $0).compactMap(Pattern.init)) },
            hasDirectory: settings.control.enabled
        )
    }
}

extension Settings {
    /// Patterns of the event ids that are a company's where the directory does not know them: of all where there is no
    /// other company, of none by default where there are several.
    package func eventIDs(of company: CompanySettings) -> [String] {
        company.eventIDs ?? (companies.count == 1 ? ["*"] : [])
    }
}

extension ViewerTokens {
    /// Tokens that live as long as a configuration says.
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
