import Admission
import GatewayConfiguration

/// The head of a request that waits until a key set was fetched, or its lease was agreed to.
final class ParkedRequest {
    let bytes: [UInt8]
    let parts: RequestParts
    /// When the waiting began, in monotonic milliseconds.
    let since: Int64
    /// The place in ``KeyWaits``; `nil` if it does not wait for a key set.
    let wait: Int?

    init(_ request: RequestView, since: Int64, wait: Int? = nil) {
        (bytes, parts) = request.copied()
        (self.since, self.wait) = (since, wait)
    }
}

extension Exchange {
    /// Lets a request wait whose token names an unknown key, if one of these sets may bring that key: it is being fetched,
    /// or was not fetched lately. So the first viewer after a change of keys is not refused, and a stranger who makes up
    /// keys causes no more fetches than ``MissedKeys`` allows.
    ///
    /// - Returns: false if the request is to be refused.
    func awaitKeys(_ urls: [KeySetURL], _ request: RequestView) -> Bool {
        let (site, now) = (worker.site, worker.clock.monotonic)
        let limit = snapshot.settings.limits.failuresPerMinute
        guard site.missKeys(urls, at: now), !site.failures.isExhausted(addressHash, limit: limit, now: now) else {
            return false
        }
        let (since, serial) = (state.request.waitsSince ?? now, serial)
        let wait = worker.keyWaits.add(urls, from: addressHash, since: since) { [self] in goOn(serial) }
        guard let wait else {
            refuse(.tryAgain, request, retryAfter: 1000)
            return true
        }
        parked = ParkedRequest(request, since: since, wait: wait)
        return true
    }

    /// Judges the request that was parked, by what is known now.
    func goOn(_ serial: UInt64) {
        guard isActive, serial == self.serial, let parked = parked.take() else { return }
        snapshot = worker.snapshot
        // A reload may have changed the routes meanwhile.
        (state.request.route, state.request.slot) = (nil, CounterLabels.noRoute)
        state.verdict = ExchangeState.Verdict()
        state.request.waitsSince = parked.since
        record.fault = nil
        let bytes = parked.bytes
        let request = RequestView(bytes.span, of: parked.parts)
        // It may have changed the languages of the pages, too.
        if state.request.isNavigation { state.request.language = request.language(among: snapshot.pages.tags) }
        judge(request)
        flushToUpstream()
    }
}
