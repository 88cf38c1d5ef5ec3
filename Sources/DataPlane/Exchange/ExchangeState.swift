import Admission

/// The course of one exchange as a value: what arrived of the request, what was decided, how far it got towards an
/// upstream, and what the client has of the answer.
///
/// Takes events and returns the action to perform, which ``Exchange`` does. Does no I/O and reads no clock, so that
/// tests can try every event in every phase.
struct ExchangeState {
    /// How far the exchange has come.
    enum Phase: CaseIterable {
        /// There is no request.
        case idle
        /// The request is being judged. No upstream knows of it.
        case judging
        /// The request waits for a connection to an upstream.
        case connecting
        /// The upstream has at least part of the request and has not answered.
        case requesting
        /// The client has the head of the response.
        case answering
        /// The response completed a WebSocket handshake.
        case tunnel
    }

    /// What can happen to an exchange. Times are in monotonic milliseconds.
    enum Event {
        /// The request goes to an upstream with this many servers, and may be sent once more this many times.
        case forwarded(servers: Int, retries: Int)
        /// An upstream connection is ready for the request.
        case connected(at: Int64)
        /// The upstream cannot be used, or no longer can.
        case failed(UpstreamFault, UpstreamAttempt?)
        /// Bytes of the request's body arrived.
        case requestBytes(Int)
        case requestEnded(at: Int64)
        /// The request's body violates its framing.
        case requestBroken
        /// The upstream sent an interim response.
        case interim(status: Int)
        /// The upstream sent the head of its response.
        case head(status: Int)
        /// The client was sent the answer to its handshake.
        case upgraded
        /// Bytes of the response's body arrived.
        case responseBytes(Int)
        /// The response is complete.
        case responseEnded(isReusable: Bool)
        /// The gateway answers by itself.
        case answered(status: Int)
        /// The session is over: another join took its lease, an operator ended it, or its time is up.
        case sessionOver(Refusal)
        case clientGone
        /// Some time has passed.
        case looked(Look)
    }

    /// What to do.
    enum Action: Equatable {
        case ignore
        /// The event cannot occur in this phase. Forward nothing.
        case unexpected
        /// Request a connection to a server that is not in the bit set `tried`.
        case connect(tried: UInt64, allowsReuse: Bool)
        /// Send the upstream the head and the part of the body that has arrived.
        case send
        /// Send the upstream the end of the body.
        case endRequest
        /// Forward the bytes, or the head.
        case pass
        /// Keep the bytes until there is a connection, and stop reading more.
        case keep
        case refuse(Refusal)
        case respond(status: Int)
        /// Cut off a response that cannot be completed.
        case cut(Cut)
        /// Send the client the end of the response. `keepsUpstream` says whether the upstream's connection may be
        /// reused.
        case complete(keepsUpstream: Bool)
        /// Release the upstream's connection.
        case release
        case endTunnel
        /// The upstream took too long.
        case timeOut
        /// The upstream's server is known not to answer. Other requests, which it may be at work on, wait on.
        case giveUp
        /// Nothing is too slow. Check the session again.
        case judge
    }

    private(set) var phase = Phase.idle
    var request = Request()
    var verdict = Verdict()
    var leg = UpstreamLeg()
    var answer = Answer()
    var stay = Stay()

    /// Starts an exchange at `now`, a time of the monotonic clock in milliseconds.
    ///
    /// - Parameter maxBytes: the most bytes of a body.
    mutating func begin(at now: Int64, maxBytes: Int = .max) {
        // Each part is assigned where it stands: a state is half a kilobyte, and is not copied for each request.
        phase = .judging
        request = Request()
        request.startedAt = now
        request.maxBytes = maxBytes
        verdict = Verdict()
        leg = UpstreamLeg()
        leg.movedAt = now
        answer = Answer()
        stay = Stay()
        stay.renewedAt = now
    }

    var isActive: Bool { phase != .idle }

    /// Whether the client has the head of a response.
    var isAnswered: Bool { phase == .answering || phase == .tunnel }

    /// Whether bytes of the request may be sent to the upstream.
    var isConnected: Bool { phase == .requesting || isAnswered }

    /// Ends the exchange and releases what it refers to.
    mutating func end() {
        phase = .idle
        verdict = Verdict()
        leg.server = nil
    }

