import Basics

/// A JWS signature algorithm, by its name in the `alg` header ([RFC 7518, section 3.1][1], [RFC 8037][2]).
///
/// The list is closed: it does not contain `none`, and names must match exactly.
///
/// [1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
/// [2]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1
package enum Algorithm: String, CaseIterable, Sendable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case eddsa = "EdDSA"

    /// The algorithm with this name, compared byte by byte.
    ///
    /// `init(rawValue:)` compares as Unicode text: different spellings of one character are equal, and stacked
    /// combining marks are costly.
    package init?(name: String) {
        guard let algorithm = Self.allCases.first(where: { $0.rawValue.hasSameBytes(as: name) }) else { return nil }
        self = algorithm
    }

    /// Whether a holder of the key can sign as well as verify. Such a key must never come from a public key set.
    package var isSymmetric: Bool { family == .hmac }
}

extension Algorithm {
    /// The kind of cryptography, and so the kind of key, that an algorithm needs.
    enum Family: Sendable {
        case hmac, rsaPKCS1, rsaPSS, ecdsa, eddsa
    }

    var family: Family {
        switch self {
        case .hs256, .hs384, .hs512: .hmac
        case .rs256, .rs384, .rs512: .rsaPKCS1
        case .ps256, .ps384, .ps512: .rsaPSS
        case .es256, .es384, .es512: .ecdsa
        case .eddsa: .eddsa
        }
    }

    /// The digest that is applied to the message first; `nil` for EdDSA, which has a built-in one.
    var digest: Digest? {
        switch self {
        case .hs256, .rs256, .ps256, .es256: .sha256
        case .hs384, .rs384, .ps384, .es384: .sha384
        case .hs512, .rs512, .ps512, .es512: .sha512
        case .eddsa: nil
        }
    }

    /// The only curve that an ECDSA algorithm may be used with; `nil` for the others.
    var curve: Curve? {
        switch self {
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        default: nil
        }
    }
}

/// An ECDSA curve, by its name in a JWK
/// ([RFC 7518, section 6.2.1.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.1)).
enum Curve: String, CaseIterable, Sendable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// OpenSSL's name for it.
    var groupName: String {
        switch self {
        case .p256: "prime256v1"
        case .p384: "secp384r1"
        case .p521: "secp521r1"
        }
    }

    /// The length of a coordinate, and of each half of a signature, in bytes.
    var byteCount: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    var algorithm: Algorithm {
        switch self {
        case .p256: .es256
        case .p384: .es384
        case .p521: .es512
        }
    }
}
