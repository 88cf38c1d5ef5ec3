/// A request to the operator console, from the data plane, which has read it, to the console, which answers it.
package struct ConsoleCall: Sendable {
    package enum Method: Sendable {
        case get, head, post, other
    }

    package var method: Method
    /// As received, without the query.
    package var path: String
    /// As received; empty if there is none.
    package var query: [UInt8]
    package var body: [UInt8] = []
    /// The host and port that the client believes it talks to. `nil` if it named none.
    package var authority: [UInt8]?
    /// The value of `Cookie`. `nil` if there is none, or more than one.
    package var cookie: [UInt8]?
    /// The value of `Origin`. `nil` if there is none.
    package var origin: [UInt8]?
    /// The value of `Sec-Fetch-Site`. `nil` if there is none.
    package var fetchSite: [UInt8]?
    /// Whether a proxy says that the browser came over TLS.
    package var isSecure = false
    /// The client's address.
    package var address: String
    /// A hash of it that counts for limits; 0 if the client has none.
    package var addressHash: UInt64

    package init(method: Method, path: String, query: [UInt8] = [], address: String = "", addressHash: UInt64 = 0) {
        (self.method, self.path, self.query) = (method, path, query)
        (self.address, self.addressHash) = (address, addressHash)
    }
}

/// The console's answer.
package struct ConsoleAnswer: Sendable {
    package var status: Int
    /// Names and values of fields besides those of every answer.
    package var fields: [(name: String, value: String)]
    /// The media type of the body; `nil` if there is none.
    package var type: String?
    package var body: [UInt8]
    /// The value of `Cache-Control`.
    package var caching = "no-store"
    /// Waits for the next piece of a body that goes on, and returns `nil` at its end. `nil` if ``body`` is all.
    package var pieces: (@Sendable () async -> [UInt8]?)?

    package init(
        _ status: Int,
        fields: [(name: String, value: String)] = [],
        type: String? = nil,
        body: [UInt8] = []
    ) {
        (self.status, self.fields, self.type, self.body) = (status, fields, type, body)
    }
}
