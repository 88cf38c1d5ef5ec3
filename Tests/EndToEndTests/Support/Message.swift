/// One field line of a message.
struct Field: Equatable, Sendable, CustomStringConvertible {
    var name: String
    var value: String

    var description: String { "\(name): \(value)" }
}

extension [Field] {
    /// Every value of fields with this name, in order.
    func values(_ name: String) -> [String] {
        filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of the first field with this name.
    subscript(name: String) -> String? { values(name).first }
}

/// A response as read by a client.
struct Response: Sendable, CustomStringConvertible {
    var version = ""
    var status = 0
    var reason = ""
    var fields: [Field] = []
    var body: [UInt8] = []
    var trailers: [Field] = []
    /// The statuses of the 1xx responses before it.
    var interim: [Int] = []
    /// Their fields.
    var interimFields: [Field] = []

    subscript(name: String) -> String? { fields[name] }

    var text: String { String(decoding: body, as: UTF8.self) }

    var description: String {
        "\(version) \(status) \(fields) \(String(text.prefix(300)))"
    }
}

/// Why bytes are not a response to a request.
enum MessageFault: Error, Equatable {
    case timeout
    /// The connection ended before the first byte of a response.
    case closed
    /// The connection ended within a response.
    case truncated
    case malformed(String)
}

/// Reads the bytes of a connection as HTTP/1.1 messages.
final class MessageReader {
    let socket: Socket
    private(set) var buffer: [UInt8] = []
    /// The limit for each wait for further bytes.
    var patience: Double = 5
    /// Also gets the bytes.
    var onBytes: ([UInt8]) -> Void = { _ in }

    init(_ socket: Socket) {
        self.socket = socket
    }

    /// Waits for more. Returns false at the end of the connection.
    func fill() throws(MessageFault) -> Bool {
        switch socket.receive(within: patience) {
        case .bytes(let bytes):
            onBytes(bytes)
            buffer.append(contentsOf: bytes)
            return true
        case .end, .reset: return false
        case .timeout: throw .timeout
        }
    }

    /// The bytes of a head up to the empty line, which is consumed too; `nil` if the connection ends before it begins.
    func head() throws(MessageFault) -> [UInt8]? {
        var from = 0
        while true {
            if let end = buffer.endOfHead(from: from) {
                let head = Array(buffer[..<(end - 4)])
                buffer.removeFirst(end)
                return head
            }
            from = max(0, buffer.count - 3)
            guard try fill() else {
                if buffer.isEmpty { return nil }
                throw .truncated
            }
        }
    }

    func take(_ count: Int) throws(MessageFault) -> [UInt8] {
        while buffer.count < count { guard try fill() else { throw .truncated } }
        let bytes = Array(buffer[..<count])
        buffer.removeFirst(count)
        return bytes
    }

    func line() throws(MessageFault) -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                guard end > 0, buffer[end - 1] == 13 else { throw .malformed("line without CR") }
                let line = String(decoding: buffer[..<(end - 1)], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line
            }
            guard try fill() else { throw .truncated }
        }
    }

    /// A chunked body and its trailer fields ([RFC 9112, section 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1)).
    func chunks() throws(MessageFault) -> (body: [UInt8], trailers: [Field]) {
        var body: [UInt8] = []
        while true {
            let line = try line()
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
                throw .malformed("chunk size \(line)")
            }
            if size == 0 { break }
            body += try take(size)
            guard try take(2) == [13, 10] else { throw .malformed("chunk end") }
        }
        var trailers: [Field] = []
        while true {
            let line = try line()
            if line.isEmpty { return (body, trailers) }
            trailers.append(try Field(line: line))
        }
    }

    /// Everything up to the end of the connection.
    func rest() throws(MessageFault) -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    /// The response to a request with this method.
    func response(to method: String = "GET") throws(MessageFault) -> Response {
        var interim: (statuses: [Int], fields: [Field]) = ([], [])
        while true {
            guard let head = try head() else { throw .closed }
            var response = try Response(head: head)
            if (100..<200).contains(response.status), response.status != 101 {
                interim.statuses.append(response.status)
                interim.fields += response.fields
                continue
            }
            (response.interim, response.interimFields) = (interim.statuses, interim.fields)
            try readBody(of: &response, to: method)
            return response
        }
    }

    private func readBody(of response: inout Response, to method: String) throws(MessageFault) {
        if method == "HEAD" || [101, 204, 304].contains(response.status) { return }
        let codings = response.fields.values("transfer-encoding")
        let lengths = response.fields.values("content-length")
        guard codings.isEmpty || lengths.isEmpty else { throw .malformed("both lengths") }
        guard codings.count < 2, lengths.count < 2 else { throw .malformed("a length twice") }
        if let coding = codings.first {
            guard coding.lowercased() == "chunked" else { throw .malformed("coding \(coding)") }
            (response.body, response.trailers) = try chunks()
        } else if let length = lengths.first {
            guard let count = Int(length), count >= 0 else { throw .malformed("length \(length)") }
            response.body = try take(count)
        } else {
            response.body = try rest()
        }
    }
}

extension Response {
    /// Parses a head strictly: anything that a client might read in two ways is an error.
    fileprivate init(head: [UInt8]) throws(MessageFault) {
        let text = String(decoding: head, as: UTF8.self)
        let lines = text.components(separatedByCRLF: ())
        let words = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3, let status = Int(words[1])
        else { throw .malformed("status line \(lines[0])") }
        version = String(words[0])
        self.status = status
        reason = words.count > 2 ? String(words[2]) : ""
        for line in lines.dropFirst() { fields.append(try Field(line: line)) }
    }
}

extension Field {
    init(line: String) throws(MessageFault) {
        guard let colon = line.utf8.firstIndex(of: 58), colon > line.startIndex, line.utf8.first != 32,
            line.utf8.first != 9
        else { throw .malformed("field line \(line)") }
        name = String(line[..<colon])
        value = String(line[line.utf8.index(after: colon)...])
        while let first = value.utf8.first, first == 32 || first == 9 { value = String(value.dropFirst()) }
        while let last = value.utf8.last, last == 32 || last == 9 { value = String(value.dropLast()) }
    }
}

extension String {
    /// Lines that end in CR LF. A bare CR or LF does not end a line.
    func components(separatedByCRLF: Void) -> [String] {
        var lines: [String] = []
        var line: [UInt8] = []
        for byte in utf8 {
            line.append(byte)
            if line.count > 1, line[line.count - 2] == 13, byte == 10 {
                lines.append(String(decoding: line.dropLast(2), as: UTF8.self))
                line = []
            }
        }
        lines.append(String(decoding: line, as: UTF8.self))
        return lines
    }
}

extension [UInt8] {
    /// Where the bytes after the first empty line begin.
    func endOfHead(from start: Int) -> Int? {
        guard count >= 4 else { return nil }
        for index in start..<Swift.max(start, count - 3)
        where self[index] == 13 && self[index + 1] == 10 && self[index + 2] == 13 && self[index + 3] == 10 {
            return index + 4
        }
        return nil
    }
}
