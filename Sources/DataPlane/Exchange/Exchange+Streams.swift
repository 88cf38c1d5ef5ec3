import Admission
import JOSE
import Transport

/// Exchanges that last: tunnels, event streams, long bodies.
extension Exchange {
    /// Called every `snapshot.heartbeat` while the exchange is open.
    ///
    /// - Parameter isReadingBody: whether the client is being waited for with its body.
    func heartbeat(isReadingBody: Bool) {
        timePassed()
        guard isActive, let client else { return }
        let now = worker.clock.monotonic
        let minimum = snapshot.minRate
        if !isTunnel, !isResponseStarted, isUpstreamReady, let upstream, isUploadStalled(upstream, at: now) {
            upstreamFailed(.timeout)
            return
        }
        if !isTunnel {
            if requestRate.isTooSlow(requestBytes, minimum: minimum, isWaiting: isReadingBody, at: now) {
                if isResponseStarted {
                    cut(.slow)
                } else {
                    record.cut = .slow
                    releaseUpstream(reusable: false)
                    respond(status: 408)
                }
                return
            }
            if isUpstreamReady, isRequestComplete, !isResponseStarted,
                let timeout = pool?.upstream.responseTimeout, now - requestSentAt >= timeout
            {
                upstreamFailed(.timeout)
                return
            }
        }
        let isWaiting = client.unsentBytes > 0
        if responseRate.isTooSlow(client.takenBytes, minimum: minimum, isWaiting: isWaiting, at: now) {
            if isTunnel { cutTunnel() } else { cut(.slow) }
            return
        }
        if isTunnel { watchExpiry() }
        if let refusal = judgeAgain(at: now) { endSession(refusal) }
    }

    /// Judges what is open again: when its lease is to be renewed, when its time is over, and when the configuration or the
    /// directory is not what it was. Nil: it stays open.
    private func judgeAgain(at now: Int64) -> Refusal? {
        guard let viewer, let admitted else { return nil }
        let (wall, present) = (worker.clock.wall, worker.snapshot)
        let judgement = Judgement(
            generation: present.authority.generation,
            changeCount: worker.site.directory.changeCount
        )
        let isPastExpiry = viewer.validity.expires.map { wall / 1000 >= $0 } ?? false
        let isPastLifetime = wall - admitted.session.joinedAt >= present.rules.sessions.maxLifetime
        guard
            isPastExpiry || isPastLifetime || wall >= doorsCloseAt || judgement != self.judgement
                || now - renewedAt >= present.renewalInterval
        else { return nil }
        if judgement.generation != self.judgement.generation, !present.authority.standsBehind(viewer) {
            return .tokenInvalid
        }
        self.judgement = judgement
        renewedAt = now
        doorsCloseAt = worker.site.admission.doorsClose(in: admitted.event)
        let refusal = worker.site.admission.keep(
            admitted,
            viewer: viewer,
            address: addressHash,
            now: wall,
            rules: present.rules
        )
        // A request that is still to be answered is answered for the role that it came with.
        return refusal == .roleChanged && !isTunnel && !isResponseStarted ? nil : refusal
    }

    /// Whether the response has moved since this was asked last.
    var hasMoved: Bool {
        guard isResponseStarted else { return false }
        let moved = responseBytes - (client?.unsentBytes ?? 0)
        defer { movedBytes = moved }
        return moved != movedBytes
    }

    /// Whether the upstream has taken nothing of the body for as long as it may take for a response.
    private func isUploadStalled(_ upstream: UpstreamConnection, at now: Int64) -> Bool {
        guard !isRequestComplete, !upstream.isWritable, requestBytes == movedBytes else {
            movedBytes = requestBytes
            movedAt = now
            return false
        }
        return now - movedAt >= pool?.upstream.responseTimeout ?? .max
    }

    /// The session is over: another join took its lease, an operator ended it, or its time has passed.
    func endSession(_ reason: Refusal) {
        guard isActive else { return }
        if isTunnel {
            endTunnel(reason)
            return
        }
        refusal = reason
        if isResponseStarted {
            cut(.session)
        } else {
            releaseUpstream(reusable: false)
            refuse(reason)
        }
    }
}

/// What an open exchange was judged by last.
struct Judgement: Equatable {
    /// Of the keys; 0 before it was judged for the first time since it began.
    var generation: UInt64 = 0
    /// Of the directory.
    var changeCount: UInt64 = 0
}
