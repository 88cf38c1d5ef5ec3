/// What an address may have signatures cost that turn out bad.
///
/// A good token always passes, also from an address that many share with an attacker, so nobody's signatures go unchecked
/// for being bad often. What they may cost is bounded instead: a signature by RSA or on a curve takes up to milliseconds. MACs
/// are checked whatever comes, and whoever was let in before is known by the token's bytes. A viewer with a key pair's token
/// who comes during an attack from the same address is told to try again within a second.
package struct SignatureAllowance: Sendable {
    /// Of CPU time, in microseconds a second.
    static let limit = 25_000

    /// What counts the costs: over a second.
    package static func makeLimiter() -> AttemptLimiter { AttemptLimiter(length: 1000) }

    private let limiter: AttemptLimiter
    private let address: UInt64
    private let now: Milliseconds

    /// - Parameters:
    ///   - limiter: made by ``makeLimiter()``.
    ///   - address: the hash of the client's.
    ///   - now: a time that never goes back.
    package init(_ limiter: AttemptLimiter, address: UInt64, now: Milliseconds) {
        self.limiter = limiter
        self.address = address
        self.now = now
    }

    var isSpent: Bool { limiter.isExhausted(address, limit: Self.limit, now: now) }

    func spend(_ cost: Int) { limiter.count(address, by: cost, now: now) }

    /// How long until signatures are checked again.
    package var pause: Milliseconds { limiter.pause(address, now: now) }
}
