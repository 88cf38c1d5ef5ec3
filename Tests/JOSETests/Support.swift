import Basics

@testable import JOSE

/// The time at which tokens are judged in these tests.
let now: Int64 = 1_750_000_000

/// Claims of a token that is valid at ``now``.
let goodClaims = #"{"exp":1800000000,"iat":1740000000,"sub":"user-1","eventId":"evt_1"}"#

func bytes(_ text: some StringProtocol) -> [UInt8] { Array(text.utf8) }

func encoded(_ bytes: [UInt8]) -> String { String(decoding: Base64URL.encode(bytes.span), as: UTF8.self) }

func decoded(_ text: some StringProtocol) -> [UInt8]? {
    let text = bytes(text)
    return Base64URL.decode(text.span)
}

/// The gateway's judgement of a token: parse, verify, time. Returns `nil` if it accepts.
func fault(of token: [UInt8], with keys: [Key], maxSize: Int = 8192) -> TokenFault? {
    do throws(TokenFault) {
        let token = try Token(parsing: token.span, maxSize: maxSize)
        try token.verify(with: keys)
        try token.validity.check(now: now, leeway: 5, requireExpiry: true)
        return nil
    } catch {
        return error
    }
}

/// The keys of one company, made once for all tests, one of each kind.
enum Keys {
    static let secret = bytes("an HMAC secret of 64 bytes, as HS512 needs one, for these tests.")
    static let hs256 = made { () throws(KeyError) in try Key.secret(secret, algorithm: .hs256, id: "hs") }
    static let hs384 = made { () throws(KeyError) in try Key.secret(secret, algorithm: .hs384, id: "hs384") }
    static let rs256 = made { () throws(KeyError) in try Key.generate(.rs256, id: "rs") }
    static let ps256 = made { () throws(KeyError) in try Key.generate(.ps256, id: "ps") }
    static let es256 = made { () throws(KeyError) in try Key.generate(.es256, id: "es") }
    static let es384 = made { () throws(KeyError) in try Key.generate(.es384, id: "es384") }
    static let es512 = made { () throws(KeyError) in try Key.generate(.es512, id: "es512") }
    static let eddsa = made { () throws(KeyError) in try Key.generate(.eddsa, id: "ed") }

    static let ofEachFamily = [hs256, rs256, ps256, es256, eddsa]
    static let all = [hs256, hs384, rs256, ps256, es256, es384, es512, eddsa]

    /// The same key under another algorithm or without an id.
    static func again(_ key: Key, as algorithm: Algorithm, id: String?) -> Key {
        made { () throws(KeyError) in try Key.pem(key.privatePEM(), algorithm: algorithm, id: id) }
    }

    private static func made(_ make: () throws(KeyError) -> Key) -> Key {
        do {
            return try make()
        } catch {
            fatalError("\(error)")
        }
    }
}

// `#expect` accepts no spans, so the tests use arrays.

extension Key {
    func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        verifies(signature.span, of: message.span)
    }

    func sign(_ message: [UInt8]) throws(KeyError) -> [UInt8] { try sign(message.span) }
}

extension Token {
    init(_ token: [UInt8]) throws(TokenFault) { try self.init(parsing: token.span, maxSize: 8192) }
}

extension JSONValue {
    init(_ text: [UInt8]) throws(JSONFault) { try self.init(parsing: text.span, limits: JSONLimits(size: 8192)) }
}

extension SHA256 {
    static func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span) }
}
