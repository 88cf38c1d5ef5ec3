import HTTPTypes
import JOSE

/// What a call answers.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var fields = HTTPFields()
    var body: [UInt8] = []
    /// Held until the body is written, or nobody is there to read it.
    var place: CallQuota.Place?

    init(status: HTTPResponse.Status) { self.status = status }

    init(_ value: JSONValue, status: HTTPResponse.Status = .ok) {
        self.init(value.serialized(), type: "application/json", status: status)
    }

    init(_ body: [UInt8], type: String, status: HTTPResponse.Status = .ok) {
        self.status = status
        self.body = body
        fields[.contentType] = type
    }

    static let nothing = Answer(status: .noContent)
}
