import Admission

extension Exchange {
    /// Answers a request without a session while the process has too much to do, so that viewers with one go on. Returns
    /// false if the request is served.
    ///
    /// - Parameter session: the one that the request shows. One that has not joined yet counts as none.
    func sheds(_ request: RequestView, _ session: PresentedSession?) -> Bool {
        guard worker.isShedding, session?.isPending ?? true else { return false }
        worker.counters.add(.requestsShed)
        record.fault = "overload"
        // At different times, so that they do not all come back at once.
        refuse(.tryAgain, request, retryAfter: 5000 + Int64(worker.random.next() % 5000))
        return true
    }
}
