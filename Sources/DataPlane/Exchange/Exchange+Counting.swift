/// What the metrics show of an exchange.
extension Exchange {
    /// Counts the end of the exchange.
    func countEnd() {
        let counters = worker.counters
        counters.add(.requests, -1)
        if let refusal = state.verdict.refusal { counters.add(refusal) }
        if let cut = record.cut { counters.add(cut) }
        if isTunnel {
            counters.add(.webSocketsClosed)
        } else {
            countAnswer()
            counters.took(Int64(duration), head: headDuration, route: state.request.slot)
        }
    }

    /// How long it took to the head of the answer, or to the end if the gateway answered or nobody did. Milliseconds.
    private var headDuration: Int64 {
        guard let headTime = record.headTime else { return Int64(duration) }
        return record.forwardedAt + (record.connectTime ?? 0) + headTime - state.request.startedAt
    }

    /// Counts a WebSocket that was opened. It may stay open for hours, which would say nothing about other durations.
    func countOpening() {
        worker.counters.add(.webSocketsOpened)
        countAnswer()
    }

    private func countAnswer() {
        let isHTTP2 = client?.framesBodies ?? false
        worker.counters.answered(route: state.request.slot, method, state.answer.status, isHTTP2 ? .http2 : .http1)
    }
}
