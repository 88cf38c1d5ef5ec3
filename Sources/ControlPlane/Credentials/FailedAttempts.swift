import Admission
import DataPlane
import GatewayConfiguration
import HTTPTypes
import Logging

/// Counts wrong client secrets and forged API tokens by the client's address. A token of ours that is over, because its
/// hour has passed or its secret is gone, does not count.
///
/// Past the limit whatever is wrong is answered 429; what is right always passes, so that nobody locks a company out. So
/// what is asked before anything is known of a client must cost little: tokens and the bodies of the token call have 8 KiB.
struct FailedAttempts: Sendable {
    private let limiter = AttemptLimiter()

    /// What a request is answered that failed with `fault`.
    ///
    /// - Parameter now: a time that never goes back.
    func answer(to fault: Fault, _ fields: HTTPFields, _ snapshot: Snapshot, now: Milliseconds, _ logger: Logger)
        -> Fault
    {
        guard let client = ClientAddress.ofControlCall(fields, trusted: snapshot.trustedProxies) else { return fault }
        let limit = snapshot.failedLoginsPerMinute
        if let pause = limiter.attempt(client.hash, limit: limit, now: now) { return .tooManyAttempts(after: pause) }
        if limiter.isExhausted(client.hash, limit: limit, now: now) {
            logger.warning(
                "too many wrong client secrets or forged API tokens: more are answered 429 for a minute",
                metadata: ["client": "\(String(decoding: client.text, as: UTF8.self))"]
            )
        }
        return fault
    }
}

extension ClientAddress {
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    /// The last address of `X-Forwarded-For` that is no trusted proxy. What stands before the data plane's own entry was
    /// told by trusted proxies only. Nil: nobody's, who has no limit.
    static func ofControlCall(_ fields: HTTPFields, trusted: [AddressRange]) -> ClientAddress? {
        fields[values: forwardedFor].last.flatMap { forwarded($0, trusted: trusted) }
    }
}
