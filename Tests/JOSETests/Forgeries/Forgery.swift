import Testing

@testable import JOSE

/// A token that must not be accepted, named for the attack, and the expected fault.
struct Forgery: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let fault: TokenFault
    let token: [UInt8]
    var keys = Keys.all

    init(_ attack: String, _ fault: TokenFault, _ token: [UInt8], keys: [Key] = Keys.all) {
        testDescription = attack
        self.fault = fault
        self.token = token
        self.keys = keys
    }

    init(_ attack: String, _ fault: TokenFault, _ token: String, keys: [Key] = Keys.all) {
        self.init(attack, fault, bytes(token), keys: keys)
    }
}

struct ForgeryTests {
    static let all =
        AlgorithmForgeries.all + SignatureForgeries.all + HeaderForgeries.all + ClaimForgeries.all + FormForgeries.all

    @Test("A forged token is refused, and for the right reason", arguments: all)
    func refused(_ forgery: Forgery) {
        #expect(fault(of: forgery.token, with: forgery.keys, maxSize: 8192) == forgery.fault)
    }

    @Test("The table has its attacks, each under its own name")
    func table() {
        #expect(Self.all.count >= 150)
        #expect(Set(Self.all.map(\.testDescription)).count == Self.all.count)
        #expect(Set(Self.all.map(\.token)).count >= 150)
    }

    /// Without this, a table of refusals would also pass against a gateway that refuses everything.
    @Test("The tokens that the forgeries are made from are accepted", arguments: Keys.all)
    func honest(_ key: Key) {
        let header = "{\"alg\":\"\(key.algorithm.rawValue)\",\"kid\":\"\(key.id ?? "")\"}"
        #expect(fault(of: bytes(signed(header, goodClaims, by: key)), with: Keys.all) == nil)
        let unnamed = "{\"alg\":\"\(key.algorithm.rawValue)\"}"
        #expect(fault(of: bytes(signed(unnamed, goodClaims, by: key)), with: Keys.all) == nil)
    }
}

// MARK: How forgeries are made

/// Rows of a table, with an explicit type so that the compiler need not infer one.
func rows(_ rows: [(String, String)]) -> [(String, String)] { rows }

/// The given header and claims, signed by a key whatever they say.
func signed(_ header: some StringProtocol, _ claims: some StringProtocol, by key: Key) -> String {
    signed(bytes(header), bytes(claims), by: key)
}

func signed(_ header: [UInt8], _ claims: [UInt8], by key: Key) -> String {
    let input = encoded(header) + "." + encoded(claims)
    guard let signature = try? key.sign(bytes(input)) else { fatalError("the forger's key cannot sign") }
    return input + "." + encoded(signature)
}

/// Header and claims with a given signature.
func carrying(_ signature: [UInt8], _ header: String, _ claims: String = goodClaims) -> String {
    encoded(bytes(header)) + "." + encoded(bytes(claims)) + "." + encoded(signature)
}

/// Header and claims signed with HMAC-SHA-256 under any bytes, including those that ``Key`` refuses as a secret.
func hmacSigned(_ secret: [UInt8], _ header: String, _ claims: String = goodClaims) -> String {
    let input = bytes(encoded(bytes(header)) + "." + encoded(bytes(claims)))
    return String(decoding: input, as: UTF8.self) + "." + encoded(MACKey(secret).code(for: input.span))
}

/// The three parts of a genuine HS256 token.
let honest: (header: String, claims: String, signature: String) = {
    let parts = signed(#"{"alg":"HS256","kid":"hs"}"#, goodClaims, by: Keys.hs256).split(separator: ".")
    return (String(parts[0]), String(parts[1]), String(parts[2]))
}()

let honestToken = honest.header + "." + honest.claims + "." + honest.signature
