import Foundation
import JOSE

/// Both ends of a WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)), as far as tests need them.
enum WebSocket {
    /// The fields of a client's handshake.
    static let handshake = [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]

    /// The upstream's answer to that key ([RFC 6455, section 1.3](https://www.rfc-editor.org/rfc/rfc6455#section-1.3)).
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    /// A masked text frame with fewer than 126 bytes.
    static func frame(_ text: String) -> [UInt8] { WebSocketFrame.text(text).bytes(masked: true) }

    /// Answers a handshake. Returns `nil` if there was none.
    static func accept(_ exchange: UpstreamExchange) throws -> WebSocketEnd? {
        guard exchange.request["Upgrade"]?.lowercased() == "websocket", let key = exchange.request["Sec-WebSocket-Key"]
        else {
            _ = try exchange.reply("400 Bad Request")
            return nil
        }
        let hash = SHA1.hash(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8).span)
        exchange.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Accept: \(Data(hash).base64EncodedString())\r\n\r\n"
        )
        return WebSocketEnd(exchange.reader, isClient: false)
    }

    /// Answers a handshake and echoes every frame until the client leaves.
    static func serveEcho(_ exchange: UpstreamExchange) throws -> Bool {
        guard let socket = try accept(exchange) else { return true }
        while let frame = try socket.receive() {
            socket.send(frame)
            if frame.opcode == 8 { return false }
        }
        return false
    }
}

/// One frame.
struct WebSocketFrame: Equatable, Sendable {
    var opcode: UInt8
    var isFinal = true
    var payload: [UInt8] = []

    static func text(_ text: String) -> WebSocketFrame { WebSocketFrame(opcode: 1, payload: Array(text.utf8)) }

    static func close(_ code: Int, _ reason: String = "") -> WebSocketFrame {
        WebSocketFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8))
    }

    /// The code and reason of a close frame.
    var close: String? {
        guard opcode == 8, payload.count >= 2 else { return nil }
        return "\(Int(payload[0]) << 8 | Int(payload[1])) " + String(decoding: payload.dropFirst(2), as: UTF8.self)
    }

    func bytes(masked: Bool) -> [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | opcode]
        let mask: UInt8 = masked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65_536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard masked else { return bytes + payload }
        let key: [UInt8] = [1, 2, 3, 4]
        return bytes + key + WebSocketFrame.masked(payload, key)
    }

    static func masked(_ payload: [UInt8], _ key: [UInt8]) -> [UInt8] {
        var payload = payload
        // Eight bytes at a time: code that is not optimized takes seconds for 64 MiB one by one.
        let word = (0..<8).reduce(UInt64(0)) { $0 | UInt64(key[$1 & 3]) << (8 * $1) }.littleEndian
        // SAFETY: the words are within the array, which lives as long as the call.
        unsafe payload.withUnsafeMutableBytes { bytes in
            let words = bytes.count / 8
            for place in stride(from: 0, to: words * 8, by: 8) {
                let masked = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) ^ word
                unsafe bytes.storeBytes(of: masked, toByteOffset: place, as: UInt64.self)
            }
            for place in words * 8..<bytes.count { unsafe bytes[place] ^= key[place & 3] }
        }
        return payload
    }
}

/// One end of an open WebSocket.
final class WebSocketEnd {
    let reader: MessageReader
    private let isClient: Bool
    var socket: Socket { reader.socket }

    init(_ reader: MessageReader, isClient: Bool) {
        self.reader = reader
        self.isClient = isClient
    }

    @discardableResult
    func send(_ frame: WebSocketFrame) -> Bool { socket.send(frame.bytes(masked: isClient)) }

    /// The next frame; `nil` if the other end has ended its side. An incomplete frame, or one masked in the wrong
    /// direction, is an error.
    func receive() throws(MessageFault) -> WebSocketFrame? {
        if reader.buffer.isEmpty, try !reader.fill() { return nil }
        let head = try reader.take(2)
        guard head[1] & 0x80 == (isClient ? 0 : 0x80) else { throw .malformed("mask") }
        var length = Int(head[1] & 0x7f)
        if length > 125 {
            length = try reader.take(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
        }
        let key = isClient ? [] : try reader.take(4)
        let payload = try reader.take(length)
        return WebSocketFrame(
            opcode: head[0] & 15,
            isFinal: head[0] & 0x80 != 0,
            payload: isClient ? payload : WebSocketFrame.masked(payload, key)
        )
    }

    /// Everything that arrives until the other end ends its side.
    func remainder() throws(MessageFault) -> [WebSocketFrame] {
        var frames: [WebSocketFrame] = []
        while let frame = try receive() { frames.append(frame) }
        return frames
    }
}

extension Client {
    /// Opens a WebSocket and returns the gateway's answer.
    func openWebSocket(_ target: String, _ fields: [String] = []) throws -> Response {
        try exchange(target, WebSocket.handshake + fields)
    }

    /// Sends a text and reads what comes back.
    func echo(_ text: String) throws -> String {
        send(WebSocket.frame(text))
        let head = try reader.take(2)
        return String(decoding: try reader.take(Int(head[1])), as: UTF8.self)
    }
}
