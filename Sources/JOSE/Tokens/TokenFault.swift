/// Why a token is not accepted: a closed list, which says nothing of what the token or the keys hold.
package enum TokenFault: Error, Sendable, Hashable {
    /// Longer than the limit.
    case tooLarge
    /// Not three parts with a dot between them.
    case malformed
    /// A part is not canonical base64url.
    case encoding
    /// The header is not a strict JSON object, or one of its members is not what it must be.
    case header
    /// `alg` names no algorithm that we know, or not that of the key.
    case algorithm
    /// The header asks for what we do not do: `crit`, `b64`, `zip`.
    case critical
    /// No key goes with it.
    case unknownKey
    /// The signature is not that of the key over these bytes.
    case signature
    /// The claims are not a strict JSON object.
    case claims
    /// A claim that is read is not what it must be, or is missing; by the name that it is read under.
    case claim(String)
    /// Past `exp`.
    case expired
    /// Before `nbf`.
    case notYetValid
    /// There is no `exp`.
    case expiryMissing
    /// `iss` is not who it must be.
    case issuer
    /// `aud` does not name us.
    case audience
    /// It is no company's that we know.
    case company
    /// `typ` is that of another use.
    case type
    /// Ours by `typ` and `iss`, but signed with a key of the company that only verifies. If it was the first key once,
    /// `signed_before` is forgotten there.
    case keyNotSignedBefore
    /// Its signature was not checked, because too many from there were bad.
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
