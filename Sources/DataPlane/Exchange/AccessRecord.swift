import Admission
import JOSE

/// What the log needs of a request that is no longer at hand when it ends.
struct AccessRecord {
    private var method: [UInt8] = []
    private var target: [UInt8] = []
    /// Why a request was refused or its upstream of no use: for the operator only.
    var fault: String?
    /// What ended a body or a socket before its end.
    var cut: Cut?

    /// Who or what ends a body or a socket before its end.
    enum Cut: String {
        case client, upstream
        /// The client took or sent it too slowly.
        case slow
        case drain
        /// The session ended; the refusal says why.
        case session
    }

    private static let maxTarget = 1024
    /// Octets of the longest run that is taken for part of a name; longer ones are keys to something.
    private static let maxWord = 64
    private static let maxMethod = 32

    mutating func clear() {
        method.removeAll(keepingCapacity: true)
        target.removeAll(keepingCapacity: true)
        fault = nil
        cut = nil
    }

    /// Keeps as much of a request line as there is at the start of what is no good head.
    mutating func readStart(of bytes: Span<UInt8>) {
        var position = 0
        while position < min(bytes.count, Self.maxMethod), bytes[position].isToken { position += 1 }
        // What does not begin with a method is not HTTP.
        guard position > 0, position < bytes.count, bytes[position] == .space else { return }
        let start = position + 1
        var end = start
        // A fragment has no business there, and may hold anything.
        while end < bytes.count, bytes[end] > .space, bytes[end] != 0x7f, bytes[end] != UInt8(ascii: "#") { end += 1 }
        read(bytes, method: 0..<position, target: start..<end)
    }

    /// Keeps method, path and the names of the query's members. Their values stay out: they hold tokens and people.
    mutating func read(_ bytes: Span<UInt8>, method: Range<Int>, target range: Range<Int>) {
        for index in method { self.method.append(bytes[index]) }
        var (isValue, hasQuery, index) = (false, false, range.lowerBound)
        while index < range.upperBound, target.count < Self.maxTarget {
            let byte = bytes[index]
            if isValue, byte != UInt8(ascii: "&") {
                index += 1
                continue
            }
            isValue = false
            if byte.isTokenText, index == range.lowerBound || !bytes[index - 1].isTokenText {
                let end = endOfToken(bytes, from: index, to: range.upperBound)
                if end > index {
                    target.append(UInt8(ascii: "*"))
                    index = end
                    continue
                }
            }
            append(byte)
            if byte == UInt8(ascii: "?") { hasQuery = true }
            if byte == UInt8(ascii: "="), hasQuery {
                isValue = true
                target.append(UInt8(ascii: "*"))
            }
            index += 1
        }
    }

    /// The end of a run that may be a token or a ticket, wherever a broken link has put it; its start where it is none.
    private func endOfToken(_ bytes: Span<UInt8>, from start: Int, to limit: Int) -> Int {
        var (end, isToken) = (start, false)
        while end < limit, bytes[end].isTokenText {
            // The start of every header of a JSON Web Token: `{"`.
            if end + 3 <= limit, bytes.equals("eyJ", in: end..<end + 3) { isToken = true }
            end += 1
        }
        return end - start > (isToken ? Self.maxWord / 2 : Self.maxWord) ? end : start
    }

    /// Octets that not every reader of a log takes for text are written as digits.
    private mutating func append(_ byte: UInt8) {
        if byte < 0x20 || byte >= 0x7f { target.append(percentEncoded: byte) } else { target.append(byte) }
    }

    func write(_ exchange: Exchange, isJSON: Bool, to line: inout [UInt8]) {
        if isJSON { writeJSON(exchange, to: &line) } else { writeText(exchange, to: &line) }
    }

    private func writeJSON(_ exchange: Exchange, to line: inout [UInt8]) {
        func field(_ name: StaticString, _ value: some Collection<UInt8>) {
            line.append(literal: name)
            line.append(json: value)
            line.append(literal: "\"")
        }
        line.append(literal: "{\"time\":\"")
        line.append(contentsOf: Timestamp.text(exchange.worker.clock.wall).utf8)
        field("\",\"client\":\"", exchange.address?.text ?? [])
        field(",\"method\":\"", method)
        field(",\"path\":\"", target)
        line.append(literal: ",\"status\":")
        line.append(contentsOf: String(exchange.status).utf8)
        line.append(literal: ",\"duration_ms\":")
        line.append(contentsOf: String(exchange.worker.clock.monotonic - exchange.startedAt).utf8)
        line.append(literal: ",\"request_bytes\":")
        line.append(contentsOf: String(exchange.requestBytes).utf8)
        line.append(literal: ",\"response_bytes\":")
        line.append(contentsOf: String(exchange.responseBytes).utf8)
        if let server = exchange.servedBy { field(",\"upstream\":\"", server.utf8) }
        if let viewer = exchange.viewer {
            field(",\"company\":\"", viewer.company.utf8)
            if let id = viewer.tokenID { field(",\"token\":\"", id.utf8) }
            field(",\"token_sha256\":\"", viewer.fingerprint.utf8)
        }
        if let admitted = exchange.admitted {
            field(",\"event\":\"", admitted.event.utf8)
            field(",\"session\":\"", admitted.session.name.utf8)
            field(",\"role\":\"", admitted.role.name.utf8)
        }
        if let refusal = exchange.refusal { field(",\"refusal\":\"", refusal.code.utf8) }
        if let fault { field(",\"fault\":\"", fault.utf8) }
        if let cut { field(",\"cut\":\"", cut.rawValue.utf8) }
        field(",\"request_id\":\"", exchange.requestID.text)
        line.append(literal: "}")
    }

    private func writeText(_ exchange: Exchange, to line: inout [UInt8]) {
        func word(_ value: some Collection<UInt8>) {
            line.append(UInt8(ascii: " "))
            if value.isEmpty { line.append(UInt8(ascii: "-")) } else { line.append(json: value) }
        }
        line.append(contentsOf: Timestamp.text(exchange.worker.clock.wall).utf8)
        word(exchange.address?.text ?? [])
        word(method)
        word(target)
        word(String(exchange.status).utf8)
        word("\(exchange.worker.clock.monotonic - exchange.startedAt)ms".utf8)
        word(String(exchange.requestBytes).utf8)
        word(String(exchange.responseBytes).utf8)
        word((exchange.servedBy ?? "").utf8)
        word((exchange.viewer?.company ?? "").utf8)
        word((exchange.admitted?.event ?? "").utf8)
        word((exchange.admitted.map { $0.session.name } ?? "").utf8)
        word((exchange.refusal?.code ?? "").utf8)
        word(exchange.requestID.text)
        if let fault { word("fault=\(fault)".utf8) }
        if let cut { word("cut=\(cut.rawValue)".utf8) }
    }
}

extension Exchange {
    func log() {
        worker.accessLog.append { line in record.write(self, isJSON: worker.accessLog.isJSON, to: &line) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(literal: StaticString) {
        // SAFETY: a literal's bytes live for ever and its count bounds them.
        unsafe append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends text inside a JSON string. What is not printable ASCII is escaped, so that a line stays a line.
    fileprivate mutating func append(json text: some Collection<UInt8>) {
        let digits: StaticString = "0123456789abcdef"
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0x20..<0x7f, 0x80...0xff:
                append(byte)
            default:
                append(contentsOf: "\\u00".utf8)
                // SAFETY: a literal's bytes live for ever; a nibble is below its count.
                unsafe append(digits.utf8Start[Int(byte >> 4)])
                unsafe append(digits.utf8Start[Int(byte & 15)])
            }
        }
    }
}
