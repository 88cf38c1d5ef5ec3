import COpenSSL
import GatewayConfiguration
import JOSE
import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

/// Both ends of a TLS connection, with the wire between them controlled by the test.
final class TLSWire {
    let kernel = TestKernel()
    let loop: EventLoop
    let server: TLSEnd
    let client: TLSEnd

    convenience init(server: TLSContext, client: TLSClient) throws {
        try self.init(server: server, client: try client.stream())
    }

    init(server: TLSContext, client: TLSStream) throws {
        kernel.clock = 1_000
        loop = try EventLoop(kernel: kernel)
        self.server = try TLSEnd(loop, try #require(server.stream()))
        self.client = try TLSEnd(loop, client)
    }

    deinit { loop.end() }

    /// Moves bytes until neither side has any left, in pieces of at most `piece`.
    func run(piece: Int = .max) throws {
        for end in [client, server] { try end.open() }
        var moved = true
        while moved {
            loop.turn(waitingAtMost: 0)
            moved = try Self.move(client, server, piece)
            if try Self.move(server, client, piece) { moved = true }
        }
    }

    private static func move(_ from: TLSEnd, _ to: TLSEnd, _ piece: Int) throws -> Bool {
        var bytes = from.sent()[...]
        let hasMoved = !bytes.isEmpty
        while !bytes.isEmpty {
            try to.receive(Array(bytes.prefix(piece)))
            bytes = bytes.dropFirst(piece)
        }
        return hasMoved
    }

    /// Lets time pass.
    func advance(_ milliseconds: Int64) {
        kernel.clock! += milliseconds
        for _ in 0..<3 { loop.turn(waitingAtMost: 0) }
    }
}

/// One end: a connection that records its callbacks, and the other end of its socket.
final class TLSEnd: Connection {
    let stream: TLSStream
    private var socket: Peer?
    private var isSecured = false
    private(set) var fault: TLSFault?
    private(set) var input: [UInt8] = []
    private(set) var reads: [Int] = []
    private(set) var events: [String] = []
    /// The sizes of what this end has sent, one for each read from the wire.
    private(set) var sizes: [Int] = []
    var closesOnFailure = false

    init(_ loop: EventLoop, _ stream: TLSStream) throws {
        self.stream = stream
        super.init(loop: loop)
    }

    /// Opens the connection. Call once.
    func open() throws {
        guard socket == nil else { return }
        let (served, peer) = try Peer.pair()
        socket = peer
        try open(served, tls: stream)
    }

    var chosen: TLSProtocol? {
        guard isSecured else { return nil }
        return stream.applicationProtocol == DataPlaneTests.bytes("h2") ? .http2 : .http1
    }

    // MARK: The wire

    /// The bytes sent by this end since the last call.
    func sent() -> [UInt8] {
        guard let bytes = socket?.readAvailable(), !bytes.isEmpty else { return [] }
        sizes.append(bytes.count)
        return bytes
    }

    /// Whether this end has ended its side of the socket.
    var hasEnded: Bool { socket?.hasEnded ?? false }

    /// Delivers bytes in one piece.
    func receive(_ bytes: [UInt8]) throws {
        guard isOpen else { return }
        var rest = bytes[...]
        while !rest.isEmpty, isOpen {
            socket?.send(Array(rest.prefix(32 << 10)))
            rest = rest.dropFirst(32 << 10)
            loop.turn(waitingAtMost: 0)
        }
    }

    /// Delivers the end of TCP from the peer.
    func receiveEnd() {
        socket?.finishSending()
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 0)
    }

    func write(_ pieces: [UInt8]...) {
        for piece in pieces { send(piece.span) }
    }

    // MARK: Callbacks

    override func secured(_ tls: TLSStream) { isSecured = true }

    override func received(_ bytes: Span<UInt8>) {
        reads.append(bytes.count)
        input += bytes.copied()
    }

    override func inputEnded() { events.append("inputEnded") }

    override func failed(_ fault: ConnectionFault) {
        if isSecured { events.append("failed: \(fault)") }
        if case .tls(let fault) = fault, !isSecured { self.fault = fault }
        if closesOnFailure { close() }
    }

    override func closed() { events.append("closed") }
}

/// A client that can do more than the gateway's own.
final class TLSClient {
    let handle: Handle
    var name: String?
    /// The sessions that the server has offered, newest last.
    private var sessions: [Session] = []

    /// An `SSL_SESSION`.
    private final class Session {
        let handle: Handle
        init(_ handle: consuming Handle) { self.handle = handle }
    }

    /// - Parameters:
    ///   - version: the only version that it speaks.
    ///   - suites: for TLS 1.2.
    ///   - algorithms: for signatures.
    ///   - key: its certificate, if asked for one.
    init(
        _ name: String? = "standard.example",
        protocols: [String] = [],
        version: CInt? = nil,
        suites: String? = nil,
        algorithms: String? = nil,
        key: CertifiedKey? = nil
    ) throws {
        self.name = name
        // SAFETY: here and below, objects of OpenSSL's are used by one test, which keeps them alive; texts are read
        // during their calls.
        guard let handle = unsafe Handle(SSL_CTX_new(TLS_client_method()), freedBy: SSL_CTX_free) else {
            throw TLSFault.failed("no memory")
        }
        self.handle = handle
        let context = unsafe self.handle.pointer
        if !protocols.isEmpty {
            let list = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            unsafe _ = SSL_CTX_set_alpn_protos(context, list, CUnsignedInt(list.count))
        }
        if let version {
            unsafe _ = SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, CLong(version), nil)
            unsafe _ = SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, CLong(version), nil)
        }
        if let suites { unsafe _ = SSL_CTX_set_cipher_list(context, suites) }
        if var list = algorithms.map({ Array($0.utf8CString) }) {
            unsafe _ = SSL_CTX_ctrl(context, SSL_CTRL_SET_SIGALGS_LIST, 0, &list)
        }
        if let key { show(key) }
    }

    /// Presents another certificate from now on.
    func show(_ key: CertifiedKey) {
        unsafe _ = SSL_CTX_use_certificate(handle.pointer, key.leaf.handle.pointer)
        unsafe _ = SSL_CTX_use_PrivateKey(handle.pointer, key.key.pointer)
    }

    func stream() throws -> TLSStream {
        guard let ssl = unsafe Handle(SSL_new(handle.pointer), freedBy: SSL_free) else {
            throw TLSFault.failed("no memory")
        }
        if let name { unsafe _ = gateway_SSL_set_host_name(ssl.pointer, name) }
        if let session = sessions.last { unsafe _ = SSL_set_session(ssl.pointer, session.handle.pointer) }
        unsafe SSL_set_connect_state(ssl.pointer)
        return TLSStream(ssl, context: self, server: self)
    }

    /// Remembers the session of a connection for later ones.
    func keepSession(of stream: TLSStream) {
        guard let session = unsafe Handle(SSL_get1_session(stream.ssl.pointer), freedBy: SSL_SESSION_free) else {
            return
        }
        sessions.append(Session(session))
    }

    var sessionCount: Int { sessions.count }

    /// Forgets all but the first `count` sessions.
    func forget(downTo count: Int) { sessions.removeLast(max(0, sessions.count - count)) }
}