    mutating func on(_ event: Event) -> Action {
        switch event {
        case .forwarded(let servers, let retries): forwarded(servers, retries)
        case .connected(let now): connected(now)
        case .failed(let fault, let attempt): failed(fault, attempt)
        case .requestBytes(let count): requestBytes(count)
        case .requestEnded(let now): requestEnded(now)
        case .requestBroken: requestBroken()
        case .interim(let status): interim(status)
        case .head(let status): head(status)
        case .upgraded: upgraded()
        case .responseBytes(let count): responseBytes(count)
        case .responseEnded(let isReusable): responseEnded(isReusable)
        case .answered(let status): answered(status)
        case .sessionOver(let reason): sessionOver(reason)
        case .clientGone: clientGone()
        case .looked(let look): looked(look)
        }
    }

    // MARK: The upstream's connection

    private mutating func forwarded(_ servers: Int, _ retries: Int) -> Action {
        switch phase {
        case .judging:
            phase = .connecting
            leg.servers = servers
            leg.retries = retries
            return .connect(tried: 0, allowsReuse: true)
        case .idle, .connecting, .requesting, .answering, .tunnel: return .unexpected
        }
    }

    private mutating func connected(_ now: Int64) -> Action {
        switch phase {
        case .connecting:
            phase = .requesting
            leg.sentAt = now
            return .send
        case .idle, .judging, .requesting, .answering, .tunnel: return .unexpected
        }
    }

    private mutating func failed(_ fault: UpstreamFault, _ attempt: UpstreamAttempt?) -> Action {
        switch phase {
        case .connecting, .requesting: break
        // Only closing the connection can tell the client that no more of the answer will come.
        case .answering: return .cut(.upstream)
        // A tunnel is told of its end in another way.
        case .idle, .judging, .tunnel: return .unexpected
        }
        switch fault {
        case .connect where leg.attempts < leg.servers && leg.retries > 0:
            // Otherwise there was no server to try.
            guard let attempt else { return .refuse(.upstreamUnavailable) }
            leg.tried |= attempt.server
            leg.attempts += 1
            leg.retries -= 1
            phase = .connecting
            // Other idle connections may have been closed as well.
            return .connect(tried: leg.tried, allowsReuse: !leg.isRetry)
        case .closed where attempt?.wasReused ?? false && mayRepeat:
            // RFC 9112 section 9.3.1: the server closed an idle connection as the request was on its way. It may be well,
            // and the only one that is, so it does not count as tried.
            leg.isRetry = true
            leg.retries -= 1
            phase = .connecting
            return .connect(tried: leg.tried, allowsReuse: false)
        case .shortage, .busy: return .refuse(.tryAgain)
        case .timeout: return .refuse(.upstreamTimeout)
        case .connect, .closed, .response, .unresponsive, .drained: return .refuse(.upstreamUnavailable)
        }
    }

    /// Whether the request may be sent a second time.
    private var mayRepeat: Bool {
        !leg.isRetry && leg.retries > 0 && isRepeatable
    }

    /// Whether nothing is lost if the request is sent to a server that does not answer.
    private var isRepeatable: Bool { request.method.isIdempotent && request.bytes == 0 }

    // MARK: The request

    private mutating func requestBytes(_ count: Int) -> Action {
        request.bytes += count
        let isTooLarge = request.bytes > request.maxBytes
        switch phase {
        // Nobody needs the rest of a body that was answered early.
        case .idle: return .ignore
        case .judging, .connecting: return isTooLarge ? .respond(status: 413) : .keep
        case .requesting: return isTooLarge ? .respond(status: 413) : .pass
        case .answering: return isTooLarge ? .cut(.client) : .pass
        // Bytes in a tunnel are not a body.
        case .tunnel: return .unexpected
        }
    }

    private mutating func requestEnded(_ now: Int64) -> Action {
        guard isActive, !request.isComplete else { return .ignore }
        request.isComplete = true
        switch phase {
        case .requesting, .answering:
            leg.sentAt = now
            return .endRequest
        // The end is sent along with the bytes that wait.
        case .idle, .judging, .connecting: return .ignore
        case .tunnel: return .unexpected
        }
    }

    private mutating func requestBroken() -> Action {
        switch phase {
        case .judging, .connecting, .requesting: .respond(status: 400)
        case .answering: .cut(.client)
        case .idle: .ignore
        case .tunnel: .unexpected
        }
    }

    // MARK: The answer

    private mutating func interim(_ status: Int) -> Action {
        switch phase {
        // The gateway sends 100 by itself. HTTP/1.0 clients do not know interim responses.
        case .requesting: request.isHTTP10 || verdict.isPreflight || status == 100 ? .ignore : .pass
        case .idle: .ignore
        case .judging, .connecting, .answering, .tunnel: .unexpected
        }
    }

