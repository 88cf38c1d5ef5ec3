import Admission
import Basics
import GatewayConfiguration
import Transport

extension AccessRecord {
    func write(_ exchange: Exchange, as format: AccessLine, to line: inout ByteWriter) {
        let session = format.sessionPieces
        write(0..<session.lowerBound, of: exchange, as: format, to: &line)
        if let logged = exchange.state.verdict.logged {
            logged.write(to: &line, for: exchange.snapshot.version) { line in
                write(session, of: exchange, as: format, to: &line)
            }
        } else {
            write(session, of: exchange, as: format, to: &line)
        }
        write(session.upperBound..<format.pieces.count, of: exchange, as: format, to: &line)
        line.write(format.bytes.span.extracting(format.end))
    }

    private func write(
        _ pieces: Range<Int>,
        of exchange: Exchange,
        as format: AccessLine,
        to line: inout ByteWriter
    ) {
        let bytes = format.bytes.span
        for index in pieces {
            let piece = format.pieces[index]
            let mark = line.count
            line.write(bytes.extracting(Int(piece.start)..<Int(piece.end)))
            if !write(piece.field, of: exchange, piece.style, to: &line) {
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
    private func write(
        _ field: AccessField,
        of exchange: Exchange,
        _ style: LogStyle,
        to line: inout ByteWriter
    ) -> Bool {
        switch field {
        case .time: exchange.worker.clock.writeTimestamp(to: &line)
        case .timeCommon: exchange.worker.clock.writeCommonTime(to: &line)
        case .client:
            guard let address = exchange.address?.text else { return false }
            line.write(address.span, style)
        case .method: return write(0..<methodEnd, style, to: &line)
        case .path: return write(methodEnd..<targetEnd, style, to: &line)
        case .version:
            guard hasMethod, let client = exchange.client else { return false }
            line.write(client.framesBodies ? "HTTP/2.0" : exchange.state.request.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1")
        case .status: line.writeDecimal(exchange.state.answer.status)
        case .duration: line.writeDecimal(exchange.duration)
        case .connectTime: return write(connectTime, to: &line)
        case .headTime: return write(headTime, to: &line)
        case .requestBytes: line.writeDecimal(exchange.state.request.bytes)
        case .responseBytes: line.writeDecimal(exchange.state.answer.bytes)
        case .tls:
            guard let tls = exchange.client?.tls else { return false }
            line.write(tls.version)
        case .serverName: return writeServerName(of: exchange, style, to: &line)
        case .route: return write(exchange.routePath, style, to: &line)
        case .upstream: return write(exchange.state.leg.server?.name, style, to: &line)
        case .company: return write(exchange.state.verdict.viewer?.company, style, to: &line)
        case .token: return write(exchange.state.verdict.viewer?.tokenID, style, to: &line)
        case .tokenHash: return write(exchange.state.verdict.viewer?.fingerprint, style, to: &line)
        case .event: return writeEvent(of: exchange, style, to: &line)
        case .session:
            guard let session = exchange.state.verdict.admitted?.session else { return false }
            line.writeHexadecimal(session.random0)
        case .role: return write(exchange.state.verdict.admitted?.role.name, style, to: &line)
        case .verdict:
            guard let decision = exchange.state.verdict.decision else { return false }
            line.write(decision.name)
        case .refusal: return write(exchange.state.verdict.refusal?.code, style, to: &line)
        case .fault: return write(fault, style, to: &line)
        case .cut: return write(cut?.rawValue, style, to: &line)
        case .referer: return write(userAgentEnd..<text.count, style, to: &line)
        case .userAgent: return write(targetEnd..<userAgentEnd, style, to: &line)
        case .requestID: exchange.state.request.id.write(to: &line)
        case .traceID: exchange.state.request.id.writeTrace(to: &line)
        }
        return true
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

    private func writeServerName(of exchange: Exchange, _ style: LogStyle, to line: inout ByteWriter) -> Bool {
        guard let tls = exchange.client?.tls else { return false }
        let mark = line.count
        tls.withServerName { line.write($0, style) }
        return line.count > mark
    }

    /// The event that was judged. Where any event is possible, a broken link's token may stand in its place.
    private func writeEvent(of exchange: Exchange, _ style: LogStyle, to line: inout ByteWriter) -> Bool {
        guard let event = exchange.state.verdict.admitted?.event ?? exchange.state.verdict.refusedEvent,
            !event.utf8.isEmpty
        else { return false }
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

    private static let maxEvent = 256
}

extension Exchange {
    /// How long the request has taken so far, in milliseconds.
    var duration: Int { max(Int(worker.clock.monotonic - state.request.startedAt), 0) }

    /// The path of the request's route, as configured.
    fileprivate var routePath: String? {
        state.request.route.map { snapshot.settings.routes[$0].path.text }
    }

    /// Whether the exchange gets a line in the access log.
    var isLogged: Bool {
        let isOn = state.request.route.map { snapshot.routeLogsAccess[$0] } ?? snapshot.logsUnrouted
        let isLeftOut = state.request.isProbe && !snapshot.settings.log.accessProbes
        guard isOn, isLeftOut || snapshot.accessShare < .max else { return isOn }
        let isFine =
            record.fault == nil && record.cut == nil && state.verdict.refusal == nil && state.answer.status < 400
        return !isFine || (!isLeftOut && worker.random.next() < snapshot.accessShare)
    }

    func log() {
        let format = snapshot.accessLine
        worker.accessLog.append { line in record.write(self, as: format, to: &line) }
    }
}
