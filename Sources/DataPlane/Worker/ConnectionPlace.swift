import Basics

/// A client connection's place in the limits, from when it is accepted until it is closed. The object that serves the
/// connection last gives it up, once.
struct ConnectionPlace {
    let role: ListenerRole
    /// Whether the connections of the client's address are counted.
    let isCounted: Bool
    /// False for a proxy's connection that has yet to name its client.
    var isNamed = true

    func leave(_ worker: Worker, _ address: ClientAddress) {
        if isCounted { worker.site.connectionCounts.leave(address.hash) }
        if role != .admin { worker.counters.add(.connectionsClosed) }
        worker.site.leave(role, isNamed: isNamed)
    }
}
