import Admission

/// The life of one WebSocket that passes through the gateway, as a state machine: it is told what happens and says what
/// to do about it.
///
/// Octets pass unchanged in both directions. When the gateway ends the socket, a frame that is half sent to the client
/// is completed, a close frame follows, and nothing after it; the upstream gets a close frame where one may stand. When
/// one peer goes without a close frame, the other one gets it from here. Where the peers have said goodbye to each other
/// nothing is added.
struct Tunnel {
    /// What becomes of octets from the upstream.
    enum Passage: Equatable {
        case pass
        /// As many of them go to the client as there are left of the present frame, then both sides end.
        case last(Int, Ending)
    }

    /// The end of both sides: what each is sent before it.
    struct Ending: Equatable {
        var toClient: CloseFrame?
        var toUpstream: CloseFrame?
        /// How long the client may take for what is written to it; nil: as long as it goes on reading.
        var time: Int64?
    }

    /// What follows from an event.
    enum Step: Equatable {
        /// Nothing now. If a ``deadline`` stands, ``timePassed(at:)`` has to be called by then.
        case wait
        /// The upstream is sent this and the end; it may still send.
        case endToUpstream(CloseFrame?)
        /// The client is sent the end; it may still send.
        case endToClient
        case end(Ending)
    }

    private var toClient = WebSocketFrames(from: .server)
    private var toUpstream = WebSocketFrames(from: .client)
    private var hasClientEnded = false
    private var hasUpstreamEnded = false
    /// What the client gets when the frame that it is being sent is complete.
    private var pendingClose: CloseFrame?
    /// Monotonic milliseconds.
    private(set) var deadline: Int64?

    /// Both ends of a socket that the gateway ends are closed within two seconds, which clocks measure in tenths.
    static let endTime: Int64 = 1800
    /// The part of it that the rest of a frame may take.
    static let frameTime: Int64 = 900
    /// How long one peer may send nothing after the other one has ended its side.
    static let halfOpenTime: Int64 = 2000
    /// [RFC 6455 section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1): for reasons without a code.
    private static let policyViolation = 1008

    init() {}

    /// Octets have come from the upstream.
    mutating func fromUpstream(_ bytes: Span<UInt8>, at now: Int64) -> Passage {
        guard let pendingClose else {
            // Whoever has said that it closes gets no more time by going on.
            let mayGoOn = !toClient.hasClosed
            toClient.read(bytes)
            if deadline != nil, mayGoOn { deadline = now + Self.halfOpenTime }
            return .pass
        }
        let count = toClient.finishFrame(bytes)
        guard !isWithinFrame else { return .pass }
        return .last(count, ending(toClient: pendingClose, time: Self.endTime - Self.frameTime))
    }

    /// Octets have come from the client; false: they are not for the upstream any more.
    mutating func fromClient(_ bytes: Span<UInt8>, at now: Int64) -> Bool {
        guard pendingClose == nil else { return false }
        let mayGoOn = !toUpstream.hasClosed
        toUpstream.read(bytes)
        if deadline != nil, mayGoOn { deadline = now + Self.halfOpenTime }
        return true
    }

    /// The gateway ends the socket.
    mutating func end(_ reason: Refusal, at now: Int64) -> Step {
        guard pendingClose == nil else { return .wait }
        let close = CloseFrame(code: UInt16(reason.closeCode ?? Self.policyViolation), reason: reason.code)
        guard isWithinFrame, !hasUpstreamEnded else { return .end(ending(toClient: close, time: Self.endTime)) }
        // The upstream is told when the frame is complete: it might not send the rest if it knew.
        pendingClose = close
        deadline = now + Self.frameTime
        return .wait
    }

    /// The client sends no more, but may read.
    mutating func clientEnded(at now: Int64) -> Step {
        guard !hasClientEnded else { return .wait }
        guard !hasUpstreamEnded else { return .end(Ending()) }
        let close = toUpstreamClose
        hasClientEnded = true
        guard pendingClose == nil else { return .wait }
        deadline = now + Self.halfOpenTime
        return .endToUpstream(close)
    }

    /// The upstream sends no more, but may read.
    mutating func upstreamEnded(at now: Int64) -> Step {
        guard !hasUpstreamEnded else { return .wait }
        hasUpstreamEnded = true
        guard toClient.hasClosed, pendingClose == nil, !hasClientEnded else { return .end(endingWithoutUpstream()) }
        deadline = now + Self.halfOpenTime
        return .endToClient
    }

    /// The upstream's connection is gone.
    mutating func upstreamGone() -> Ending {
        hasUpstreamEnded = true
        return endingWithoutUpstream()
    }

    /// The client's connection is gone: what the upstream is sent.
    mutating func clientGone() -> CloseFrame? { toUpstreamClose }

    /// Time has passed; nil before the deadline.
    mutating func timePassed(at now: Int64) -> Ending? {
        guard let deadline, now >= deadline else { return nil }
        return endingWithoutUpstream(time: Self.endTime - Self.frameTime)
    }

    /// Whether somebody has said goodbye, so that the end is none before its time.
    var isOver: Bool { toClient.hasClosed || toUpstream.hasClosed || pendingClose != nil }

    /// What a client is told whose upstream has gone without a word.
    private static let gone = CloseFrame(
        code: UInt16(Refusal.upstreamUnavailable.closeCode ?? policyViolation),
        reason: Refusal.upstreamUnavailable.code
    )

    /// Whether the client has got a part of a frame.
    private var isWithinFrame: Bool { toClient.isFollowing && !toClient.isAtBoundary }

    private var toUpstreamClose: CloseFrame? {
        toUpstream.mayClose && !hasClientEnded && !hasUpstreamEnded ? .goingAway : nil
    }

    /// A client that has said goodbye itself sees what it would see without the gateway: that nobody answers.
    private func endingWithoutUpstream(time: Int64? = nil) -> Ending {
        var ending = ending(toClient: Self.gone, time: time)
        if toUpstream.hasClosed { ending.toClient = nil }
        return ending
    }

    private func ending(toClient close: CloseFrame, time: Int64? = nil) -> Ending {
        Ending(toClient: toClient.mayClose ? close : nil, toUpstream: toUpstreamClose, time: time)
    }
}
