import Synchronization

/// The descriptors that connections may use, on both sides together.
///
/// Each client may need one of its own and one towards an upstream, so clients get half of it. The upstreams' side may go
/// past the other half, as with many streams in one connection, while there are any left. Public routes together, and
/// each client address, get half of the upstreams' half: what anybody can open leaves viewers theirs.
final class DescriptorBudget: Sendable {
    /// Kept back for what is neither: files, the database, pipes, event loops, the admin listener, and connections that
    /// are accepted only to be closed.
    let reserve: Int
    /// How many there are for connections.
    let capacity: Int
    /// How many of the upstreams' side public routes may use together, and each client address.
    let share: Int
    private let used = Atomic<Int>(0)
    private let publicUses = Atomic<Int>(0)
    private let refused = Refused()
    private let saidAt = Mutex<Int64?>(nil)

    /// Whom a descriptor of the upstreams' side is used for.
    struct Use {
        let isPublic: Bool
        /// Nil where the client has no address, or one that stands for many clients.
        let address: AddressShare?
    }

    /// Requests that got no descriptor since that was said last.
    private final class Refused: Sendable {
        let ofPublicRoutes = Atomic<Int>(0)
        let ofOneAddress = Atomic<Int>(0)
        let ofAnybody = Atomic<Int>(0)
    }

    /// Connections of the admin listener, which the reserve holds.
    static let adminConnections = 64
    private static let perLoop = 8
    private static let files = 64
    /// The control API's own side of its connections, its database, and webhook deliveries.
    private static let control = 128
    /// A shortage is told at most this often. Milliseconds.
    private static let noticeInterval: Int64 = 60_000

    /// - Parameter descriptors: how many the system allows; 0 where it does not say.
    init(descriptors: Int, loops: Int, hasControl: Bool) {
        guard descriptors > 0 else {
            (reserve, capacity, share) = (0, Int.max, Int.max)
            return
        }
        let wanted = Self.adminConnections + Self.files + Self.perLoop * loops + (hasControl ? Self.control : 0)
        reserve = min(wanted, descriptors / 2)
        capacity = descriptors - reserve
        share = max(capacity / 4, 1)
    }

    /// How many clients may be connected, of those that the settings allow.
    func connections(of limit: Int) -> Int { max(min(limit, capacity / 2), 1) }

    /// Whether connections to upstreams had better be closed than kept for later.
    var isShort: Bool { used.load(ordering: .relaxed) > capacity / 4 * 3 }

    /// Whether one more does not fit.
    var isExhausted: Bool { used.load(ordering: .relaxed) >= capacity }

    func take() { used.wrappingAdd(1, ordering: .relaxed) }
    func giveBack() { used.wrappingSubtract(1, ordering: .relaxed) }

    // MARK: The upstreams' side

    /// Counts a use of the upstreams' side, unless those that it counts among use their share already.
    func begin(_ use: Use) -> Bool {
        if use.isPublic, publicUses.wrappingAdd(1, ordering: .relaxed).newValue > share {
            publicUses.wrappingSubtract(1, ordering: .relaxed)
            refused.ofPublicRoutes.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        if let address = use.address, address.uses.wrappingAdd(1, ordering: .relaxed).newValue > share {
            end(use)
            refused.ofOneAddress.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Takes back what `begin` has counted.
    func end(_ use: Use) {
        if use.isPublic { publicUses.wrappingSubtract(1, ordering: .relaxed) }
        use.address?.uses.wrappingSubtract(1, ordering: .relaxed)
    }

    /// A request found none left, whosever it is.
    func ranOut() { refused.ofAnybody.wrappingAdd(1, ordering: .relaxed) }

    /// What the operator should know of requests that got no descriptor; nil when there were none, or it was told less
    /// than a minute ago.
    ///
    /// - Parameter now: monotonic milliseconds.
    func takeNotice(at now: Int64) -> String? {
        saidAt.withLock { saidAt in
            guard saidAt.map({ now - $0 >= Self.noticeInterval }) ?? true else { return nil }
            let ofPublicRoutes = refused.ofPublicRoutes.exchange(0, ordering: .relaxed)
            let ofOneAddress = refused.ofOneAddress.exchange(0, ordering: .relaxed)
            let ofAnybody = refused.ofAnybody.exchange(0, ordering: .relaxed)
            guard ofPublicRoutes + ofOneAddress + ofAnybody > 0 else { return nil }
            saidAt = now
            return """
                requests were answered 503 try_again for want of descriptors: \(ofPublicRoutes) because public routes use \
                their \(share) towards upstreams, \(ofOneAddress) because one client address uses \(share), \(ofAnybody) \
                because all \(capacity) are in use; allow the process more of them (LimitNOFILE of its unit, or ulimit -n)
                """
        }
    }
}
