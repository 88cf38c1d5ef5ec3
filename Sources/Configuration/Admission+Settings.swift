package import Admission

extension Company {
    package init(_ settings: CompanySettings) {
        self.init(
            id: settings.id,
            keys: settings.keys,
            earlierKeys: settings.earlierKeys,
            issuer: settings.issuer,
            audience: settings.audience
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
            appliesTo: settings.sessions.policy.appliesTo,
            maxSize: settings.tokens.maxSize,
            generation: generation
        )
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
    }
}
