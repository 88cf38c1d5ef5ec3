/// The parts of an event that stay open until the gateway ends them.
enum OpenStreams {
    /// More than the second that an end takes, in case the machine is busy.
    static let soon = 5.0
}

extension Site {
    /// Makes the upstream serve an echoing socket, an endless response, and an upload that it does not answer, below an
    /// event.
    func serveStreams(of event: String) {
        upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
        upstream.on("/event/\(event)/stream") { exchange in
            exchange.socket.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst".utf8))
            // Until the gateway ends it.
            _ = try? exchange.reader.rest()
            return false
        }
        upstream.on("/event/\(event)/upload") { exchange in
            _ = try? exchange.readBody()
            return false
        }
    }
}
