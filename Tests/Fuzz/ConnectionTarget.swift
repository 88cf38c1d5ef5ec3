import Basics

@testable import DataPlane

extension FuzzTarget {
    /// A client's whole plaintext connection over HTTP/1 or HTTP/2. The input is what the client sends, a line of two
    /// dashes, and the upstream's answer.
    static let connection = FuzzTarget("connection") {
        let wire = try Wire()
        let separator = utf8("\n--\n")
        return { bytes in
            let middle = bytes.indices.first { bytes[$0...].starts(with: separator) } ?? bytes.count
            let request = Array(bytes[..<middle])
            let answer = middle < bytes.count ? Array(bytes[(middle + separator.count)...]) : defaultAnswer
            let whole = try wire.serve(request, answer: answer)
            try requireGoodOutput(whole, for: request)
            guard !request.isEmpty else { return }
            let cut = bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % request.count
            let parts = try wire.serve(request, cutAt: cut, answer: answer)
            try requireGoodOutput(parts, for: request)
            // An upstream may answer the first part of a request before the second part is sent.
            guard whole.toUpstream.isEmpty, parts.toUpstream.isEmpty else { return }
            try require(
                statuses(whole.toClient) == statuses(parts.toClient),
                "cut at \(cut), it is answered \(statuses(parts.toClient)) instead of \(statuses(whole.toClient))"
            )
        }
    }

    private static let preface = utf8("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    private static let defaultAnswer = utf8("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    /// The statuses of HTTP/1 responses.
    private static func statuses(_ bytes: [UInt8]) -> [String] {
        let version = utf8("HTTP/1.1 ")
        return bytes.indices.filter { bytes[$0] == version[0] && bytes[$0...].starts(with: version) }
            .map { text(bytes[$0...].dropFirst(version.count).prefix(3)) }
    }

    private static func requireGoodOutput(_ outcome: Wire.Outcome, for request: [UInt8]) throws {
        for sent in outcome.toUpstream { try requireRequests(sent) }
        if request.starts(with: preface) {
            try requireFrames(outcome.toClient)
        } else {
            try requireResponse(outcome.toClient)
        }
    }

    /// Fails unless the upstream received a sequence of whole requests, of which only the last may be incomplete, and
    /// none that claims an identity.
    private static func requireRequests(_ sent: [UInt8]) throws {
        var position = 0
        while position < sent.count {
            let rest = Array(sent[position...])
            var scanned = 0
            guard let end = FieldLines.end(rest.span, from: 0, scanned: &scanned) else { return }
            // An HTTP/1.0 client may omit the host. It is forwarded as an empty field (RFC 9112 section 3.2).
            let read = Array(rest[..<end]).replacing(utf8("\r\nHost: \r\n"), with: utf8("\r\nHost: h\r\n"))
            var head = RequestHead()
            do throws(HeadFault) {
                try head.parse(read.span, length: read.count, limits: .init(size: 64 << 10, count: 256))
            } catch {
                throw BrokenProperty(description: "the upstream is sent a bad head: \(text(rest[..<end]))")
            }
            for field in head.block.fields {
                let name = read[field.nameRange].map { $0.isDigit || $0.lowercased &- 0x61 < 26 ? $0.lowercased : 0x2d }
                try require(
                    !name.starts(with: utf8("x-gateway-")),
                    "a public request tells the upstream of an identity: \(text(rest[..<end]))"
                )
            }
            if head.isUpgrade { return }
            var body = RequestBody(head.framing)
            position += end
            var bodyPosition = end
            while !body.isComplete {
                do throws(HeadFault) {
                    guard case .incomplete = try body.read(rest.span, from: &bodyPosition) else { continue }
                } catch {
                    throw BrokenProperty(description: "the upstream is sent a bad body: \(text(rest))")
                }
                return
            }
            position += bodyPosition - end
        }
    }

    private static func requireResponse(_ received: [UInt8]) throws {
        guard !received.isEmpty else { return }
        var scanned = 0
        guard let end = FieldLines.end(received.span, from: 0, scanned: &scanned) else {
            throw BrokenProperty(description: "the client gets half a head: \(text(received))")
        }
        var head = ResponseHead()
        do throws(HeadFault) {
            try head.parse(received.span, length: end, toHead: false, limits: .init(size: 128 << 10, count: 512))
        } catch {
            throw BrokenProperty(description: "the client gets a bad head: \(text(received[..<end]))")
        }
    }

    /// Fails unless the client receives HTTP/2 frames, of which only the last may be incomplete.
    private static func requireFrames(_ received: [UInt8]) throws {
        var position = 0
        while received.count - position >= 9 {
            let length = received[position..<position + 3].reduce(0) { $0 << 8 | Int($1) }
            try require(length <= 16 << 10, "a frame of \(length) bytes")
            try require(received[position + 3] <= 9, "a frame of type \(received[position + 3])")
            position += 9 + length
        }
    }
}
