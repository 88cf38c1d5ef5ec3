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
