import Basics
import Synchronization

/// The descriptors that connections on both sides may use.
///
/// Each client may need a descriptor of its own and one towards an upstream, so clients get half of the budget. The
/// upstreams' side may exceed the other half while descriptors are left, as with many streams in one connection. All
/// public routes together, and each client address, get half of the upstreams' half, so that what anybody can open
/// leaves room for viewers.
final class DescriptorBudget: Sendable {
    /// Reserved for everything else: files, the database, pipes, event loops, the admin listener, and connections that
    /// are accepted only to be closed.
    let reserve: Int
    /// The number of descriptors for connections.
    let capacity: Int
    /// The most descriptors on the upstreams' side for all public routes together, and for each client address.
    let share: Int
    private let used = Atomic<Int>(0)
    private let publicUses = Atomic<Int>(0)
    private let refused = Refused()
    private let saidAt = Mutex<Int64?>(nil)

    /// The purpose of a descriptor on the upstreams' side.
    struct Use {
        let isPublic: Bool
        /// `nil` if the client has no address, or one that stands for many clients.
        let address: AddressShare?
    }

    /// Requests that got no descriptor since the last notice.
    private final class Refused: Sendable {
        let ofPublicRoutes = Atomic<Int>(0)
        let ofOneAddress = Atomic<Int>(0)
        let ofAnybody = Atomic<Int>(0)
    }

    /// Connections of the admin listener, included in the reserve.
    static let adminConnections = 64
    /// The most connections of proxies that have yet to name their client, beside the clients that may be connected.
    /// Those of two turns of a listener at least: most name it within a turn.
    var unnamedConnections: Int { min(max(capacity / 16, 128), share, 4096) }
    private static let perLoop = 8
    private static let files = 64
    /// For the control API's own side of its connections, its database, and webhook deliveries.
    private static let control = 128
    /// The least time between two notices, in milliseconds.
    private static let noticeInterval: Int64 = 60_000

    /// - Parameter descriptors: the system's limit; 0 if unknown.
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

    /// How many of the clients that the settings allow may be connected.
    func connections(of limit: Int) -> Int { max(min(limit, capacity / 2), 1) }

    /// Whether idle connections to upstreams should be closed instead of kept.
    var isShort: Bool { used.load(ordering: .relaxed) > capacity / 4 * 3 }

    /// Whether no descriptor is left.
    var isExhausted: Bool { used.load(ordering: .relaxed) >= capacity }

    func take() { used.wrappingAdd(1, ordering: .relaxed) }
    func giveBack() { used.wrappingSubtract(1, ordering: .relaxed) }

    // MARK: The upstreams' side

    /// Counts a use of the upstreams' side. Returns false if its share is used up.
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

    /// Undoes `begin`.
    func end(_ use: Use) {
        if use.isPublic { publicUses.wrappingSubtract(1, ordering: .relaxed) }
        use.address?.uses.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Counts a request that found no descriptor left, of any kind.
    func ranOut() { refused.ofAnybody.wrappingAdd(1, ordering: .relaxed) }

    /// A message for the operator about requests that got no descriptor. Returns `nil` if there were none, or if the
    /// last message is less than a minute old.
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
