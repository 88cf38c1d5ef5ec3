/// What a request is called in logs and problem documents, and the trace that it belongs to: the client's own
/// `X-Request-Id` and `traceparent` where they are well formed, else made here.
struct RequestID {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private var span: UInt64 = 0
    private var kept: [UInt8] = []
    private(set) var keepsTrace = false

    private static let maxLength = 128

    mutating func make(_ random: inout RandomSource) {
        high = random.next()
        low = random.next()
        span = random.next() | 1
        if !kept.isEmpty { kept = [] }
        keepsTrace = false
    }

    mutating func read(_ bytes: Span<UInt8>, _ block: FieldBlock, _ random: inout RandomSource) {
        make(&random)
        if let value = block.first(.xRequestID), block.isSingle(.xRequestID), Self.isID(bytes, value) {
            kept.reserveCapacity(value.count)
            for index in value { kept.append(bytes[index]) }
        }
        if let value = block.first(.traceparent), block.isSingle(.traceparent) {
            keepsTrace = Self.isTraceparent(bytes, value)
        }
    }

    /// Whether the client's id goes on.
    var keepsID: Bool { !kept.isEmpty }

    /// The id as text.
    var text: [UInt8] {
        if keepsID { return kept }
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for word in [high, low] { for shift in 0..<16 { text.append(Self.digit(word >> UInt64(60 - 4 * shift))) } }
        return text
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

    @inline(__always)
    private static func digit(_ nibble: UInt64) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: nibble & 15)
        return value < 10 ? value &+ 0x30 : value &+ 0x57
    }

    /// Letters, digits and what ids are commonly joined with: nothing that means something to a log or a shell.
    private static func isID(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= maxLength else { return false }
        for index in range {
            let byte = bytes[index]
            let isAllowed =
                byte.isDigit || (byte.lowercased &- 0x61) < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
            if !isAllowed { return false }
        }
        return true
    }

    /// `00-` trace id `-` parent id `-` flags ([Trace Context section 3.2](https://www.w3.org/TR/trace-context/#traceparent-header)).
    private static func isTraceparent(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count == 55 else { return false }
        var traceBits: UInt8 = 0
        var spanBits: UInt8 = 0
        for offset in 0..<55 {
            let byte = bytes[range.lowerBound + offset]
            if offset == 2 || offset == 35 || offset == 52 {
                guard byte == UInt8(ascii: "-") else { return false }
                continue
            }
            guard let value = byte.hexValue, byte.lowercased == byte else { return false }
            if offset < 2, value != 0 { return false }
            if (3..<35).contains(offset) { traceBits |= value }
            if (36..<52).contains(offset) { spanBits |= value }
        }
        return traceBits != 0 && spanBits != 0
    }
}
