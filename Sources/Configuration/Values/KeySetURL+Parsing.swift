extension KeySetURL {
    /// Reads an https URL, or an http URL of a host where nobody else can listen.
    package init(parsing text: String) throws(ValueFault) {
        let address = try WebAddress(parsing: text)
        guard address.isSecure || HostName.isLoopback(address.host) else {
            throw ValueFault("\(quoted(text)) must be https: whoever can change the answer can sign tokens")
        }
        guard !address.rest.contains("#"), !address.rest.contains("\\") else {
            throw ValueFault("\(quoted(text)): # and \\ do not belong here")
        }
        self.init(
            text: text,
            isSecure: address.isSecure,
            host: address.host,
            port: address.port,
            target: address.rest.hasPrefix("/") ? address.rest : "/" + address.rest,
            authority: String(address.origin.dropFirst(address.isSecure ? 8 : 7))
        )
    }
}

extension KeySetURL {
    /// Reads the issuer of an OpenID provider, an https URL or an http URL of a host where nobody else can listen. Its
    /// discovery document is at a place that follows from it
    /// ([OpenID Connect Discovery 1.0 section 4.1](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest)).
    package init(discoveryOf issuer: String) throws(ValueFault) {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        guard !issuer.utf8.contains(where: { "?#".utf8.contains($0) }) else {
            throw ValueFault("the issuer \(quoted(issuer)) has a query or fragment, so it has no discovery document")
        }
        try self.init(parsing: base + "/.well-known/openid-configuration")
        self.issuer = issuer
    }
}
