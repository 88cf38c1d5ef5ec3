import Basics

/// Identifies a request in logs and problem documents, and the trace that it belongs to. Uses the client's
/// `X-Request-Id` and `traceparent` if they are well formed, and otherwise generates them.
struct RequestID {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    /// The span that the upstream gets as its parent, unless the client's own is forwarded.
    private(set) var span: UInt64 = 0
    /// The trace that the client is part of; without one, a new trace has the same bits as the id.
    private(set) var trace: (high: UInt64, low: UInt64) = (0, 0)
    /// The client's span. 0 if the trace begins here.
    private(set) var parent: UInt64 = 0
    /// The flags of the client's `traceparent`.
    private var parentFlags: UInt8 = 0
    private var kept: [UInt8] = []
    /// Whether the spans of this exchange are recorded.
    private(set) var isSampled = false
    /// Whether the client's `traceparent` is forwarded as it is.
    private(set) var keepsTrace = false
    /// Whether the client's `tracestate` is forwarded: that of a trace which is kept.
    private(set) var keepsTraceState = false

    private static let maxLength = 128
    /// Flags of a `traceparent`
    /// ([Trace Context section 3.2.2.5](https://www.w3.org/TR/trace-context-2/#trace-flags)).
    private static let sampled: UInt8 = 1
    private static let isRandom: UInt8 = 2
    /// What a `tracestate` may have at most: members, and bytes of all its fields.
    private static let maxState = (members: 32, length: 512)

    mutating func make(_ random: inout RandomSource) {
        high = random.next()
        low = random.next()
        span = random.next() | 1
        trace = (high, low)
        (parent, parentFlags, isSampled) = (0, 0, false)
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
            keepsTrace = readParent(value)
            keepsTraceState = keepsTrace && request.contains(.tracestate) && Self.isTraceState(request)
        }
    }

    /// Decides whether the spans of this exchange are recorded.
    ///
    /// - Parameter heedsParent: whether the client's decision counts, if it has one.
    mutating func decide(_ sampler: TraceSampler, heedsParent: Bool) {
        let isParentSampled = parentFlags & Self.sampled != 0
        // The id of a trace that a stranger began is the stranger's choice, and must not decide either.
        isSampled = parent != 0 && heedsParent ? isParentSampled : sampler.samples(low)
        // A recorded exchange is the upstream's parent. Another must not claim to be recorded.
        if isSampled || isParentSampled { keepsTrace = false }
    }

    /// Whether the client's id is forwarded.
    var keepsID: Bool { !kept.isEmpty }

    var string: String {
        keepsID ? String(decoding: kept, as: UTF8.self) : Hexadecimal.text(high) + Hexadecimal.text(low)
    }

    @inline(__always)
    func write(to line: inout ByteWriter) {
        if keepsID {
            line.write(kept)
        } else {
            line.writeHexadecimal(high, low)
        }
    }

    /// Writes the trace's id: 32 hexadecimal digits.
    @inline(__always)
    func writeTrace(to line: inout ByteWriter) {
        line.writeHexadecimal(trace.high, trace.low)
    }

    /// Writes the field lines that the request does not have yet.
    func writeFields(to head: inout ByteWriter) {
        /// Where the digits of the trace's id are already.
        var digits: Int?
        if !keepsID {
            head.write("X-Request-Id: ")
            if trace == (high, low) { digits = head.count }
            head.writeHexadecimal(high, low)
            head.write("\r\n")
        }
        if !keepsTrace {
            head.write("traceparent: 00-")
            if let digits {
                head.writeAgain(from: digits, 32)
            } else {
                writeTrace(to: &head)
            }
            head.write("-")
            head.writeHexadecimal(span)
            // One write each, since most requests come here.
            switch parentFlags & Self.isRandom | (isSampled ? Self.sampled : 0) {
            case 0: head.write("-00\r\n")
            case Self.sampled: head.write("-01\r\n")
            case Self.isRandom: head.write("-02\r\n")
            default: head.write("-03\r\n")
            }
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

    /// Reads `00-` trace id `-` parent id `-` flags
    /// ([Trace Context section 3.2](https://www.w3.org/TR/trace-context/#traceparent-header)). Returns false, and changes
    /// nothing, if it is malformed.
    private mutating func readParent(_ value: Span<UInt8>) -> Bool {
        guard value.count == 55 else { return false }
        var trace: (high: UInt64, low: UInt64) = (0, 0)
        var (span, flags): (UInt64, UInt8) = (0, 0)
        for offset in 0..<55 {
            let byte = value[offset]
            if offset == 2 || offset == 35 || offset == 52 {
                guard byte == UInt8(ascii: "-") else { return false }
                continue
            }
            guard let digit = byte.hexValue, byte.lowercased == byte else { return false }
            switch offset {
            case 0..<2: if digit != 0 { return false }
            case 3..<35: trace = (trace.high << 4 | trace.low >> 60, trace.low << 4 | UInt64(digit))
            case 36..<52: span = span << 4 | UInt64(digit)
            default: flags = flags << 4 | digit
            }
        }
        guard trace.high | trace.low != 0, span != 0 else { return false }
        (self.trace, parent, parentFlags) = (trace, span, flags)
        return true
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
