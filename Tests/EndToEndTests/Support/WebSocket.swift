import Foundation
import JOSE

/// Both ends of a WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)), as little as echoing needs.
enum WebSocket {
    /// The fields of a client's handshake.
    static let handshake = [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]

    /// What the upstream answers to that key ([RFC 6455, section 1.3](https://www.rfc-editor.org/rfc/rfc6455#section-1.3)).
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    /// A masked text frame with fewer than 126 octets.
    static func frame(_ text: String) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        let payload = text.utf8.enumerated().map { $0.element ^ mask[$0.offset % 4] }
        return [0x81, 0x80 | UInt8(payload.count)] + mask + payload
    }

    /// Answers a handshake and sends back the payload of every frame, until the client goes.
    static func serveEcho(_ exchange: UpstreamExchange) throws -> Bool {
        guard exchange.request["Upgrade"]?.lowercased() == "websocket" else {
            return try exchange.reply("400 Bad Request")
        }
        exchange.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Accept: \(accept)\r\n\r\n"
        )
        while true {
            let head = try exchange.reader.take(2)
            let mask = try exchange.reader.take(4)
            let payload = try exchange.reader.take(Int(head[1] & 0x7f))
            exchange.socket.send(
                [head[0], UInt8(payload.count)] + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
            )
            if head[0] & 15 == 8 { return false }
        }
    }
}

extension Client {
    /// Opens a WebSocket and says what the gateway answered.
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
