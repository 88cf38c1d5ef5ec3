/// Why a head, or the framing of a body, was refused. Two faults are equal if clients get the same status for them.
package struct HeadFault: Error, Sendable, Equatable {
    private enum Kind: UInt8 {
        case malformed
        case tooLarge
        case version
        /// A method that is not served.
        case method
        /// TRACE.
        case mirror
    }

    /// The part of a message that is wrong, for the log.
    enum Rule: String {
        case requestLine = "request_line"
        case statusLine = "status_line"
        case fieldLine = "field_line"
        case target
        case path
        case host
        case connection
        /// Both lengths, several of one, or an unknown coding.
        case framing
        case expect
        /// A WebSocket handshake.
        case handshake
        case pseudoField = "pseudo_field"
        case chunk
        case trailers
        /// Too many interim responses.
        case interim
    }

    private let kind: Kind
    private var rule: Rule?

    package static let malformed = HeadFault(kind: .malformed)
    package static let tooLarge = HeadFault(kind: .tooLarge)
    package static let version = HeadFault(kind: .version)
    package static let method = HeadFault(kind: .method)
    package static let mirror = HeadFault(kind: .mirror)

    /// A malformed message that breaks `rule`.
    static func breaks(_ rule: Rule) -> HeadFault { HeadFault(kind: .malformed, rule: rule) }

    package static func == (a: HeadFault, b: HeadFault) -> Bool { a.kind == b.kind }

    /// The status for the client.
    var status: Int {
        switch kind {
        case .malformed: 400
        case .tooLarge: 431
        case .version: 505
        case .method: 501
        case .mirror: 405
        }
    }

    /// A stable name for the log.
    var code: String {
        switch kind {
        case .malformed: rule?.rawValue ?? "malformed"
        case .tooLarge: "too_large"
        case .version: "version"
        case .method, .mirror: "method"
        }
    }
}
