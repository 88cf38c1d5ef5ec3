import Foundation

/// A client's HTTP/2 connection that sends exactly the frames it is told to, and reads strictly.
///
/// It answers SETTINGS and PING and returns window by itself, as far as a test permits. Violations of the rules by the
/// gateway are collected in ``faults``.
final class HTTP2Client {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// The state of a stream.
    struct Stream {
        var response = Response()
        var hasHead = false
        /// Whether the response is complete.
        var isEnded = false
        var reset: HTTP2ErrorCode?
        /// Bytes of DATA that the gateway may still send.
        var credit = 0
        /// Bytes of DATA that we may still send.
        var window = 0
        /// Sizes of the DATA frames.
        var pieces: [Int] = []

        var isOver: Bool { isEnded || reset != nil }
    }

    let transport: any HTTP2Transport
    var refillsWindows = true
    var acknowledges = true
    var streams: [UInt32: Stream] = [:]
    /// The gateway's announced settings.
    var settings: [HTTP2Setting: UInt32] = [:]
    var hasSettings = false
    /// How many of our SETTINGS the gateway has acknowledged.
    var acknowledgements = 0
    /// Payloads of the PING answers.
    var pongs: [[UInt8]] = []
    /// The error of every GOAWAY, and the last stream that it names.
    var goAways: [(code: HTTP2ErrorCode, last: UInt32)] = []
    var hasSentGoAway = false
    /// Whether the gateway has ended its sending side.
    var isEnded = false
    /// The gateway's violations of the rules.
    var faults: [String] = []
    /// The latest frames received.
    var trace: [String] = []
    /// Bytes of DATA that the gateway may still send, and that we may.
    var credit = 65_535
    var window = 65_535
    /// The window of new streams: the one that we announced, and the gateway's.
    var initialCredit = 65_535
    var initialWindow = 65_535
    var decoder = HPACKDecoder()
    var openBlock: (stream: UInt32, flags: UInt8, bytes: [UInt8])?
    private var input: [UInt8] = []
    private var position = 0
    private var nextStream: UInt32 = 1

    init(_ transport: any HTTP2Transport) {
        self.transport = transport
    }

    convenience init(port: UInt16, host: UInt8 = 1, receiveBuffer: Int32? = nil) throws {
        self.init(try Socket.connect(port: port, host: host, receiveBuffer: receiveBuffer))
    }

    /// A connection on which both sides have exchanged SETTINGS.
    static func connected(port: UInt16, _ settings: [(HTTP2Setting, UInt32)] = []) throws -> HTTP2Client {
        let client = try HTTP2Client(port: port)
        try client.start(settings)
        return client
    }

    /// Sends the preface and waits until both sides know each other's SETTINGS.
    func start(_ settings: [(HTTP2Setting, UInt32)] = []) throws {
        announce(settings)
        send(Self.preface + HTTP2Frame.settings(settings).bytes)
        guard wait(until: { self.hasSettings && self.acknowledgements > 0 }) else {
            throw GatewayFailure(text: "no SETTINGS exchange: \(trace)")
        }
    }

    /// Records what our SETTINGS, sent or about to be sent, mean for incoming frames.
    func announce(_ settings: [(HTTP2Setting, UInt32)]) {
        for (setting, value) in settings {
            if setting == .initialWindowSize {
                let change = Int(value) - initialCredit
                initialCredit = Int(value)
                for id in streams.keys { streams[id]?.credit += change }
            }
            if setting == .headerTableSize { decoder.limit = Int(value) }
        }
    }

    /// The number of a new stream.
    func newStream() -> UInt32 {
        defer { nextStream += 2 }
        return nextStream
    }

    // MARK: Sending

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool { transport.send(bytes, within: 10) }

    @discardableResult
    func send(_ frames: HTTP2Frame...) -> Bool {
        for frame in frames where frame.kind == HTTP2Frame.Kind.headers { open(frame.stream) }
        for frame in frames where frame.kind == HTTP2Frame.Kind.settings && frame.flags == 0 && frame.stream == 0 {
            announce(frame.settings)
        }
        for frame in frames where frame.kind == HTTP2Frame.Kind.windowUpdate && frame.payload.count == 4 {
            let increment = Int(frame.word(at: 0) & 0x7fff_ffff)
            if frame.stream == 0 { credit += increment } else { streams[frame.stream]?.credit += increment }
        }
        if frames.contains(where: { $0.kind == HTTP2Frame.Kind.goAway }) { hasSentGoAway = true }
        return send(frames.flatMap(\.bytes))
    }

    func open(_ stream: UInt32) {
        let stream = stream & 0x7fff_ffff
        guard streams[stream] == nil else { return }
        streams[stream] = Stream(credit: initialCredit, window: initialWindow)
    }

    /// Sends the head of a request, and returns its stream.
    @discardableResult
    func request(_ path: String, method: String = "GET", _ fields: [Field] = [], end: Bool = true) -> UInt32 {
        let stream = newStream()
        send(.headers(stream, HPACK.request(path, method: method, fields), end: end))
        return stream
    }

