import Admission
import Basics
import GatewayConfiguration
import Transport

/// An exchange as its line of the access log shows it. Holds what several fields are read from: to look it up again
/// costs more than to write it.
struct LoggedExchange {
    private let exchange: Exchange
    private let address: [UInt8]
    private let isHTTP2: Bool
    private let tls: TLSStream?
    /// The request's own texts, one after the other.
    private let text: [UInt8]

    private static let maxEvent = 256

    @inline(__always)
    init(_ exchange: Exchange) {
        self.exchange = exchange
        let client = exchange.client
        address = exchange.state.request.forwardedAddress?.text ?? client?.address.text ?? []
        isHTTP2 = client?.framesBodies ?? false
        tls = client?.tls
        text = exchange.record.text
    }

    @inline(__always)
    func write(as format: AccessLine, to line: inout ByteWriter) {
        let (pieces, bytes, session) = (format.pieces, format.bytes, format.sessionPieces)
        write(pieces.span.extracting(0..<session.lowerBound), bytes.span, to: &line)
        let (logged, version) = (exchange.state.verdict.logged, exchange.snapshot.version)
        if !(logged?.write(to: &line, for: version) ?? false) {
            let mark = line.count
            write(pieces.span.extracting(session), bytes.span, to: &line)
            logged?.keep(line, from: mark, for: version)
        }
        write(pieces.span.extracting(session.upperBound..<pieces.count), bytes.span, to: &line)
        line.write(partOf: bytes.span, from: format.end.lowerBound, format.end.count)
    }

    private func write(_ pieces: Span<AccessLine.Piece>, _ bytes: Span<UInt8>, to line: inout ByteWriter) {
        for index in pieces.indices {
            let piece = pieces[index]
            let mark = line.count
            line.write(partOf: bytes, from: Int(piece.start), Int(piece.end - piece.start))
            if !write(piece.field, piece.style, to: &line) {
                if piece.isOptional {
                    line.removeAll(after: mark)
                    continue
                }
                if piece.style != .json { line.write(UInt8(ascii: "-")) }
            }
            if piece.isClosed { line.write(UInt8(ascii: "\"")) }
        }
    }

    /// Writes a field's value. Returns false if it has none.
    @inline(__always)
    private func write(_ field: AccessField, _ style: LogStyle, to line: inout ByteWriter) -> Bool {
        switch field {
        case .time: exchange.worker.clock.writeTimestamp(to: &line)
        case .timeCommon: exchange.worker.clock.writeCommonTime(to: &line)
        case .client:
            guard !address.isEmpty else { return false }
            line.write(address.span, style)
        case .method: return write(0..<exchange.record.methodEnd, style, to: &line)
        case .path: return write(exchange.record.methodEnd..<exchange.record.targetEnd, style, to: &line)
        case .version:
            guard exchange.record.hasMethod else { return false }
            line.write(isHTTP2 ? "HTTP/2.0" : exchange.state.request.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1")
        case .status: line.writeDecimal(exchange.state.answer.status)
        case .duration: line.writeDecimal(exchange.duration)
        case .connectTime: return write(exchange.record.connectTime, to: &line)
        case .headTime: return write(exchange.record.headTime, to: &line)
        case .requestBytes: line.writeDecimal(exchange.state.request.bytes)
        case .responseBytes: line.writeDecimal(exchange.state.answer.bytes)
        case .tls:
            guard let tls else { return false }
            line.write(tls.version)
        case .serverName:
            guard let tls else { return false }
            let mark = line.count
            tls.withServerName { line.write($0, style) }
            return line.count > mark
        case .route:
            guard let route = exchange.state.request.route else { return false }
            let path = exchange.snapshot.routePaths[route]
            line.write(path.span, style)
        case .upstream:
            guard let name = exchange.state.leg.server?.nameBytes else { return false }
            line.write(name.span, style)
        case .company: return write(exchange.state.verdict.viewer?.company, style, to: &line)
        case .token: return write(exchange.state.verdict.viewer?.tokenID, style, to: &line)
        case .tokenHash: return write(exchange.state.verdict.viewer?.fingerprint, style, to: &line)
        case .event: return writeEvent(style, to: &line)
        case .session:
            guard let session = exchange.session else { return false }
            line.writeHexadecimal(session.random0)
        case .role: return write(exchange.admitted?.role.name, style, to: &line)
        case .verdict:
            guard let decision = exchange.state.verdict.decision else { return false }
            line.write(decision.name)
        case .refusal:
            guard let refusal = exchange.state.verdict.refusal else { return false }
            return write(refusal.code, style, to: &line)
        case .fault: return write(exchange.record.fault, style, to: &line)
        case .cut:
            guard let cut = exchange.record.cut else { return false }
            return write(cut.rawValue, style, to: &line)
        case .referer: return write(exchange.record.userAgentEnd..<text.count, style, to: &line)
        case .userAgent: return write(exchange.record.targetEnd..<exchange.record.userAgentEnd, style, to: &line)
        case .requestID: exchange.state.request.id.write(to: &line)
        case .traceID: exchange.state.request.id.writeTrace(to: &line)
        }
        return true
    }

    /// Writes one of the request's own texts.
    private func write(_ range: Range<Int>, _ style: LogStyle, to line: inout ByteWriter) -> Bool {
        line.write(text.span.extracting(range), style)
        return !range.isEmpty
    }

    private func write(_ text: String?, _ style: LogStyle, to line: inout ByteWriter) -> Bool {
        guard let text, !text.utf8.isEmpty else { return false }
        line.write(text.utf8Span.span, style)
        return true
    }

    private func write(_ time: Int64?, to line: inout ByteWriter) -> Bool {
        guard let time else { return false }
        line.writeDecimal(Int(max(time, 0)))
        return true
    }

    /// Writes the event that was judged. Where any event is possible, a broken link's token may stand in its place.
    private func writeEvent(_ style: LogStyle, to line: inout ByteWriter) -> Bool {
        guard let event = exchange.admitted?.event ?? exchange.state.verdict.refusedEvent, !event.utf8.isEmpty else {
            return false
        }
        let bytes = event.utf8Span.span
        guard bytes.mayHoldToken else {
            line.write(bytes, style)
            return true
        }
        var masked: [UInt8] = []
        masked.append(masked: bytes, upTo: Self.maxEvent)
        line.write(masked.span, style)
        return true
    }
}

extension Exchange {
    /// How long the request has taken so far, in milliseconds.
    var duration: Int { max(Int(worker.clock.monotonic - state.request.startedAt), 0) }

    /// Whether the exchange gets a line in the access log.
    var isLogged: Bool {
        let isOn = state.request.route.map { snapshot.routeLogsAccess[$0] } ?? snapshot.logsUnrouted
        let isLeftOut =
            state.request.isPoll || state.request.isProbe && !snapshot.settings.log.accessProbes
        guard isOn, isLeftOut || snapshot.accessShare < .max else { return isOn }
        let isFine =
            record.fault == nil && record.cut == nil && state.verdict.refusal == nil && state.answer.status < 400
        return !isFine || (!isLeftOut && worker.random.next() < snapshot.accessShare)
    }

    func log() {
        let format = snapshot.accessLine
        worker.accessLog.append { LoggedExchange(self).write(as: format, to: &$0) }
    }
}
