import Basics
import Testing

@testable import JOSE

struct ValidityTests {
    static func validity(_ claims: String) throws(TokenFault) -> Validity {
        guard case .object(let members)? = try? JSONValue(bytes(claims)) else { throw .malformed }
        return try Validity(Claims(members))
    }

    @Test("Fractions are rounded so that no token lives longer than it says")
    func rounding() throws {
        let validity = try Self.validity(#"{"exp":10.9,"nbf":5.1,"iat":4.000001}"#)
        #expect(validity == Validity(expires: 10, notBefore: 6, issuedAt: 5))
        #expect(
            try Self.validity(#"{"exp":10.0,"nbf":5e0,"iat":0}"#) == Validity(expires: 10, notBefore: 5, issuedAt: 0)
        )
        #expect(try Self.validity("{}") == Validity(expires: nil, notBefore: nil, issuedAt: nil))
        #expect(try Self.validity(#"{"exp":9007199254740992}"#).expires == 1 << 53)
        #expect(try Self.validity(#"{"exp":0.5,"nbf":1e-300}"#) == Validity(expires: 0, notBefore: 1, issuedAt: nil))
    }

    @Test(
        "A time that is not a number, or is out of range, is refused",
        arguments: ["exp", "nbf", "iat"],
        [
            "-1", "-0.5", "1e400", "9007199254740994", "1e300", "\"10\"", "\"\"", "null", "true", "[10]", "{}",
        ]
    )
    func refused(_ claim: String, _ value: String) {
        let claims = "{\"\(claim)\":\(value)}"
        #expect(throws: value == "1e400" ? TokenFault.malformed : .claim(claim)) { try Self.validity(claims) }
    }

    static let window = Validity(expires: 100, notBefore: 50, issuedAt: 40)

    @Test(
        "The bounds are exact to the second, and leeway moves both outwards",
        arguments: [
            (49, 0, .notYetValid), (50, 0, nil), (99, 0, nil), (100, 0, .expired), (45, 5, nil), (44, 5, .notYetValid),
            (104, 5, nil), (105, 5, .expired), (100, -5, .expired), (49, -5, .notYetValid),
            (Int64.max, 0, .expired), (Int64.min, 0, .notYetValid), (Int64.max, Int64.max, nil),
            (50, Int64.max, nil), (Int64.min, 1, .expired),
        ] as [(Int64, Int64, TokenFault?)]
    )
    func bounds(_ now: Int64, _ leeway: Int64, _ fault: TokenFault?) {
        var found: TokenFault?
        do throws(TokenFault) {
            try Self.window.check(now: now, leeway: leeway, requireExpiry: true)
        } catch {
            found = error
        }
        #expect(found == fault)
    }

    @Test(
        "iat is not judged, since backends' clocks may be ahead; a missing exp is refused if required"
    )
    func others() throws {
        try Validity(expires: 100, notBefore: nil, issuedAt: 60).check(now: 54, leeway: 0, requireExpiry: true)
        let endless = Validity(expires: nil, notBefore: nil, issuedAt: nil)
        #expect(throws: TokenFault.expiryMissing) { try endless.check(now: 0, leeway: 0, requireExpiry: true) }
        try endless.check(now: 0, leeway: 0, requireExpiry: false)
    }
}

struct ClaimsTests {
    static let claims = Claims([
        JSONMember("s", .string("text")), JSONMember("b", .bool(false)), JSONMember("n", .number(1.5)),
        JSONMember("z", .null), JSONMember("aud", .array([.string("a"), .string("b")])),
    ])

    @Test("A claim is absent or has its type; another type is a fault, null included")
    func types() throws {
        #expect(try Self.claims.string("s") == "text")
        #expect(try Self.claims.bool("b") == false)
        #expect(try Self.claims.number("n") == 1.5)
        #expect(try Self.claims.string("none") == nil)
        #expect(try Self.claims.bool("none") == nil)
        #expect(try Self.claims.number("none") == nil)
        for name in ["b", "n", "z", "aud"] {
            #expect(throws: TokenFault.claim(name)) { try Self.claims.string(name) }
        }
        for name in ["s", "n", "z"] { #expect(throws: TokenFault.claim(name)) { try Self.claims.bool(name) } }
        for name in ["s", "b", "z"] { #expect(throws: TokenFault.claim(name)) { try Self.claims.number(name) } }
    }

    @Test("An audience is one string or an array of strings, compared completely")
    func audience() throws {
        #expect(try Self.claims.hasAudience("a"))
        #expect(try Self.claims.hasAudience("b"))
        #expect(try !Self.claims.hasAudience("c"))
        #expect(try !Self.claims.hasAudience("A"))
        #expect(try !Self.claims.hasAudience(""))
        #expect(try Claims([JSONMember("aud", .string("a"))]).hasAudience("a"))
        #expect(try !Claims([JSONMember("aud", .string("ab"))]).hasAudience("a"))
        #expect(try !Claims([]).hasAudience("a"))
        #expect(throws: TokenFault.claim("aud")) { try Claims([JSONMember("aud", .number(1))]).hasAudience("a") }
        #expect(throws: TokenFault.claim("aud")) {
            try Claims([JSONMember("aud", .array([.string("a"), .null]))]).hasAudience("a")
        }
    }
}
