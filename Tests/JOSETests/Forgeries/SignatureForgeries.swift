import Basics

@testable import JOSE

/// Tokens whose header and claims are valid, and whose signature is not.
enum SignatureForgeries {
    static let all: [Forgery] = [psychic, ecdsa, others, codes, borrowed].flatMap { $0 }

    /// The orders of the curves (SEC 2, sections 2.4.2, 2.5.1 and 2.6.1).
    private static let orders: [(Key, String)] = [
        (Keys.es256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        (
            Keys.es384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        ),
        (
            Keys.es512,
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa"
                + "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
        ),
    ]

    /// CVE-2022-21449 and relatives: numbers for which a careless check accepts any message.
    private static let psychic: [Forgery] = orders.flatMap { (key: Key, hex: String) -> [Forgery] in
        let name = key.algorithm.rawValue
        let order = unhex(hex)
        let zero = [UInt8](repeating: 0, count: order.count)
        let one: [UInt8] = zero.dropLast() + [1]
        let past: [UInt8] = order.dropLast() + [order[order.count - 1] + 1]
        let ones = [UInt8](repeating: 0xFF, count: order.count)
        let header = "{\"alg\":\"\(name)\",\"kid\":\"\(key.id ?? "")\"}"
        let pairs: [(String, [UInt8])] = [
            ("R = S = 0", zero + zero), ("R = 0, S = 1", zero + one), ("R = 1, S = 0", one + zero),
            ("R = S = 1", one + one), ("R = the order, S = 1", order + one), ("R = 1, S = the order", one + order),
            ("R = S = the order", order + order), ("R = the order + 1, S = 1", past + one),
            ("R = 1, S = the order + 1", one + past), ("all bits set", ones + ones),
        ]
        return pairs.map { Forgery("psychic signature, \(name), \($0)", .signature, carrying($1, header)) }
    }

    /// ECDSA signatures that are correct except for their form.
    private static let ecdsa: [Forgery] = orders.flatMap { (key: Key, hex: String) -> [Forgery] in
        let name = key.algorithm.rawValue
        let header = "{\"alg\":\"\(name)\",\"kid\":\"\(key.id ?? "")\"}"
        let half = hex.count / 2
        let token = signed(header, goodClaims, by: key)
        let signature = decoded(token.split(separator: ".")[2]) ?? []
        let (r, s) = (Array(signature.prefix(half)), Array(signature.suffix(half)))
        let der = ECDSASignature.der(fromJWS: signature.span, half: half) ?? []
        let other: [UInt8] = s.map { ~$0 }
        let forms: [(String, [UInt8])] = [
            ("in DER", der), ("in DER, padded to length", pad(der, to: 2 * half)), ("empty", []),
            ("R alone", r), ("a byte short", Array(signature.dropLast())), ("a byte long", signature + [0]),
            ("each half a byte long", [0] + r + [0] + s), ("without the first byte", Array(signature.dropFirst())),
            ("S before R", s + r), ("twice", signature + signature), ("R twice", r + r),
            ("one S for another", r + other), ("with an odd length", signature + r.prefix(1)),
        ]
        return forms.map { Forgery("\(name) signature \($0)", .signature, carrying($1, header)) }
    }

    private static let others: [Forgery] = {
        let rs = #"{"alg":"RS256","kid":"rs"}"#
        let ed = #"{"alg":"EdDSA","kid":"ed"}"#
        let good = decoded(signed(rs, goodClaims, by: Keys.rs256).split(separator: ".")[2]) ?? []
        let edGood = decoded(signed(ed, goodClaims, by: Keys.eddsa).split(separator: ".")[2]) ?? []
        // S plus the order of the group: the same signature to a library that does not check (RFC 8032, section 5.1.7).
        let edOrder = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        let malleable = Array(edGood.prefix(32)) + addLittleEndian(Array(edGood.suffix(32)), edOrder)
        var modulus = [UInt8]()
        if case .object(let jwk)? = Keys.rs256.publicJWK, case .string(let n)? = jwk["n"] { modulus = decoded(n) ?? [] }
        return [
            Forgery("RS256 signature of zeros", .signature, carrying([UInt8](repeating: 0, count: 256), rs)),
            Forgery("RS256 signature 1", .signature, carrying([UInt8](repeating: 0, count: 255) + [1], rs)),
            Forgery("RS256 signature that is the modulus", .signature, carrying(modulus, rs)),
            Forgery("RS256 signature of ones", .signature, carrying([UInt8](repeating: 0xFF, count: 256), rs)),
            Forgery("RS256 signature with a leading zero", .signature, carrying([0] + good, rs)),
            Forgery("RS256 signature with a trailing zero", .signature, carrying(good + [0], rs)),
            Forgery("RS256 signature a byte short", .signature, carrying(Array(good.dropLast()), rs)),
            Forgery("RS256 signature empty", .signature, carrying([], rs)),
            Forgery("RS256 signature of 5000 bytes", .signature, carrying([UInt8](repeating: 7, count: 5000), rs)),
            Forgery("EdDSA signature of zeros", .signature, carrying([UInt8](repeating: 0, count: 64), ed)),
            Forgery("EdDSA signature with S past the order", .signature, carrying(malleable, ed)),
            Forgery("EdDSA signature a byte short", .signature, carrying(Array(edGood.dropLast()), ed)),
            Forgery("EdDSA signature a byte long", .signature, carrying(edGood + [0], ed)),
            Forgery(
                "EdDSA signature with a small-order R",
                .signature,
                carrying([1] + [UInt8](repeating: 0, count: 63), ed)
            ),
            Forgery("EdDSA signature empty", .signature, carrying([], ed)),
        ]
    }()

    private static let codes: [Forgery] = {
        let header = #"{"alg":"HS256","kid":"hs"}"#
        let input = bytes(encoded(bytes(header)) + "." + encoded(bytes(goodClaims)))
        let code = MACKey(Keys.secret).code(for: input.span)
        func mac(_ text: String) -> [UInt8] {
            let text = bytes(text)
            return MACKey(Keys.secret).code(for: text.span)
        }
        return [
            Forgery("stripped signature", .signature, carrying([], header)),
            Forgery("HMAC of zeros", .signature, carrying([UInt8](repeating: 0, count: 32), header)),
            Forgery("HMAC truncated to 1 byte", .signature, carrying(Array(code.prefix(1)), header)),
            Forgery("HMAC truncated to 10 bytes", .signature, carrying(Array(code.prefix(10)), header)),
            Forgery("HMAC truncated to 16 bytes", .signature, carrying(Array(code.prefix(16)), header)),
            Forgery("HMAC truncated to 31 bytes", .signature, carrying(Array(code.prefix(31)), header)),
            Forgery("HMAC with a byte more", .signature, carrying(code + [0], header)),
            Forgery("HMAC twice", .signature, carrying(code + code, header)),
            Forgery("HMAC in hexadecimal", .signature, carrying(bytes(hex(code)), header)),
            Forgery("HMAC in base64url twice", .signature, carrying(bytes(encoded(code)), header)),
            Forgery("HMAC with its last bit flipped", .signature, carrying(code.dropLast() + [code[31] ^ 1], header)),
            Forgery(
                "HMAC with its first bit flipped",
                .signature,
                carrying([code[0] ^ 0x80] + code.dropFirst(), header)
            ),
            Forgery("HMAC over the claims alone", .signature, carrying(mac(encoded(bytes(goodClaims))), header)),
            Forgery("HMAC over the decoded text", .signature, carrying(mac(header + "." + goodClaims), header)),
            Forgery(
                "HMAC over the token without its dot",
                .signature,
                carrying(mac(encoded(bytes(header)) + encoded(bytes(goodClaims))), header)
            ),
            Forgery("plain SHA-256 for an HMAC", .signature, carrying(SHA256.hash(input), header)),
            Forgery("SHA-256 of secret and message", .signature, carrying(SHA256.hash(Keys.secret + input), header)),
            Forgery("HMAC under a guessed secret", .signature, hmacSigned(bytes("secret"), header)),
            Forgery("HMAC under a zero secret", .signature, hmacSigned([0], header)),
            Forgery("HMAC under the key's id", .signature, hmacSigned(bytes("hs"), header)),
            Forgery("HMAC under the secret's hexadecimal", .signature, hmacSigned(bytes(hex(Keys.secret)), header)),
            Forgery("HMAC under the secret and a newline", .signature, hmacSigned(Keys.secret + [10], header)),
        ]
    }()

    /// Valid signatures that belong to something else.
    private static let borrowed: [Forgery] = {
        let host = goodClaims.replacing("user-1", with: "user-2")
        let other = signed(#"{"alg":"HS256","kid":"hs"}"#, host, by: Keys.hs256).split(separator: ".")
        guard let stranger = try? Key.secret(bytes("another company's secret, 32 bytes+"), algorithm: .hs256, id: "hs"),
            let strangersPair = try? Key.generate(.es256, id: "es")
        else { fatalError("no keys for the stranger") }
        return [
            Forgery("signature of another token", .signature, "\(honest.header).\(honest.claims).\(other[2])"),
            Forgery("claims of another token", .signature, "\(honest.header).\(other[1]).\(honest.signature)"),
            Forgery("claims changed", .signature, "\(honest.header).\(encoded(bytes(host))).\(honest.signature)"),
            Forgery(
                "header changed",
                .signature,
                "\(encoded(bytes(#"{"alg":"HS256","kid":"hs" }"#))).\(honest.claims).\(honest.signature)"
            ),
            Forgery(
                "another company's secret under our kid",
                .signature,
                signed(#"{"alg":"HS256","kid":"hs"}"#, goodClaims, by: stranger)
            ),
            Forgery(
                "another company's secret without kid",
                .signature,
                signed(#"{"alg":"HS256"}"#, goodClaims, by: stranger)
            ),
            Forgery(
                "another company's pair under our kid",
                .signature,
                signed(#"{"alg":"ES256","kid":"es"}"#, goodClaims, by: strangersPair)
            ),
            Forgery("a company without keys", .unknownKey, honestToken, keys: []),
            Forgery("a company with other keys", .unknownKey, honestToken, keys: [Keys.rs256, Keys.es256]),
            Forgery(
                "the fourth key of the algorithm, without kid",
                .signature,
                signed(#"{"alg":"HS256"}"#, goodClaims, by: Keys.hs256),
                keys: [stranger, stranger, stranger, Keys.hs256]
            ),
        ]
    }()

    // MARK: Numbers

    private static func unhex(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static func hex(_ data: [UInt8]) -> String {
        data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func pad(_ data: [UInt8], to count: Int) -> [UInt8] {
        Array((data + [UInt8](repeating: 0, count: count)).prefix(count))
    }

    private static func addLittleEndian(_ number: [UInt8], _ other: [UInt8]) -> [UInt8] {
        var carry = 0
        return number.indices.map { index in
            let sum = Int(number[index]) + Int(other[index]) + carry
            carry = sum >> 8
            return UInt8(truncatingIfNeeded: sum)
        }
    }
}
