/// Where the frames of one direction of a WebSocket begin and end
/// ([RFC 6455 section 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
///
/// It is fed with all octets of the direction, split anywhere, and reads nothing but the heads of frames: payloads are
/// skipped. Octets pass whatever it says of them; what it knows is where a close frame of our own may stand.
///
/// Reserved bits are the extensions' business, and whether frames make up messages is the peers'. But once a head cannot
/// be one, where the next begins is anybody's guess: then ``isFollowing`` is false for good.
struct WebSocketFrames {
    /// Who sends in this direction: a client masks its frames, a server never does.
    enum Sender { case client, server }

    private enum Opcode {
        static let lastData: UInt8 = 2
        static let firstControl: UInt8 = 8
        static let close: UInt8 = 8
        static let lastControl: UInt8 = 10
    }

    private let isMasked: Bool
    /// False once what came was no frame.
    private(set) var isFollowing = true
    /// Whether a close frame has come to its end, or the head of one that no frame may have: its sender, too, has said
    /// goodbye.
    private(set) var hasClosed = false
    /// The first octet of the present frame.
    private var start: UInt8 = 0
    /// Octets of the present frame's head that have come; 0 between frames and in a payload.
    private var headCount: UInt8 = 0
    /// Octets of the present frame's head in all, once its second one has come.
    private var headLength: UInt8 = 0
    /// The payload's length as far as it has been read; then what is still to come of the payload.
    private var remaining: UInt64 = 0

    private static let maxControlPayload: UInt8 = 125
    /// Lengths that say that the length follows, in two or eight octets.
    private static let shortLength: UInt8 = 126
    private static let longLength: UInt8 = 127

    init(from sender: Sender) { isMasked = sender == .client }

    /// Whether the next octet begins a frame.
    var isAtBoundary: Bool { isFollowing && headCount == 0 && remaining == 0 }

    /// Whether a close frame may be put in here.
    var mayClose: Bool { isAtBoundary && !hasClosed }

    /// Takes note of octets that have come.
    mutating func read(_ bytes: Span<UInt8>) {
        var position = 0
        while isFollowing, position < bytes.count { step(bytes, from: &position) }
    }

    /// Takes note of octets up to the end of the present frame, and says how many that are: none between frames, all when
    /// the frame goes on behind them or cannot be followed.
    mutating func finishFrame(_ bytes: Span<UInt8>) -> Int {
        var position = 0
        while isFollowing, !isAtBoundary, position < bytes.count { step(bytes, from: &position) }
        return isFollowing ? position : bytes.count
    }

    /// Takes one octet of a head, or as much of a payload as there is.
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

    private mutating func readHead(_ octet: UInt8) {
        switch headCount {
        case 0: readStart(octet)
        case 1: readLength(octet)
        default: if headCount < lengthEnd { readExtendedLength(octet) }
        }
        headCount += 1
    }

    private var opcode: UInt8 { start & 0x0f }
    private var isFinal: Bool { start & 0x80 != 0 }
    private var isControl: Bool { opcode >= Opcode.firstControl }
    /// Where the head's length ends and its mask begins.
    private var lengthEnd: UInt8 { isMasked ? headLength - 4 : headLength }

    private mutating func readStart(_ octet: UInt8) {
        start = octet
        let isKnown = opcode <= Opcode.lastData || (Opcode.firstControl...Opcode.lastControl).contains(opcode)
        // Section 5.4: control frames are not fragmented.
        if !isKnown || (isControl && !isFinal) { stopFollowing() }
    }

    private mutating func readLength(_ octet: UInt8) {
        let length = octet & 0x7f
        // Section 5.1: a client masks, a server does not. Section 5.5: control frames are short.
        guard (octet & 0x80 != 0) == isMasked, !isControl || length <= Self.maxControlPayload else {
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

    private mutating func readExtendedLength(_ octet: UInt8) {
        remaining = remaining << 8 | UInt64(octet)
        guard headCount + 1 == lengthEnd else { return }
        // The least number of octets has to be used, and the highest bit is zero.
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
