import Foundation
import Testing

/// A client's end of a WebSocket, whatever carries it.
protocol WebSocketPeer: AnyObject {
    @discardableResult
    func send(_ frame: WebSocketFrame) -> Bool

    /// The next frame; nil when the gateway sends no more.
    func receive() throws -> WebSocketFrame?

    /// Sends a frame of any size and reads what comes back meanwhile.
    func exchange(_ frame: WebSocketFrame) throws -> WebSocketFrame?

    /// The gateway sees the end of what we send; we can still read.
    func finishSending()
}

extension WebSocketPeer {
    /// Everything that arrives until the gateway ends its side.
    func remainder() throws -> [WebSocketFrame] {
        var frames: [WebSocketFrame] = []
        while let frame = try receive() { frames.append(frame) }
        return frames
    }
}

/// The ways in which a client reaches a gateway.
enum WebSocketWay: String, CaseIterable, CustomStringConvertible {
    case http1 = "HTTP/1.1"
    case http1TLS = "HTTP/1.1 over TLS"
    case http2 = "HTTP/2"
    case http2TLS = "HTTP/2 over TLS"

    var description: String { rawValue }
}

/// A gateway that can be reached in every way.
final class WebSocketSite: Sendable {
    let upstream: RecordingUpstream
    let gateway: Gateway
    private let http1: TLSTunnel
    private let http2: TLSTunnel

    init() throws {
        let certificates = try TestCertificates.shared.get()
        let port = try Listener.freePorts(1)[0]
        upstream = try RecordingUpstream()
        var configuration = GatewayConfiguration(upstream: upstream.port)
        configuration.top = """
            [[listener]]
            address = "127.0.0.1:\(port)"
            certificate = "\(certificates.path("standard.pem"))"
            key = "\(certificates.path("standard.key"))"
            """
        gateway = try Gateway(configuration)
        http1 = try TLSTunnel(to: port, authority: certificates.path("ca.pem"), protocol: "http/1.1")
        http2 = try TLSTunnel(to: port, authority: certificates.path("ca.pem"))
    }

    /// Opens a WebSocket.
    func open(_ path: String, _ way: WebSocketWay) throws -> any WebSocketPeer {
        switch way {
        case .http1: try open(path, http1: gateway.port)
        case .http1TLS: try open(path, http1: http1.port)
        case .http2: try HTTP2WebSocket(path, port: gateway.port)
        case .http2TLS: try HTTP2WebSocket(path, port: http2.port)
        }
    }

    private func open(_ path: String, http1 port: UInt16) throws -> WebSocketEnd {
        let client = try Client(port: port)
        try #require(try client.openWebSocket(path).status == 101)
        return WebSocketEnd(client.reader, isClient: true)
    }
}

extension WebSocketEnd: WebSocketPeer {
    func finishSending() { socket.finishSending() }

    func exchange(_ frame: WebSocketFrame) throws -> WebSocketFrame? {
        reader.patience = 30
        // The echo must be read before everything has been sent.
        Thread.detachNewThread { [socket] in socket.send(frame.bytes(masked: true), within: 30) }
        return try receive()
    }
}

/// A WebSocket on a stream of HTTP/2 ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)).
final class HTTP2WebSocket: WebSocketPeer {
    let client: HTTP2Client
    let stream: UInt32
    private var position = 0

    init(_ path: String, port: UInt16) throws {
        client = try HTTP2Client.connected(port: port)
        stream = client.newStream()
        let head = [
            Field(":method", "CONNECT"), Field(":protocol", "websocket"), Field(":scheme", "http"),
            Field(":authority", "localhost"), Field(":path", path), Field("sec-websocket-version", "13"),
        ]
        client.send(.headers(stream, HPACK.block(head), end: false))
        client.wait { client.streams[stream]!.hasHead }
        try #require(client.streams[stream]!.response.status == 200)
    }

    @discardableResult
    func send(_ frame: WebSocketFrame) -> Bool {
        let bytes = frame.bytes(masked: true)
        // The gateway has ended only its own side.
        guard !client.streams[stream]!.isEnded else { return client.send(.data(stream, bytes)) }
        return client.sendBody(stream, bytes, end: false, within: 30)
    }

    func exchange(_ frame: WebSocketFrame) throws -> WebSocketFrame? {
        send(frame)
        return try receive()
    }

    func finishSending() { client.send(.data(stream, [], end: true)) }

    func receive() throws -> WebSocketFrame? {
        guard let head = try bytes(2) else { return nil }
        var length = Int(head[1])
        guard length < 128 else { throw MessageFault.malformed("mask") }
        if length > 125 {
            guard let bytes = try bytes(length == 126 ? 2 : 8) else { throw MessageFault.truncated }
            length = bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = try bytes(length) else { throw MessageFault.truncated }
        return WebSocketFrame(opcode: head[0] & 15, isFinal: head[0] & 0x80 != 0, payload: payload)
    }

    /// The next bytes; `nil` if the stream has ended before the first of them.
    private func bytes(_ count: Int) throws -> [UInt8]? {
        let end = position + count
        client.wait(within: 30) { self.received >= end || client.streams[stream]!.isOver }
        guard received >= end else {
            let state = client.streams[stream]!
            guard state.isOver else { throw MessageFault.timeout }
            guard received == position, state.reset ?? .noError == .noError else { throw MessageFault.truncated }
            return nil
        }
        defer { position = end }
        return Array(client.streams[stream]!.response.body[position..<end])
    }

    private var received: Int { client.streams[stream]!.response.body.count }
}
