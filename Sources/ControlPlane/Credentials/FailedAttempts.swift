import Admission
import Basics
import GatewayConfiguration
import HTTPTypes
import Logging

/// Counts wrong client secrets and forged API tokens by client address. Does not count a token of ours that has expired
/// or whose secret is gone.
///
/// Past the limit, wrong credentials are answered with 429. Right ones always pass, so that nobody can lock a company
/// out. Everything read before the client is authenticated must therefore be cheap: tokens and bodies of the token call
/// are limited to 8 KiB.
struct FailedAttempts: Sendable {
    private let limiter = AttemptLimiter()

    /// The answer to a request that failed with `fault`.
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
                "too many wrong client secrets or forged API tokens: further ones get 429 for a minute",
                metadata: ["client": "\(String(decoding: client.text, as: UTF8.self))"]
            )
        }
        return fault
    }
}

extension ClientAddress {
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    /// The last address in `X-Forwarded-For` that is not a trusted proxy. Only trusted proxies wrote the entries before
    /// the data plane's own. `nil` means unknown and has no limit.
    static func ofControlCall(_ fields: HTTPFields, trusted: [AddressRange]) -> ClientAddress? {
        fields[values: forwardedFor].last.flatMap { forwarded($0, trusted: trusted) }
    }
}
