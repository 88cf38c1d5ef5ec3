import Basics

/// Identifies a request in logs and problem documents, and the trace that it belongs to. Uses the client's
/// `X-Request-Id` and `traceparent` if they are well formed, and otherwise generates them.
struct RequestID {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private var span: UInt64 = 0
    /// The trace that the client is part of; without one, a new trace has the same bits as the id.
    private var trace: (high: UInt64, low: UInt64) = (0, 0)
    private var kept: [UInt8] = []
    private(set) var keepsTrace = false
    /// Whether the client's `tracestate` is forwarded: that of a trace which is kept.
    private(set) var keepsTraceState = false

    private static let maxLength = 128
    /// What a `tracestate` may have at most: members, and bytes of all its fields.
    private static let maxState = (members: 32, length: 512)

    mutating func make(_ random: inout RandomSource) {
        high = random.next()
        low = random.next()
        span = random.next() | 1
        trace = (high, low)
        if !kept.isEmpty { kept = [] }
        keepsTrace = false
        keepsTraceState = false
    }

    mutating func read(_ request: RequestView, _ random: inout RandomSource) {
        make(&random)
        if let value = request.value(of: .xRequestID), request.isSingle(.xRequestID), Self.isID(value) {
            kept = value.copied()
        }
        if let value = request.value(of: .traceparent), request.isSingle(.traceparent) {
            if let trace = Self.trace(of: value) { (self.trace, keepsTrace) = (trace, true) }
            keepsTraceState = keepsTrace && request.contains(.tracestate) && Self.isTraceState(request)
        }
    }

    /// Whether the client's id is forwarded.
    var keepsID: Bool { !kept.isEmpty }

    var text: [UInt8] {
        var text: [UInt8] = []
        write(to: &text)
        return text
    }

    var string: String { String(decoding: text, as: UTF8.self) }

    func write(to line: inout [UInt8]) {
        if keepsID {
            line.append(contentsOf: kept)
        } else {
            line.append(hexadecimal: high)
            line.append(hexadecimal: low)
        }
    }

    /// Writes the trace's id: 32 hexadecimal digits.
    func writeTrace(to line: inout [UInt8]) {
        line.append(hexadecimal: trace.high)
        line.append(hexadecimal: trace.low)
    }

    /// Writes the field lines that the request does not have yet.
    func writeFields(to head: inout HeadWriter) {
        if !keepsID {
            head.write("X-Request-Id: ")
            head.writeHexadecimal(high)
            head.writeHexadecimal(low)
            head.write("\r\n")
        }
        if !keepsTrace {
            head.write("traceparent: 00-")
            head.writeHexadecimal(high)
            head.writeHexadecimal(low)
            head.write("-")
            head.writeHexadecimal(span)
            head.write("-00\r\n")
        }
    }

    /// Letters, digits and common separators of ids: nothing special to a log or a shell.
    private static func isID(_ value: Span<UInt8>) -> Bool {
        guard !value.isEmpty, value.count <= maxLength else { return false }
        for index in value.indices {
            let byte = value[index]
            let isAllowed =
                byte.isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
            if !isAllowed { return false }
        }
        return true
    }

    /// The trace id of `00-` trace id `-` parent id `-` flags
    /// ([Trace Context section 3.2](https://www.w3.org/TR/trace-context/#traceparent-header)). Returns `nil` if it is
    /// malformed.
    private static func trace(of value: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
        guard value.count == 55 else { return nil }
        var trace: (high: UInt64, low: UInt64) = (0, 0)
        var spanBits: UInt8 = 0
        for offset in 0..<55 {
            let byte = value[offset]
            if offset == 2 || offset == 35 || offset == 52 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = byte.hexValue, byte.lowercased == byte else { return nil }
            if offset < 2, digit != 0 { return nil }
            if (3..<35).contains(offset) {
                trace = (trace.high << 4 | trace.low >> 60, trace.low << 4 | UInt64(digit))
            }
            if (36..<52).contains(offset) { spanBits |= digit }
        }
        return (trace.high | trace.low) != 0 && spanBits != 0 ? trace : nil
    }

    /// Whether the request's `tracestate` fields are one list of `key=value` within the limits
    /// ([Trace Context section 3.3](https://www.w3.org/TR/trace-context/#tracestate-header)). What keys and values may
    /// contain is for those who act on them.
    private static func isTraceState(_ request: RequestView) -> Bool {
        var (members, length) = (0, 0)
        for field in request.fields where field.name == .tracestate {
            length += field.value.count
            guard length <= maxState.length else { return false }
            // Whether the member has a key, and a value.
            var (hasText, hasValue) = (false, false)
            for index in field.value {
                switch request.bytes[index] {
                case UInt8(ascii: ","):
                    if hasText != hasValue { return false }
                    (hasText, hasValue) = (false, false)
                case UInt8(ascii: "="):
                    guard hasText else { return false }
                    if !hasValue { members += 1 }
                    hasValue = true
                case .space, .tab: break
                case 0x21...0x7e: hasText = true
                default: return false
                }
            }
            if hasText != hasValue || members > maxState.members { return false }
        }
        return true
    }
}
