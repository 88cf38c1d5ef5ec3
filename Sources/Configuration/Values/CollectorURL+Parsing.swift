extension CollectorURL {
    package init(parsing text: String) throws(ValueFault) {
        let address = try WebAddress(parsing: text)
        guard !address.rest.utf8.contains(where: { "?#\\".utf8.contains($0) }) else {
            throw ValueFault("it must not have a query or fragment; a key for the collector belongs in headers_file")
        }
        guard address.rest.utf8.count > 1 else {
            throw ValueFault("\(quoted(text)) has no path: collectors usually take traces at /v1/traces")
        }
        self.init(
            text: text,
            isSecure: address.isSecure,
            host: address.host,
            port: address.port,
            path: address.rest,
            authority: String(address.origin.dropFirst(address.isSecure ? 8 : 7))
        )
    }
}
