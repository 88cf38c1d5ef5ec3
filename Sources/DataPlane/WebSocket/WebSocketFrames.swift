/// Tracks where the frames of one direction of a WebSocket begin and end
/// ([RFC 6455 section 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
///
/// Takes all bytes of the direction, split anywhere, and reads only the heads of frames. The bytes pass whatever it
/// reports; it knows where the gateway may insert its own close frame.
///
/// Reserved bits belong to extensions, and message structure is up to the peers. But after an invalid head, the start
/// of the next frame is unknown: then ``isFollowing`` is false for good.
struct WebSocketFrames {
    /// The sender in this direction: a client masks its frames, a server never does.
    enum Sender { case client, server }

    private enum Opcode {
        static let lastData: UInt8 = 2
        static let firstControl: UInt8 = 8
        static let close: UInt8 = 8
        static let lastControl: UInt8 = 10
    }

    private let isMasked: Bool
    /// False once an invalid frame has occurred.
    private(set) var isFollowing = true
    /// Whether a complete close frame has passed, or the head of an invalid one: either means that the sender has said
    /// goodbye.
    private(set) var hasClosed = false
    /// The first byte of the present frame.
    private var start: UInt8 = 0
    /// How many bytes of the present frame's head have arrived; 0 between frames and in a payload.
    private var headCount: UInt8 = 0
    /// The total length of the present frame's head, once its second byte has arrived.
    private var headLength: UInt8 = 0
    /// The payload's length as far as it was read; afterwards how much of the payload is left.
    private var remaining: UInt64 = 0

    private static let maxControlPayload: UInt8 = 125
    /// Length values meaning that the length follows in two or eight bytes.
    private static let shortLength: UInt8 = 126
    private static let longLength: UInt8 = 127

    init(from sender: Sender) { isMasked = sender == .client }

    /// Whether the next byte begins a frame.
    var isAtBoundary: Bool { isFollowing && headCount == 0 && remaining == 0 }

    /// Whether a close frame may be inserted here.
    var mayClose: Bool { isAtBoundary && !hasClosed }

    /// Processes received bytes.
    mutating func read(_ bytes: Span<UInt8>) {
        var position = 0
        while isFollowing, position < bytes.count { step(bytes, from: &position) }
    }

    /// Processes bytes up to the end of the present frame, and returns how many these are: none between frames; all if
    /// the frame continues beyond them or cannot be followed.
    mutating func finishFrame(_ bytes: Span<UInt8>) -> Int {
        var position = 0
        while isFollowing, !isAtBoundary, position < bytes.count { step(bytes, from: &position) }
        return isFollowing ? position : bytes.count
    }

    /// Processes one byte of a head, or as much of a payload as there is.
    @inline(__always)
    private mutating func step(_ bytes: Span<UInt8>, from position: inout Int) {
        if headCount == 0, remaining > 0 {
            let count = min(remaining, UInt64(bytes.count - position))
            remaining -= count
            position += Int(count)
        } else {
            readHead(bytes[position])
            position += 1
            guard isFollowing, headCount >= 2, headCount == headLength else { return }
            headCount = 0
        }
        if remaining == 0, opcode == Opcode.close { hasClosed = true }
    }

    private mutating func readHead(_ byte: UInt8) {
        switch headCount {
        case 0: readStart(byte)
        case 1: readLength(byte)
        default: if headCount < lengthEnd { readExtendedLength(byte) }
        }
        headCount += 1
    }

    private var opcode: UInt8 { start & 0x0f }
    private var isFinal: Bool { start & 0x80 != 0 }
    private var isControl: Bool { opcode >= Opcode.firstControl }
    /// Where the head's length field ends and the mask begins.
    private var lengthEnd: UInt8 { isMasked ? headLength - 4 : headLength }

    private mutating func readStart(_ byte: UInt8) {
        start = byte
        let isKnown = opcode <= Opcode.lastData || (Opcode.firstControl...Opcode.lastControl).contains(opcode)
        // Section 5.4: control frames are not fragmented.
        if !isKnown || (isControl && !isFinal) { stopFollowing() }
    }

    private mutating func readLength(_ byte: UInt8) {
        let length = byte & 0x7f
        // Section 5.1: a client masks, a server does not. Section 5.5: control frames are short.
        guard (byte & 0x80 != 0) == isMasked, !isControl || length <= Self.maxControlPayload else {
            stopFollowing()
            return
        }
        headLength = isMasked ? 6 : 2
        switch length {
        case Self.shortLength: headLength += 2
        case Self.longLength: headLength += 8
        default: remaining = UInt64(length)
        }
    }

    private mutating func readExtendedLength(_ byte: UInt8) {
        remaining = remaining << 8 | UInt64(byte)
        guard headCount + 1 == lengthEnd else { return }
        // The shortest form must be used, and the highest bit is zero.
        let isShort = lengthEnd == 4
        if isShort ? remaining < UInt64(Self.shortLength) : remaining <= UInt64(UInt16.max) || remaining >> 63 != 0 {
            stopFollowing()
        }
    }

    private mutating func stopFollowing() {
        isFollowing = false
        if opcode == Opcode.close { hasClosed = true }
    }
}
