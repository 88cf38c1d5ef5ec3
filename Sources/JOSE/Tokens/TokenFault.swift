/// Why a token is not accepted: a closed list that reveals nothing about the token's or the keys' content.
package enum TokenFault: Error, Sendable, Hashable {
    /// Longer than the limit.
    case tooLarge
    /// Not three parts separated by dots.
    case malformed
    /// A part is not canonical base64url.
    case encoding
    /// The header is not a strict JSON object, or one of its members is invalid.
    case header
    /// `alg` is unknown, or differs from the key's algorithm.
    case algorithm
    /// The header requires an unsupported extension: `crit`, `b64`, `zip`.
    case critical
    /// No key matches the token.
    case unknownKey
    /// No key that is at hand made the signature, but the company publishes a key set that could not be fetched so far.
    case keysAwaited
    /// The signature does not match.
    case signature
    /// The claims are not a strict JSON object.
    case claims
    /// A claim is invalid or missing. Contains the claim's configured name.
    case claim(String)
    /// Past `exp`.
    case expired
    /// Before `nbf`.
    case notYetValid
    /// There is no `exp`.
    case expiryMissing
    /// `iss` is not an accepted issuer.
    case issuer
    /// `aud` does not contain an accepted audience.
    case audience
    /// The token belongs to no known company.
    case company
    /// `typ` belongs to another use.
    case type
    /// Ours by `typ` and `iss`, but signed with a key of the company that only verifies. If that key used to be the
    /// first, `signed_before` is missing there.
    case keyNotSignedBefore
    /// The signature was not checked, because too many bad ones came from the same address.
    case unchecked

    /// A stable name, for logs and the command line.
    package var code: String {
        switch self {
        case .tooLarge: "too_large"
        case .malformed: "malformed"
        case .encoding: "encoding"
        case .header: "header"
        case .algorithm: "algorithm"
        case .critical: "critical"
        case .unknownKey: "unknown_key"
        case .keysAwaited: "keys_awaited"
        case .signature: "signature"
        case .claims: "claims"
        case .claim(let name): "claim:" + name
        case .expired: "expired"
        case .notYetValid: "not_yet_valid"
        case .expiryMissing: "expiry_missing"
        case .issuer: "issuer"
        case .audience: "audience"
        case .company: "company"
        case .type: "type"
        case .keyNotSignedBefore: "key_not_signed_before"
        case .unchecked: "unchecked"
        }
    }
}
