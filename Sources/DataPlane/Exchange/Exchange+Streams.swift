import Admission
import JOSE
import NIOCore

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
                    cut()
                } else {
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
            if isTunnel { cutTunnel() } else { cut() }
            return
        }
        if isTunnel { watchExpiry() }
        guard let viewer, let admitted else { return }
        let isPastExpiry = viewer.validity.expires.map { worker.clock.wall / 1000 >= $0 } ?? false
        guard isPastExpiry || now - renewedAt >= snapshot.renewalInterval else { return }
        renewedAt = now
        let refusal = worker.site.admission.keep(
            admitted,
            viewer: viewer,
            address: addressHash,
            now: worker.clock.wall,
            rules: worker.snapshot.rules
        )
        if let refusal { endSession(refusal) }
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
            cut()
        } else {
            releaseUpstream(reusable: false)
            refuse(reason)
        }
    }
}
