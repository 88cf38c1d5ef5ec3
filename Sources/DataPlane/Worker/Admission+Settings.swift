package import Admission
package import GatewayConfiguration

extension TokenAuthority {
    /// The authority that a configuration describes.
    package init(_ settings: Settings, generation: UInt64) {
        self.init(
            companies: settings.companies.map { company in
                Company(id: company.id, keys: company.keys, issuer: company.issuer, audience: company.audience)
            },
            publicURL: settings.publicURL.text,
            claimNames: settings.tokens.claims,
            appliesTo: settings.sessions.policy.appliesTo,
            maxSize: settings.tokens.maxSize,
            generation: generation
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
