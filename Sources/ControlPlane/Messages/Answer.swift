import Basics
import HTTPTypes

/// The answer to a call.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var fields = HTTPFields()
    var body: [UInt8] = []
    /// The part after `body`, if the answer is long.
    var further: Further?
    /// Held until the body is written or the client is gone.
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

    /// The memory that the answer takes until it is written, in bytes.
    var weight: Int { body.count + (further?.weight ?? 0) }

    static let nothing = Answer(status: .noContent)
}

/// The rest of a long answer. Each piece is made once the previous one was taken, so that no more than one is in memory
/// however slowly the client reads.
struct Further: Sendable {
    /// The memory of the data that the pieces are made from, in bytes. It is kept until the last piece is written.
    let weight: Int
    /// Makes the piece with this number, one after the other; `nil` if there are no more. If it throws, the answer is cut
    /// short.
    let piece: @Sendable (Int) async throws -> [UInt8]?
}
