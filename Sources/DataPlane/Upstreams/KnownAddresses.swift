import Basics
import Transport

/// The addresses of a server that is given by name, as they were last found.
///
/// They stay in use while a name server does not answer. All times are in monotonic milliseconds.
struct KnownAddresses {
    /// What to do to connect.
    enum Advice: Equatable {
        case use([NetworkAddress])
        /// Use them, and resolve the name again meanwhile.
        case useAndResolve([NetworkAddress])
        case resolve
    }

    private let interval: Int64
    private var addresses: [NetworkAddress] = []
    private var dueAt: Int64 = 0
    /// Why the name could not be resolved when that was last tried.
    private(set) var fault: String?

    /// - Parameter interval: how long addresses are used without asking again. 0: for one connection.
    init(interval: Int64) { self.interval = interval }

    /// The advice for a connection. Whoever is told to resolve must report what was found.
    mutating func advice(at now: Int64) -> Advice {
        guard !addresses.isEmpty, interval > 0 else { return .resolve }
        guard now >= dueAt else { return .use(addresses) }
        // One connection in an interval asks, however long that takes.
        dueAt = now + interval
        return .useAndResolve(addresses)
    }

    /// Takes in what the resolver has found. Returns the addresses to use: if there are none, the last known ones.
    mutating func learn(_ outcome: Resolver.Outcome, at now: Int64) -> [NetworkAddress] {
        switch outcome {
        case .found(let found):
            addresses = found
            fault = nil
            dueAt = now + interval
        case .failed(let reason):
            fault = reason
        }
        return addresses
    }

    /// Takes in that none of the addresses could be connected to. They may have changed.
    mutating func doubt() { dueAt = .min }
}
