/// Exchanges that wait for a request. A connection has one only while it has a request, since most are idle.
extension Worker {
    private static let maxExchanges = 256

    /// An exchange for a request that begins; return it with `recycle` once it is over.
    func takeExchange() -> Exchange { spares.popLast() as? Exchange ?? Exchange(worker: self) }

    /// Keeps an exchange for another request.
    func recycle(_ exchange: Exchange) {
        // One from before a reload would keep the former settings alive.
        guard spares.count < Self.maxExchanges, !exchange.isActive, exchange.snapshot === snapshot else { return }
        spares.append(exchange)
    }
}
