import Admission
import JOSE
import Transport

/// Long-lived exchanges: tunnels, event streams, long bodies.
extension Exchange {
    /// Checks an open exchange. Call every `snapshot.heartbeat`.
    ///
    /// - Parameter isReadingBody: whether the exchange waits for the client's body.
    func heartbeat(isReadingBody: Bool) {
        timePassed()
        guard isActive, let client else { return }
        let now = worker.clock.monotonic
        let look = Look(
            now: now,
            minRate: snapshot.minRate,
            responseTimeout: pool?.upstream.responseTimeout ?? .max,
            isReadingBody: isReadingBody,
            isUpstreamWritable: upstream?.isWritable ?? true,
            isServerLost: upstream?.server.isLost ?? false,
            takenBytes: client.takenBytes,
            isClientWaitedFor: client.unsentBytes > 0
        )
        let action = state.on(.looked(look))
        guard action == .judge else {
            if case .respond = action { record.cut = .slow }
            return perform(action)
        }
        if isTunnel { watchExpiry() }
        if isDeniedSince {
            worker.counters.add(.requestsDenied)
            record.fault = "address_denied"
            endSession(.addressDenied)
        } else if let refusal = judgeAgain(at: now) {
            endSession(refusal)
        }
    }

    /// Checks an open exchange again if its lease is due for renewal, its time is up, or the configuration or the
    /// directory has changed. Returns `nil` if it may stay open.
    private func judgeAgain(at now: Int64) -> Refusal? {
        guard let viewer, let admitted else { return nil }
        let (wall, present) = (worker.clock.wall, worker.snapshot)
        let judgement = Judgement(
            configuration: present.version,
            version: worker.site.directory.version
        )
        guard
            wall >= present.rules.end(of: admitted.session, viewer) || wall >= state.stay.doorsCloseAt
                || judgement != state.stay.judgement || now - state.stay.renewedAt >= worker.renewalInterval
        else { return nil }
        if judgement.configuration != state.stay.judgement.configuration {
            switch present.authority.standing(of: viewer) {
            case .stands: break
            case .awaitsKeys: return .tryAgain
            case .falls:
                record.fault = Self.voidSession
                return .tokenInvalid
            }
        }
        state.stay.judgement = judgement
        state.stay.renewedAt = now
        state.stay.doorsCloseAt = worker.site.admission.doorsClose(in: admitted.event)
        let refusal = worker.site.admission.keep(
            admitted,
            viewer: viewer,
            address: leaseAddress,
            now: wall,
            rules: present.rules
        )
        // Answer a pending request with the role that it arrived with.
        return refusal == .roleChanged && !isTunnel && !state.isAnswered ? nil : refusal
    }

    /// Whether the response has progressed since the last call.
    var hasMoved: Bool {
        guard state.isAnswered else { return false }
        let moved = state.answer.bytes - (client?.unsentBytes ?? 0)
        defer { state.answer.movedBytes = moved }
        return moved != state.answer.movedBytes
    }

    /// Whether an ending of its session is its own end too. A session that has left may be back: what was admitted since
    /// is not of the stay that has ended.
    func isEnded(by ending: Worker.EndedSession) -> Bool { endingsBefore < ending.number }

    /// Ends the exchange because the session is over: another join took its lease, an operator ended it, or its time is
    /// up.
    ///
    /// - Parameter since: when the session ended, in monotonic milliseconds, if something outside this exchange ended it.
    func endSession(_ reason: Refusal, since: Int64? = nil) {
        let action = state.on(.sessionOver(reason))
        guard action != .endTunnel else {
            upgrade?.endedAt = since
            return endTunnel(reason)
        }
        if isActive { state.verdict.refuse(reason) }
        perform(action)
    }
}
