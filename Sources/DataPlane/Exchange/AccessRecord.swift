import Admission
import Basics

/// Collects what the access log shows of a request, since the request itself is gone by the time it ends.
struct AccessRecord {
    private var method: [UInt8] = []
    private var target: [UInt8] = []
    /// Why the request was refused or the upstream failed, for the operator only.
    var fault: String?
    /// What cut a body or a socket short.
    var cut: Cut?

    private static let maxTarget = 1024
    /// In bytes. A longer run of name characters in a path is not a name but a key to something.
    private static let maxWord = 64
    private static let maxMethod = 32

    mutating func clear() {
        method.removeAll(keepingCapacity: true)
        target.removeAll(keepingCapacity: true)
        fault = nil
        cut = nil
    }

    /// Keeps what can be read of a request line at the start of a malformed head.
    mutating func readStart(of bytes: Span<UInt8>) {
        var position = 0
        while position < min(bytes.count, Self.maxMethod), bytes[position].isToken { position += 1 }
        // Without a method at the start it is not HTTP.
        guard position > 0, position < bytes.count, bytes[position] == .space else { return }
        let start = position + 1
        var end = start
        // A fragment does not belong here and may contain anything.
        while end < bytes.count, bytes[end] > .space, bytes[end] != 0x7f, bytes[end] != UInt8(ascii: "#") { end += 1 }
        read(method: bytes.extracting(0..<position), target: bytes.extracting(start..<end))
    }

    /// Keeps the method, the path and the names of the query's members. Leaves out their values: they may be tokens or
    /// personal data.
    mutating func read(method: Span<UInt8>, target bytes: Span<UInt8>) {
        self.method.append(method)
        var (isValue, hasQuery, index) = (false, false, 0)
        while index < bytes.count, target.count < Self.maxTarget {
            let byte = bytes[index]
            if isValue, byte != UInt8(ascii: "&") {
                index += 1
                continue
            }
            isValue = false
            if byte.isTokenText, index == 0 || !bytes[index - 1].isTokenText {
                let end = endOfToken(bytes, from: index)
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

    /// The end of a run that may be a token or a ticket, even where a broken link has misplaced it. Returns `start` if
    /// there is none.
    private func endOfToken(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var (end, isToken) = (start, false)
        while end < bytes.count, bytes[end].isTokenText {
            // Every JSON Web Token starts like this: its header begins with `{"`.
            if end + 3 <= bytes.count, bytes.equals("eyJ", in: end..<end + 3) { isToken = true }
            end += 1
        }
        return end - start > (isToken ? Self.maxWord / 2 : Self.maxWord) ? end : start
    }

    /// Appends a byte. Escapes it if some log readers would not take it for text.
    private mutating func append(_ byte: UInt8) {
        if byte < 0x20 || byte >= 0x7f { target.append(percentEncoded: byte) } else { target.append(byte) }
    }

    func write(_ exchange: Exchange, isJSON: Bool, to line: inout [UInt8]) {
        if isJSON { writeJSON(exchange, to: &line) } else { writeText(exchange, to: &line) }
    }

    private func writeJSON(_ exchange: Exchange, to line: inout [UInt8]) {
        func field(_ name: StaticString, _ value: Span<UInt8>) {
            line.append(literal: name)
            line.append(json: value)
            line.append(literal: "\"")
        }
        func field(_ name: StaticString, _ value: String) { field(name, value.utf8Span.span) }
        line.append(literal: "{\"time\":\"")
        exchange.worker.clock.writeTimestamp(to: &line)
        let address = exchange.address?.text ?? []
        field("\",\"client\":\"", address.span)
        field(",\"method\":\"", method.span)
        field(",\"path\":\"", target.span)
        line.append(literal: ",\"status\":")
        line.append(decimal: exchange.state.answer.status)
        line.append(literal: ",\"duration_ms\":")
        line.append(decimal: exchange.duration)
        line.append(literal: ",\"request_bytes\":")
        line.append(decimal: exchange.state.request.bytes)
        line.append(literal: ",\"response_bytes\":")
        line.append(decimal: exchange.state.answer.bytes)
        if let server = exchange.state.leg.server { field(",\"upstream\":\"", server) }
        if let viewer = exchange.viewer {
            field(",\"company\":\"", viewer.company)
            if let id = viewer.tokenID { field(",\"token\":\"", id) }
            field(",\"token_sha256\":\"", viewer.fingerprint)
        }
        if let admitted = exchange.admitted {
            field(",\"event\":\"", admitted.event)
            field(",\"session\":\"", admitted.session.name)
            field(",\"role\":\"", admitted.role.name)
        }
        if let refusal = exchange.state.verdict.refusal { field(",\"refusal\":\"", refusal.code) }
        if let fault { field(",\"fault\":\"", fault) }
        if let cut { field(",\"cut\":\"", cut.rawValue) }
        line.append(literal: ",\"request_id\":\"")
        exchange.state.request.id.write(to: &line)
        line.append(literal: "\"}")
    }

    private func writeText(_ exchange: Exchange, to line: inout [UInt8]) {
        func word(_ value: Span<UInt8>) {
            line.append(UInt8(ascii: " "))
            if value.isEmpty { line.append(UInt8(ascii: "-")) }
            // Nothing from outside may pass for another word or move a terminal's cursor.
            for index in value.indices {
                let byte = value[index]
                if byte <= 0x20 || byte >= 0x7f { line.append(percentEncoded: byte) } else { line.append(byte) }
            }
        }
        func word(_ value: String) { word(value.utf8Span.span) }
        func word(_ number: Int) {
            line.append(UInt8(ascii: " "))
            line.append(decimal: number)
        }
        exchange.worker.clock.writeTimestamp(to: &line)
        let address = exchange.address?.text ?? []
        word(address.span)
        word(method.span)
        word(target.span)
        word(exchange.state.answer.status)
        word(exchange.duration)
        line.append(literal: "ms")
        word(exchange.state.request.bytes)
        word(exchange.state.answer.bytes)
        word(exchange.state.leg.server ?? "")
        word(exchange.viewer?.company ?? "")
        word(exchange.admitted?.event ?? "")
        word(exchange.admitted.map { $0.session.name } ?? "")
        word(exchange.state.verdict.refusal?.code ?? "")
        line.append(UInt8(ascii: " "))
        exchange.state.request.id.write(to: &line)
        if let fault { word("fault=\(fault)") }
        if let cut { word("cut=\(cut.rawValue)") }
    }
}

extension Exchange {
    /// How long the request has taken so far, in milliseconds.
    var duration: Int { max(Int(worker.clock.monotonic - state.request.startedAt), 0) }

    func log() {
        worker.accessLog.append { line in record.write(self, isJSON: worker.accessLog.isJSON, to: &line) }
    }
}
