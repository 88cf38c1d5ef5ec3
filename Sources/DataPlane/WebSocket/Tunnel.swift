import Admission

/// The life of a WebSocket through the gateway, as a state machine: takes events, and returns what to do about them.
///
/// Bytes pass unchanged in both directions. When the gateway ends the socket, it completes a frame that is half sent to
/// the client, then sends a close frame and nothing after it. The upstream gets a close frame if one may be inserted.
/// If one peer disconnects without a close frame, the gateway sends one to the other. If the peers have said goodbye to
/// each other, nothing is added.
struct Tunnel {
    /// What to do with bytes from the upstream.
    enum Passage: Equatable {
        case pass
        /// Send this many bytes to the client, the rest of the present frame. Then end both sides.
        case last(Int, Ending)
    }

    /// The end of both sides, and what each is sent first.
    struct Ending: Equatable {
        var toClient: CloseFrame?
        var toUpstream: CloseFrame?
        /// How long the client may take to read its output; `nil` for as long as it keeps reading.
        var time: Int64?
    }

    /// What to do after an event.
    enum Step: Equatable {
        /// Nothing now. If there is a ``deadline``, call ``timePassed(at:)`` by then.
        case wait
        /// Send this and the end to the upstream. It may still send.
        case endToUpstream(CloseFrame?)
        /// Send the end to the client. It may still send.
        case endToClient
        case end(Ending)
    }

    private var toClient = WebSocketFrames(from: .server)
    private var toUpstream = WebSocketFrames(from: .client)
    private var hasClientEnded = false
    private var hasUpstreamEnded = false
    /// The close frame for the client, to be sent once its present frame is complete.
    private var pendingClose: CloseFrame?
    /// Monotonic milliseconds.
    private(set) var deadline: Int64?

    /// When the gateway ends a socket, both ends close within two seconds, measured in tenths.
    static let endTime: Int64 = 1800
    /// The part of that time for the rest of a frame.
    static let frameTime: Int64 = 900
    /// How long a peer may stay silent after the other has ended its side.
    static let halfOpenTime: Int64 = 2000
    /// [RFC 6455 section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1): used for reasons without a code.
    private static let policyViolation = 1008

    init() {}

    /// Handles bytes from the upstream.
    mutating func fromUpstream(_ bytes: Span<UInt8>, at now: Int64) -> Passage {
        guard let pendingClose else {
            // An upstream that announced its close gets no more time by continuing to send.
            let mayGoOn = !toClient.hasClosed
            toClient.read(bytes)
            if deadline != nil, mayGoOn { deadline = now + Self.halfOpenTime }
            return .pass
        }
        let count = toClient.finishFrame(bytes)
        guard !isWithinFrame else { return .pass }
        return .last(count, ending(toClient: pendingClose, time: Self.endTime - Self.frameTime))
    }

    /// Handles bytes from the client. Returns false if they no longer go to the upstream.
    mutating func fromClient(_ bytes: Span<UInt8>, at now: Int64) -> Bool {
        guard pendingClose == nil else { return false }
        let mayGoOn = !toUpstream.hasClosed
        toUpstream.read(bytes)
        if deadline != nil, mayGoOn { deadline = now + Self.halfOpenTime }
        return true
    }

    /// Ends the socket from the gateway.
    mutating func end(_ reason: Refusal, at now: Int64) -> Step {
        guard pendingClose == nil else { return .wait }
        let close = CloseFrame(code: UInt16(reason.closeCode ?? Self.policyViolation), reason: reason.code)
        guard isWithinFrame, !hasUpstreamEnded else { return .end(ending(toClient: close, time: Self.endTime)) }
        // Tell the upstream only once the frame is complete: otherwise it might not send the rest.
        pendingClose = close
        deadline = now + Self.frameTime
        return .wait
    }

    /// Handles the end of the client's sending side. It may still read.
    mutating func clientEnded(at now: Int64) -> Step {
        guard !hasClientEnded else { return .wait }
        guard !hasUpstreamEnded else { return .end(Ending()) }
        let close = toUpstreamClose
        hasClientEnded = true
        guard pendingClose == nil else { return .wait }
        deadline = now + Self.halfOpenTime
        return .endToUpstream(close)
    }

    /// Handles the end of the upstream's sending side. It may still read.
    mutating func upstreamEnded(at now: Int64) -> Step {
        guard !hasUpstreamEnded else { return .wait }
        hasUpstreamEnded = true
        guard toClient.hasClosed, pendingClose == nil, !hasClientEnded else { return .end(endingWithoutUpstream()) }
        deadline = now + Self.halfOpenTime
        return .endToClient
    }

    /// Handles the loss of the upstream's connection.
    mutating func upstreamGone() -> Ending {
        hasUpstreamEnded = true
        return endingWithoutUpstream()
    }

    /// Handles the loss of the client's connection. Returns what to send to the upstream.
    mutating func clientGone() -> CloseFrame? { toUpstreamClose }

    /// Handles the deadline. Returns `nil` before it.
    mutating func timePassed(at now: Int64) -> Ending? {
        guard let deadline, now >= deadline else { return nil }
        return endingWithoutUpstream(time: Self.endTime - Self.frameTime)
    }

    /// Whether a peer or the gateway has said goodbye, so that the end is not premature.
    var isOver: Bool { toClient.hasClosed || toUpstream.hasClosed || pendingClose != nil }

    /// The close frame for a client whose upstream has disappeared.
    static let gone = CloseFrame(
        code: UInt16(Refusal.upstreamUnavailable.closeCode ?? policyViolation),
        reason: Refusal.upstreamUnavailable.code
    )

    /// Whether the client has received part of a frame.
    private var isWithinFrame: Bool { toClient.isFollowing && !toClient.isAtBoundary }

    private var toUpstreamClose: CloseFrame? {
        toUpstream.mayClose && !hasClientEnded && !hasUpstreamEnded ? .goingAway : nil
    }

    /// The ending when the upstream is gone. A client that has said goodbye gets no answer, as it would without the
    /// gateway.
    private func endingWithoutUpstream(time: Int64? = nil) -> Ending {
        var ending = ending(toClient: Self.gone, time: time)
        if toUpstream.hasClosed { ending.toClient = nil }
        return ending
    }

    private func ending(toClient close: CloseFrame, time: Int64? = nil) -> Ending {
        Ending(toClient: toClient.mayClose ? close : nil, toUpstream: toUpstreamClose, time: time)
    }
}
