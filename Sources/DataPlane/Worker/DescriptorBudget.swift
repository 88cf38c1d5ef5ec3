import Synchronization

/// The descriptors that connections may use, on both sides together.
///
/// Each client may need one of its own and one towards an upstream, so clients get half of it. The upstreams' side may go
/// past the other half, as with many streams in one connection, while there are any left.
final class DescriptorBudget: Sendable {
    /// Kept back for what is neither: files, the database, pipes, event loops, the admin listener, and connections that
    /// are accepted only to be closed.
    let reserve: Int
    /// How many there are for connections.
    let capacity: Int
    private let used = Atomic<Int>(0)

    /// Connections of the admin listener, which the reserve holds.
    static let adminConnections = 64
    private static let perLoop = 8
    private static let files = 64
    /// The control API's own side of its connections, its database, and webhook deliveries.
    private static let control = 128

    /// - Parameter descriptors: how many the system allows; 0 where it does not say.
    init(descriptors: Int, loops: Int, hasControl: Bool) {
        guard descriptors > 0 else {
            (reserve, capacity) = (0, Int.max)
            return
        }
        let wanted = Self.adminConnections + Self.files + Self.perLoop * loops + (hasControl ? Self.control : 0)
        reserve = min(wanted, descriptors / 2)
        capacity = descriptors - reserve
    }

    /// How many clients may be connected, of those that the settings allow.
    func connections(of limit: Int) -> Int { max(min(limit, capacity / 2), 1) }

    /// Whether connections to upstreams had better be closed than kept for later.
    var isShort: Bool { used.load(ordering: .relaxed) > capacity / 4 * 3 }

    /// Whether one more does not fit.
    var isExhausted: Bool { used.load(ordering: .relaxed) >= capacity }

    func take() { used.wrappingAdd(1, ordering: .relaxed) }
    func giveBack() { used.wrappingSubtract(1, ordering: .relaxed) }
}
