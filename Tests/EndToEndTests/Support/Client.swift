/// A client's connection to the gateway, which sends exactly the bytes it is told to.
final class Client {
    let reader: MessageReader
    var socket: Socket { reader.socket }

    init(port: UInt16, host: UInt8 = 1, receiveBuffer: Int32? = nil) throws {
        reader = MessageReader(try Socket.connect(port: port, host: host, receiveBuffer: receiveBuffer))
    }

    /// A connection to a Unix socket.
    init(path: String) throws {
        reader = MessageReader(try Socket.connect(path: path))
    }

    @discardableResult
    func send(_ text: String) -> Bool { socket.send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool { socket.send(bytes) }

    /// Sends byte by byte.
    func sendSlowly(_ bytes: [UInt8]) {
        for byte in bytes { guard socket.send([byte]) else { return } }
    }

    func response(to method: String = "GET", within seconds: Double = 5) throws -> Response {
        reader.patience = seconds
        return try reader.response(to: method)
    }

    /// Sends a request and reads its response.
    func exchange(
        _ target: String,
        method: String = "GET",
        _ fields: [String] = [],
        body: [UInt8] = [],
        within seconds: Double = 5
    ) throws -> Response {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost"] + fields
        if !body.isEmpty { lines.append("Content-Length: \(body.count)") }
        send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
        return try response(to: method, within: seconds)
    }

    /// Whether the gateway ends the connection in time without another byte.
    func isClosed(within seconds: Double = 5) -> Bool {
        guard reader.buffer.isEmpty else { return false }
        switch socket.receive(within: seconds) {
        case .end, .reset: return true
        case .bytes, .timeout: return false
        }
    }

    /// Everything that arrives until the gateway ends the connection; `nil` if it does not.
    func remainder(within seconds: Double = 5) -> [UInt8]? {
        reader.patience = seconds
        return try? reader.rest()
    }
}

/// One exchange on its own connection.
func fetch(
    _ port: UInt16,
    _ target: String,
    method: String = "GET",
    _ fields: [String] = [],
    body: [UInt8] = [],
    within seconds: Double = 5
) throws -> Response {
    try Client(port: port).exchange(
        target,
        method: method,
        fields + ["Connection: close"],
        body: body,
        within: seconds
    )
}
