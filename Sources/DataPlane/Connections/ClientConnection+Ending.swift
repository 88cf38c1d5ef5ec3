import Admission
import Basics
import Transport

/// How a client's connection ends: after its last answer, when its session ends or the gateway drains, or at once.
extension ClientConnection {
    private static let lingerTime: Int64 = 2000
    /// The most bytes that the kernel may still deliver for a connection that ends.
    private static let maxRest = 16 << 10

    /// Ends the sending side and drops further input for a moment.
    func linger() {
        pending = nil
        phase = .lingering
        unsentRate = RateWindow()
        guard !isInputClosed else {
            // With both sides closed the connection closes at once, so everything written must have been sent before.
            if unacknowledgedBytes > 0 { setDeadline(in: 0) } else { end() }
            return
        }
        setDeadline(in: min(Self.lingerTime, closesAt - worker.clock.monotonic))
        resumeReading()
        finishSending()
    }

    func closeAfterFlush() {
        guard phase != .closed else { return }
        linger()
    }

    func closeAfterFlush(within time: Int64) {
        closesAt = worker.clock.monotonic + time
        closeAfterFlush()
    }

    func abort() {
        phase = .closed
        closeAbruptly()
    }

    func sever() {
        phase = .closed
        reset()
    }

    func endDrain() {
        exchange?.clientGone(.drain)
        abort()
    }

    func end() {
        phase = .closed
        close()
    }

    /// Closes once the client has the end of the last answer, or if it takes it too slowly.
    func endSending() {
        let (rest, minimum, now) = (unacknowledgedBytes, worker.snapshot.minRate, worker.clock.monotonic)
        if rest == 0 {
            end()
        } else if unsentRate.isTooSlow(-rest, minimum: minimum, isWaiting: true, at: now) {
            worker.site.turnedAway.untakenEnd()
            sever()
        } else if now < closesAt {
            setDeadline(in: Self.unsentCheck)
        } else if rest > Self.maxRest {
            sever()
        } else {
            end()
        }
    }

    // MARK: Sessions that end, drain

    func end(_ endings: [SessionID: Worker.EndedSession]) {
        guard let exchange, let session = exchange.session, let ending = endings[session], exchange.isEnded(by: ending)
        else { return }
        exchange.endSession(ending.reason, since: ending.since)
    }

    func closeIdle() { end() }

    func drain() {
        switch phase {
        // Someone may be about to ask the admin listener about the state.
        case .idle where listener == .admin && !worker.isReplaced: break
        // A request that has arrived is answered before the connection closes.
        case .idle where hasUnreadBytes: break
        // The client could connect, so its first request, which may be on the way, gets an answer too.
        case .idle where isFirst: setDeadline(in: since + worker.snapshot.headerTimeout - worker.clock.monotonic)
        case .idle:
            if let time = worker.farewell() {
                setDeadline(in: time)
            } else if unsentBytes > 0 {
                linger()
            } else {
                end()
            }
        case .tunnel: exchange?.drainTunnel()
        case .head, .body, .response, .lingering, .closed: break
        }
    }
}
