import Basics
import GatewayConfiguration
import Synchronization

/// Limits how often each client address does something: a token bucket by address, of which it keeps only when it will
/// be full again (the generic cell rate algorithm, ITU-T I.371).
///
/// A call takes one lock of a shard. Memory is bounded: if an attacker fills a shard with addresses, that shard forgets
/// all of its own.
final class AddressRates: Sendable {
    private final class Shard: Sendable {
        /// When each address will have its whole burst again, in monotonic microseconds.
        let fullAt = Locked<[UInt64: Int64]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }
    private static let capacity = 4096

    /// Takes a token of `address` at `now` (monotonic milliseconds). Address 0 is unknown and has no limit.
    ///
    /// - Returns: `nil` if there was one; otherwise how long to wait for the next, in milliseconds.
    func take(_ address: UInt64, _ limit: RateLimit, at now: Int64) -> Int64? {
        guard address != 0 else { return nil }
        let (now, interval) = (now * 1000, limit.rate.interval)
        let tolerance = interval * Int64(limit.size - 1)
        return shards[Int(address >> 58)].fullAt.withLock { fullAt in
            let known = fullAt[address]
            // After a reload, an address may owe to a larger bucket; that ends as with its own.
            let full = min(max(known ?? now, now), now + tolerance + interval)
            guard full - now <= tolerance else {
                fullAt[address] = full
                return (full - now - tolerance + 999) / 1000
            }
            if known == nil, fullAt.count >= Self.capacity {
                fullAt = fullAt.filter { $0.value > now }
                if fullAt.count >= Self.capacity { fullAt.removeAll(keepingCapacity: true) }
            }
            fullAt[address] = full + interval
            return nil
        }
    }

    /// The number of addresses that it remembers.
    var count: Int { shards.reduce(0) { $0 + $1.fullAt.withLock { $0.count } } }
}

extension ClientAddress {
    /// Whether rates by address apply. A trusted proxy's own address stands for many clients.
    func hasRate(_ limits: LimitSettings) -> Bool {
        hash != 0 && !isIn(limits.trustedProxies) && !isIn(limits.rateExempt)
    }
}
