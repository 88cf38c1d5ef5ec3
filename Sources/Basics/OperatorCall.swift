/// A call of the operator API, from the data plane, which has authorised it, to the control plane, which answers it.
package struct OperatorCall: Sendable {
    package let method: String
    /// As received, without the query.
    package let path: String
    /// As received; `nil` if there is none.
    package let query: [UInt8]?
    package var body: [UInt8]
    package let requestID: String

    package init(method: String, path: String, query: [UInt8]? = nil, body: [UInt8] = [], requestID: String = "") {
        (self.method, self.path, self.query, self.body) = (method, path, query, body)
        self.requestID = requestID
    }
}

/// The answer to a call of the operator API.
package struct OperatorAnswer: Sendable {
    package let status: Int
    /// `nil` if there is no body.
    package let body: JSONValue?
    /// The methods that there are, if the one of the call is not among them.
    package var allowed: String?

    package init(_ status: Int, _ members: [JSONMember]? = nil) {
        self.status = status
        body = members.map { .object($0) }
    }
}
