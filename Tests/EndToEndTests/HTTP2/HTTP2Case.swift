/// An action of a client on an HTTP/2 connection, and the required outcome.
struct HTTP2Case: Sendable, CustomStringConvertible {
    enum Outcome: Sendable {
        /// GOAWAY with one of these errors, and the end of the connection; nothing is answered.
        case connectionError(Set<HTTP2ErrorCode>)
        /// One of these errors for the stream or the connection; the stream is not answered.
        case streamError(Set<HTTP2ErrorCode>)
        /// A stream error or a 4xx answer, as for every malformed request; the upstream gets not a single byte.
        case refused
        /// The same; the upstream may get the beginning, but never a complete request.
        case refusedInBody
        /// The same; the upstream may get a request that ends after this many bytes, according to its length.
        case refusedBehind(body: Int)
        /// An answer from the upstream, which got a body of this size; the connection continues.
        case served(body: Int)
        /// Either refused or served, with a body of this size.
        case either(body: Int)
        /// Nothing; the connection continues.
        case ignored
        /// A stream or connection error with one of these codes, or nothing; never a second answer.
        case ignoredOrError(Set<HTTP2ErrorCode>)
        /// The end of the connection, with or without a GOAWAY, and without an answer.
        case closed
    }

    typealias Act = @Sendable (HTTP2Client) throws -> Void

    /// The RFC and its section.
    let section: String
    let name: String
    let outcome: Outcome
    /// SETTINGS to start with; `nil` leaves preface and SETTINGS to the case.
    var settings: [(HTTP2Setting, UInt32)]? = []
    /// The stream that is judged.
    var stream: UInt32 = 1
    let act: Act

    var description: String { "\(section): \(name)" }

    init(
        _ section: String,
        _ name: String,
        _ outcome: Outcome,
        settings: [(HTTP2Setting, UInt32)]? = [],
        stream: UInt32 = 1,
        _ act: @escaping Act
    ) {
        self.section = section
        self.name = name
        self.outcome = outcome
        self.settings = settings
        self.stream = stream
        self.act = act
    }

    /// Frames after the SETTINGS exchange.
    static func frames(
        _ section: String,
        _ name: String,
        _ outcome: Outcome,
        settings: [(HTTP2Setting, UInt32)]? = [],
        stream: UInt32 = 1,
        _ frames: HTTP2Frame...
    ) -> HTTP2Case {
        HTTP2Case(section, name, outcome, settings: settings, stream: stream) { client in
            for frame in frames { client.send(frame) }
        }
    }

    /// Frames while a response on stream 1 waits for window: the stream is half-closed (remote).
    static func halfClosed(_ section: String, _ name: String, _ outcome: Outcome, _ frames: HTTP2Frame...) -> HTTP2Case
    {
        HTTP2Case(section, name, outcome, settings: [(.initialWindowSize, 0)]) { client in
            client.send(.headers(1, HPACK.request()))
            client.wait { client.streams[1]?.hasHead ?? false }
            for frame in frames { client.send(frame) }
        }
    }

    /// Frames once stream 1 has had its request and its response.
    static func closed(_ section: String, _ name: String, _ outcome: Outcome, _ frames: HTTP2Frame...) -> HTTP2Case {
        HTTP2Case(section, name, outcome) { client in
            client.send(.headers(1, HPACK.request()))
            client.wait { client.streams[1]?.isEnded ?? false }
            for frame in frames { client.send(frame) }
        }
    }

    /// Frames once the client has given up stream 1.
    static func reset(_ section: String, _ name: String, _ outcome: Outcome, _ frames: HTTP2Frame...) -> HTTP2Case {
        HTTP2Case(section, name, outcome) { client in
            client.send(.headers(1, HPACK.request(method: "POST"), end: false), .reset(1))
            for frame in frames { client.send(frame) }
        }
    }

    /// A GET with these bytes in place of a valid block.
    static func block(
        _ section: String,
        _ name: String,
        _ outcome: Outcome,
        settings: [(HTTP2Setting, UInt32)]? = [],
        _ block: [UInt8]
    ) -> HTTP2Case {
        frames(section, name, outcome, settings: settings, .headers(1, block))
    }

    /// A request with these fields and no others.
    static func fields(_ section: String, _ name: String, _ outcome: Outcome, _ fields: [Field]) -> HTTP2Case {
        block(section, name, outcome, HPACK.block(fields))
    }

    /// A request with these fields and no others, which is refused.
    static func fields(_ section: String, _ name: String, _ refused: [Field]) -> HTTP2Case {
        fields(section, name, .refused, refused)
    }

    /// A GET with one more field.
    static func field(_ section: String, _ name: String, _ outcome: Outcome, _ field: String, _ value: String)
        -> HTTP2Case
    {
        fields(section, name, outcome, HPACK.pseudo() + [Field(field, value)])
    }

    /// A GET with one more field, because of which it is refused.
    static func field(_ section: String, _ name: String, _ refused: String, _ value: String) -> HTTP2Case {
        field(section, name, .refused, refused, value)
    }

    /// A POST with these fields and this body in one frame.
    static func post(
        _ section: String,
        _ name: String,
        _ outcome: Outcome,
        _ fields: [Field],
        _ body: String
    ) -> HTTP2Case {
        frames(
            section,
            name,
            outcome,
            .headers(1, HPACK.request(method: "POST", fields), end: false),
            .data(1, body, end: true)
        )
    }

    static let all = connections + streams + bodies + controls + messages + pseudoFields + injections + compression
}