    /// Sends a body as the windows permit. Returns false if the stream or the time is over.
    @discardableResult
    func sendBody(_ stream: UInt32, _ body: [UInt8], end: Bool = true, within seconds: Double = 10) -> Bool {
        var sent = 0
        repeat {
            let size = min(body.count - sent, 16_384)
            func allowed() -> Int { min(size, window, streams[stream]?.window ?? 0) }
            guard wait(within: seconds, until: { size == 0 || allowed() > 0 || self.streams[stream]!.isOver }),
                streams[stream]?.isOver == false
            else { return false }
            let count = allowed()
            let isLast = sent + count == body.count
            send(.data(stream, Array(body[sent..<(sent + count)]), end: end && isLast))
            window -= count
            streams[stream]?.window -= count
            sent += count
        } while sent < body.count
        return true
    }

    /// A complete exchange.
    func exchange(
        _ path: String,
        method: String = "GET",
        _ fields: [Field] = [],
        body: [UInt8]? = nil,
        within seconds: Double = 5
    ) throws -> Response {
        let stream = request(path, method: method, fields, end: body == nil)
        if let body { sendBody(stream, body) }
        return try response(stream, within: seconds)
    }

    // MARK: Waiting

    /// Reads frames until a condition holds. Returns false if the connection or the time is over before.
    @discardableResult
    func wait(within seconds: Double = 5, until isSo: () -> Bool) -> Bool {
        let end = monotonic() + seconds
        while !isSo() {
            let left = end - monotonic()
            guard !isEnded, left > 0, read(within: left) else { return isSo() }
        }
        return true
    }

    /// The complete response on a stream.
    func response(_ stream: UInt32, within seconds: Double = 5) throws -> Response {
        wait(within: seconds) { self.streams[stream]?.isOver ?? false || self.failure != nil }
        guard let state = streams[stream], state.isEnded else {
            throw GatewayFailure(text: "no response on stream \(stream): \(outcome(of: stream)), \(trace)")
        }
        return state.response
    }

    /// The error with which the gateway ended the connection.
    var failure: HTTP2ErrorCode? { goAways.first { $0.code != .noError }?.code }

    /// The outcome of a stream, once it or the connection is over.
    func outcome(of stream: UInt32, within seconds: Double = 3) -> HTTP2Outcome {
        wait(within: seconds) { self.failure != nil || self.streams[stream]?.isOver ?? false }
        if let failure { return .goAway(failure) }
        if let state = streams[stream] {
            if let code = state.reset, !state.isEnded || code != .noError { return .reset(code) }
            if state.isEnded { return .answered(state.response.status) }
        }
        return isEnded ? .closed : .nothing
    }

    /// Whether the gateway ends the connection.
    func isClosed(within seconds: Double = 8) -> Bool {
        wait(within: seconds) { false }
        return isEnded
    }

    /// Whether the gateway still answers on this connection.
    func isAlive() -> Bool {
        let mark = (0..<8).map { _ in UInt8.random(in: 0...255) }
        send(.ping(mark))
        return wait(within: 20) { self.pongs.contains(mark) }
    }

    /// Processes the next read. Returns false if the time is up.
    private func read(within seconds: Double) -> Bool {
        if takeFrame() { return true }
        switch transport.receive(upTo: 65_536, within: seconds) {
        case .timeout: return false
        case .end, .reset: isEnded = true
        case .bytes(let bytes):
            if position > 0 { input.removeFirst(position) }
            position = 0
            input.append(contentsOf: bytes)
        }
        return true
    }

    private func takeFrame() -> Bool {
        guard input.count - position >= 9 else { return false }
        let head = input[position..<(position + 9)].map(Int.init)
        let count = head[0] << 16 | head[1] << 8 | head[2]
        guard input.count - position >= 9 + count else { return false }
        let frame = HTTP2Frame(
            kind: UInt8(head[3]),
            flags: UInt8(head[4]),
            stream: UInt32(head[5] << 24 | head[6] << 16 | head[7] << 8 | head[8]),
            payload: Array(input[(position + 9)..<(position + 9 + count)])
        )
        position += 9 + count
        if trace.count >= 30 { trace.removeFirst(10) }
        trace.append(frame.description)
        take(frame)
        return true
    }
}

/// What the gateway did about a stream.
enum HTTP2Outcome: Equatable, CustomStringConvertible {
    case goAway(HTTP2ErrorCode)
    case reset(HTTP2ErrorCode)
    case answered(Int)
    /// The connection ended without a GOAWAY.
    case closed
    case nothing

    var description: String {
        switch self {
        case .goAway(let code): "GOAWAY \(code)"
        case .reset(let code): "RST_STREAM \(code)"
        case .answered(let status): "answered \(status)"
        case .closed: "closed without a word"
        case .nothing: "nothing"
        }
    }
}

extension Field {
    init(_ name: String, _ value: String) {
        self.init(name: name, value: value)
    }
}
