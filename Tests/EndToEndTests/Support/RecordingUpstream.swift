import Foundation
import Synchronization

/// A request as read by the upstream.
struct RecordedRequest: Sendable {
    var method = ""
    var target = ""
    var version = ""
    var fields: [Field] = []
    /// The bytes of the head, without the empty line.
    var head: [UInt8] = []
    var body: [UInt8] = []
    var trailers: [Field] = []
    /// Whether the body was complete.
    var isComplete = false
    /// The number of its connection.
    var connection = 0

    subscript(name: String) -> String? { fields[name] }
}

/// An embed host in the test process. It records every byte that it gets, and answers as the test says.
final class RecordingUpstream: Sendable {
    /// Answers a request. Returns false to close the connection.
    typealias Script = @Sendable (UpstreamExchange) throws -> Bool

    let port: UInt16
    private let listener: Mutex<Listener?>
    private let state = Mutex(State())
    private let standard: Script

    private struct State {
        var requests: [RecordedRequest] = []
        var byteCount = 0
        var connections = 0
        var scripts: [String: Script] = [:]
        var open: [Int: Socket] = [:]
        var isKeeping = true
    }

    /// - Parameter standard: answers requests whose path has no script of its own.
    init(port: UInt16 = 0, standard: @escaping Script = { try $0.echo() }) throws {
        let listener = try Listener(port: port)
        self.port = listener.port
        self.listener = Mutex(listener)
        self.standard = standard
        Thread.detachNewThread { [weak self] in
            while let socket = listener.accept() { self?.serve(socket) }
        }
    }

    deinit { stop() }

    /// Closes the listener and every connection.
    func stop() {
        listener.withLock { listener in
            listener?.close()
            listener = nil
        }
        closeConnections()
    }

    func closeConnections() {
        let open = state.withLock { state in state.open.values }
        for socket in open { _ = shutdown(socket.descriptor, Int32(SHUT_RDWR)) }
    }

    var requests: [RecordedRequest] { state.withLock { $0.requests } }
    /// The number of bytes on all connections together.
    var byteCount: Int { state.withLock { $0.byteCount } }
    var connections: Int { state.withLock { $0.connections } }

    /// Requests for this path, whatever their query.
    func requests(for path: String) -> [RecordedRequest] {
        requests.filter { $0.target == path || $0.target.hasPrefix(path + "?") }
    }

    func forget() { state.withLock { $0.requests = [] } }

    /// If false, requests are answered but not recorded.
    func keepRequests(_ isKeeping: Bool) { state.withLock { $0.isKeeping = isKeeping } }

    /// Sets how requests for this path are answered from now on.
    func on(_ path: String, _ script: @escaping Script) { state.withLock { $0.scripts[path] = script } }

    private func serve(_ socket: Socket) {
        let number = state.withLock { state in
            state.connections += 1
            state.open[state.connections] = socket
            return state.connections
        }
        let thread = Thread { [weak self] in
            let reader = MessageReader(socket)
            reader.patience = 600
            reader.onBytes = { bytes in self?.state.withLock { $0.byteCount += bytes.count } }
            while let upstream = self, (try? upstream.serveOne(reader, number)) ?? false {}
            socket.close()
            _ = self?.state.withLock { $0.open.removeValue(forKey: number) }
        }
        thread.stackSize = 1 << 19
        thread.start()
    }

    private func serveOne(_ reader: MessageReader, _ connection: Int) throws -> Bool {
        guard let head = try reader.head() else { return false }
        var request = RecordedRequest()
        request.head = head
        request.connection = connection
        let lines = String(decoding: head, as: UTF8.self).components(separatedByCRLF: ())
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        request.method = words[0]
        request.target = words.count > 1 ? words[1] : ""
        request.version = words.count > 2 ? words[2] : ""
        for line in lines.dropFirst() { request.fields.append(try Field(line: line)) }
        let index = record(request)
        let path = String(request.target.prefix { $0 != "?" })
        let script = state.withLock { $0.scripts[path] } ?? standard
        return try script(
            UpstreamExchange(request: request, reader: reader) { [weak self] request in
                self?.record(request, at: index)
            }
        )
    }

    private func record(_ request: RecordedRequest) -> Int {
        state.withLock { state in
            if state.isKeeping { state.requests.append(request) }
            return state.requests.count - 1
        }
    }

    private func record(_ request: RecordedRequest, at index: Int) {
        state.withLock { state in
            guard state.isKeeping, state.requests.indices.contains(index) else { return }
            state.requests[index] = request
        }
    }
}

/// A request at the upstream, and the means to answer it.
final class UpstreamExchange {
    private(set) var request: RecordedRequest
    let reader: MessageReader
    private let record: (RecordedRequest) -> Void
    private var hasReadBody = false

    var socket: Socket { reader.socket }

    init(request: RecordedRequest, reader: MessageReader, record: @escaping (RecordedRequest) -> Void) {
        self.request = request
        self.reader = reader
        self.record = record
    }

    /// Reads the request's body completely.
    @discardableResult
    func readBody() throws -> [UInt8] {
        guard !hasReadBody else { return request.body }
        hasReadBody = true
        let lengths = request.fields.values("content-length")
        let codings = request.fields.values("transfer-encoding")
        guard lengths.count + codings.count < 2 else { throw MessageFault.malformed("both lengths") }
        if codings.first != nil {
            (request.body, request.trailers) = try reader.chunks()
        } else if let length = lengths.first {
            guard let count = Int(length) else { throw MessageFault.malformed("length") }
            request.body = try reader.take(count)
        }
        request.isComplete = true
        record(request)
        return request.body
    }

    func send(_ text: String) { socket.send(Array(text.utf8)) }

    /// Reads the body, answers, and keeps the connection.
    func reply(_ status: String = "200 OK", _ fields: [String] = [], _ body: String = "") throws -> Bool {
        try readBody()
        let lines = ["HTTP/1.1 \(status)"] + fields + ["Content-Length: \(body.utf8.count)"]
        send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (request.method == "HEAD" ? "" : body))
        return true
    }

    /// Tells the client what arrived: method, target and the length of the body.
    func echo() throws -> Bool {
        let count = try readBody().count
        return try reply("200 OK", ["Content-Type: text/plain"], "\(request.method) \(request.target) \(count)")
    }
}
