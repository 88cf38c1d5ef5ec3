import HTTPTypes
import JOSE

/// What a call answers.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var fields = HTTPFields()
    var body: [UInt8] = []
    /// What follows the body.
    var further: Further?
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

    /// Bytes of memory that it takes until it is written.
    var weight: Int { body.count + (further?.weight ?? 0) }

    static let nothing = Answer(status: .noContent)
}

/// The rest of an answer that may be long: made piece by piece, each once the one before it was taken, so that no more than
/// one of them is in memory however slowly a client reads.
struct Further: Sendable {
    /// How many pieces there are.
    let count: Int
    /// Bytes of what the pieces are made of, which is kept until the last is written.
    let weight: Int
    /// Makes the piece of a number. Where it fails, the answer ends before its end.
    let piece: @Sendable (Int) async throws -> [UInt8]
}
