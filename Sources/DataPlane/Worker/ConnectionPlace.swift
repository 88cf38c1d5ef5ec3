import Basics

/// A client connection's place in the limits, from when it is accepted until it is closed. The object that serves the
/// connection last gives it up, once.
struct ConnectionPlace {
    let role: ListenerRole
    private let standing: Standing

    /// Two facts in one byte: every idle connection has them.
    private enum Standing {
        case named, namedAndCounted, unnamed, unnamedAndCounted
    }

    /// Whether the connections of the client's address are counted.
    var isCounted: Bool { standing == .namedAndCounted || standing == .unnamedAndCounted }

    /// False for a proxy's connection that has yet to name its client.
    var isNamed: Bool { standing == .named || standing == .namedAndCounted }

    init(role: ListenerRole, isCounted: Bool, isNamed: Bool = true) {
        self.role = role
        standing =
            switch (isNamed, isCounted) {
            case (true, false): .named
            case (true, true): .namedAndCounted
            case (false, false): .unnamed
            case (false, true): .unnamedAndCounted
            }
    }

    func leave(_ worker: Worker, _ address: ClientAddress) {
        if isCounted { worker.site.connectionCounts.leave(address.hash) }
        if role != .admin { worker.counters.add(.connectionsClosed) }
        worker.site.leave(role, isNamed: isNamed)
    }
}