    private mutating func head(_ status: Int) -> Action {
        switch phase {
        case .requesting:
            phase = .answering
            answer.status = status
            return .pass
        case .idle: return .ignore
        case .judging, .connecting, .answering, .tunnel: return .unexpected
        }
    }

    private mutating func upgraded() -> Action {
        switch phase {
        case .answering:
            phase = .tunnel
            return .pass
        case .idle, .judging, .connecting, .requesting, .tunnel: return .unexpected
        }
    }

    private mutating func responseBytes(_ count: Int) -> Action {
        switch phase {
        case .answering:
            if verdict.isPreflight || count == 0 { return .ignore }
            answer.bytes += count
            return .pass
        case .idle: return .ignore
        case .judging, .connecting, .requesting, .tunnel: return .unexpected
        }
    }

    private mutating func responseEnded(_ isReusable: Bool) -> Action {
        switch phase {
        case .answering:
            // An upstream that was asked to upgrade may have stopped reading requests, whatever it answered.
            .complete(keepsUpstream: isReusable && request.isComplete && !request.isUpgrade)
        case .idle: .ignore
        case .judging, .connecting, .requesting, .tunnel: .unexpected
        }
    }

    private mutating func answered(_ status: Int) -> Action {
        switch phase {
        case .judging, .connecting, .requesting:
            phase = .answering
            answer.status = status
            return .pass
        // The client is gone, or has an answer.
        case .idle, .answering, .tunnel: return .ignore
        }
    }

    // MARK: Ends

    private mutating func sessionOver(_ reason: Refusal) -> Action {
        switch phase {
        case .judging, .connecting, .requesting: return .refuse(reason)
        case .answering: return .cut(.session)
        case .tunnel: return .endTunnel
        case .idle: return .ignore
        }
    }

    private mutating func clientGone() -> Action {
        if isActive, answer.status == 0 { answer.status = Answer.clientGone }
        switch phase {
        case .judging, .connecting, .requesting, .answering: return .release
        case .tunnel: return .endTunnel
        case .idle: return .ignore
        }
    }

    private mutating func looked(_ look: Look) -> Action {
        switch phase {
        case .idle: return .ignore
        case .judging, .connecting, .requesting, .answering:
            let isRequesting = phase == .requesting
            if isRequesting, request.isComplete, isRepeatable, look.isServerLost { return .giveUp }
            if isRequesting, isUploadStalled(look) { return .timeOut }
            let isWaiting = look.isReadingBody
            if request.rate.isTooSlow(request.bytes, minimum: look.minRate, isWaiting: isWaiting, at: look.now) {
                return phase == .answering ? .cut(.slow) : .respond(status: 408)
            }
            if isRequesting, request.isComplete, look.now - leg.sentAt >= look.responseTimeout { return .timeOut }
        // A socket may stay silent indefinitely.
        case .tunnel: break
        }
        let isWaiting = look.isClientWaitedFor
        let isTooSlow = answer.rate.isTooSlow(
            look.takenBytes,
            minimum: look.minRate,
            isWaiting: isWaiting,
            at: look.now
        )
        return isTooSlow ? .cut(.slow) : .judge
    }

    /// Whether the upstream has taken none of the body for as long as a response may take.
    private mutating func isUploadStalled(_ look: Look) -> Bool {
        guard !request.isComplete, !look.isUpstreamWritable, request.bytes == leg.movedBytes else {
            leg.movedBytes = request.bytes
            leg.movedAt = look.now
            return false
        }
        return look.now - leg.movedAt >= look.responseTimeout
    }
}

/// A failed upstream connection.
struct UpstreamAttempt: Equatable {
    /// The server as a bit in its upstream's bit set.
    var server: UInt64
    /// Whether the connection had served another exchange and had not begun to answer this one.
    var wasReused: Bool
}

/// The facts that one check of an open exchange finds.
struct Look {
    /// In monotonic milliseconds.
    var now: Int64
    /// In bytes per second.
    var minRate: Int
    /// In milliseconds.
    var responseTimeout: Int64
    /// Whether the exchange waits for the client's body.
    var isReadingBody: Bool
    /// Whether the upstream accepts more bytes.
    var isUpstreamWritable: Bool
    /// Whether the checks of the upstream's server get no answer.
    var isServerLost: Bool
    /// How many bytes the client has taken since some fixed moment.
    var takenBytes: Int
    /// Whether bytes wait for the client to take them.
    var isClientWaitedFor: Bool
}
