package import Basics

/// Bounds the CPU time that one address may cost with bad signatures.
///
/// A good token always passes, even from an address shared with an attacker, so an address's signatures never go
/// unchecked just because many were bad. Their cost is bounded instead: an RSA or elliptic-curve signature takes up to
/// milliseconds. MACs are always checked, and viewers who were let in before are known by the token's bytes. A viewer
/// whose token was signed with a key pair, and who comes from the same address during an attack, is told to try again
/// within a second.
package struct SignatureAllowance: Sendable {
    /// CPU time in microseconds per second.
    static let limit = 25_000

    /// Makes the limiter that counts the costs, over a window of one second.
    package static func makeLimiter() -> AttemptLimiter { AttemptLimiter(length: 1000) }

    private let limiter: AttemptLimiter
    private let address: UInt64
    private let now: Milliseconds

    /// - Parameters:
    ///   - limiter: made by ``makeLimiter()``.
    ///   - address: a hash of the client's address.
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
