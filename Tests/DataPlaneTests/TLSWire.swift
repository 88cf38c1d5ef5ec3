import COpenSSL
import GatewayConfiguration
import JOSE
import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

/// Both ends of a TLS connection, whose sockets are buffers.
final class TLSWire {
    let loop: EmbeddedEventLoop
    let server: TLSEnd
    let client: TLSEnd

    convenience init(server: TLSContext, client: TLSClient) throws {
        try self.init(server: server, client: try client.stream())
    }

    /// - Parameter handler: what is behind TLS on the server's side, in place of a recorder.
    init(
        server: TLSContext,
        client: TLSStream,
        loop: EmbeddedEventLoop = EmbeddedEventLoop(),
        handler: (any ChannelHandler)? = nil
    ) throws {
        self.loop = loop
        self.server = try TLSEnd(loop, try #require(server.stream(scratch: TLSScratch())), handler)
        self.client = try TLSEnd(loop, client)
    }

    /// Moves octets until neither side has any more, in pieces of at most `piece`.
    func run(piece: Int = .max) throws {
        for end in [client, server] { try end.open() }
        var moved = true
        while moved {
            moved = try Self.move(client, server, piece)
            if try Self.move(server, client, piece) { moved = true }
        }
    }

    private static func move(_ from: TLSEnd, _ to: TLSEnd, _ piece: Int) throws -> Bool {
        var moved = false
        while var buffer = try from.sent() {
            moved = true
            while let slice = buffer.readSlice(length: min(piece, buffer.readableBytes)), slice.readableBytes > 0 {
                try to.receive(slice)
            }
        }
        return moved
    }
}

/// One end: a ``TLSHandler`` with a recorder behind it, and one before it that is the socket.
final class TLSEnd {
    let channel: EmbeddedChannel
    let stream: TLSStream
    let recorder = Recorder()
    let socket = SocketRecorder()
    private(set) var result: TLSHandler.Result?

    init(_ loop: EmbeddedEventLoop, _ stream: TLSStream, _ behind: (any ChannelHandler)? = nil) throws {
        self.stream = stream
        channel = EmbeddedChannel(loop: loop)
        let behind = behind ?? recorder
        let handler = TLSHandler(stream: stream, handshakeTime: .seconds(10)) { [unowned self] channel, result in
            self.result = result
            if case .ready = result { try channel.pipeline.syncOperations.addHandler(behind) }
        }
        try channel.pipeline.syncOperations.addHandlers(socket, handler)
    }

    func open() throws {
        guard !channel.isActive, !socket.wasOpened else { return }
        socket.wasOpened = true
        channel.connect(to: try NIOCore.SocketAddress(ipAddress: "192.0.2.1", port: 1), promise: nil)
    }

    var chosen: TLSProtocol? { if case .ready(let chosen) = result { chosen } else { nil } }
    var fault: TLSFault? { if case .failed(let fault) = result { fault } else { nil } }

    func sent() throws -> ByteBuffer? { try channel.readOutbound(as: ByteBuffer.self) }

    func receive(_ buffer: ByteBuffer) throws {
        guard channel.isActive else { return }
        channel.pipeline.fireChannelRead(buffer)
        channel.pipeline.fireChannelReadComplete()
    }

    /// What the next handler writes.
    func write(_ pieces: [UInt8]...) {
        for piece in pieces { channel.pipeline.write(ByteBuffer(bytes: piece), promise: nil) }
        channel.pipeline.flush()
    }

    /// TCP's end of what the peer sends.
    func receiveEnd() { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
}

/// Records what reaches the handler behind TLS.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var octets: [UInt8] = []
    private(set) var reads: [Int] = []
    private(set) var events: [String] = []
    var closesOnError = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        reads.append(buffer.readableBytes)
        octets += Array(buffer.readableBytesView)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { events.append("\(event)") }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        events.append("error: \(error)")
        if closesOnError { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { events.append("inactive") }
}

/// Stands where the socket is: closing the output is possible, and everything is written down.
final class SocketRecorder: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var wasOpened = false
    private(set) var closes: [CloseMode] = []
    private(set) var sizes: [Int] = []

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        sizes.append(unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        closes.append(mode)
        if mode == .all { context.close(mode: mode, promise: promise) } else { promise?.succeed() }
    }
}

/// A client that can be made to do more than ours does.
final class TLSClient: TLSStreamContext {
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
    ///   - version: the only one that it speaks.
    ///   - suites: of TLS 1.2.
    ///   - algorithms: of signatures.
    ///   - key: what it shows when asked for a certificate.
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

    /// Shows another certificate from now on.
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
        return TLSStream(ssl, context: self, scratch: TLSScratch())
    }

    /// Remembers the session of a connection for the next ones.
    func keepSession(of stream: TLSStream) {
        guard let session = unsafe Handle(SSL_get1_session(stream.ssl.pointer), freedBy: SSL_SESSION_free) else {
            return
        }
        sessions.append(Session(session))
    }

    var sessionCount: Int { sessions.count }

    /// Forgets all but the first so many sessions.
    func forget(downTo count: Int) { sessions.removeLast(max(0, sessions.count - count)) }
}
