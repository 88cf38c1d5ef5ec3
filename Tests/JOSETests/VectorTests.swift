import Basics
import Testing

@testable import JOSE

/// The examples of [RFC 7515, appendix A](https://www.rfc-editor.org/rfc/rfc7515#appendix-A) and of
/// [RFC 8037, appendix A](https://www.rfc-editor.org/rfc/rfc8037#appendix-A).
struct VectorTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let algorithm: Algorithm
        let token: String
        let jwk: String
    }

    static let vectors = [
        Vector(
            testDescription: "RFC 7515 A.1, HS256",
            algorithm: .hs256,
            token: """
                eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9\
                leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
                """,
            jwk: #"""
                {"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h\#
                cgUuTwjAzZr1Z9CAow"}
                """#
        ),
        Vector(
            testDescription: "RFC 7515 A.2, RS256",
            algorithm: .rs256,
            token: """
                eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
                yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt\
                _O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb\
                1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI\
                8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
                """,
            jwk: #"""
                {"kty":"RSA","alg":"RS256","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPdd\#
                xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7O\#
                Mg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG\#
                4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}
                """#
        ),
        Vector(
            testDescription: "RFC 7515 A.3, ES256",
            algorithm: .es256,
            token: """
                eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
                yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU\
                1Q
                """,
            jwk: #"""
                {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue6\#
                59LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}
                """#
        ),
        Vector(
            testDescription: "RFC 7515 A.4, ES512",
            algorithm: .es512,
            token: """
                eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2\
                SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXo\
                lLzeO_Jn
                """,
            jwk: #"""
                {"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jS\#
                fS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh\#
                9ubmf63e3kyMj2","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53v\#
                M9mE15j2C"}
                """#
        ),
        Vector(
            testDescription: "RFC 8037 A.4, EdDSA",
            algorithm: .eddsa,
            token: """
                eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
                dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg
                """,
            jwk: ed25519JWK
        ),
    ]

    /// RFC 8037, appendix A.1.
    static let ed25519JWK = #"""
        {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7T\#
        yWQHOg7hcvPapiMlrwIaaPcHURo"}
        """#

    @Test("The signatures in the RFCs verify, and do not after a change", arguments: vectors)
    func verifies(_ vector: Vector) throws {
        let key = try #require(try Key.jwks(bytes(vector.jwk)).first)
        #expect(key.algorithm == vector.algorithm)
        let parts = vector.token.split(separator: ".")
        let signed = bytes(parts[0] + "." + parts[1])
        var signature = try #require(decoded(parts[2]))
        #expect(key.verifies(signature, of: signed))
        signature[signature.count / 2] ^= 1
        #expect(!key.verifies(signature, of: signed))
    }

    @Test("For deterministic algorithms, our signature equals the RFC's", arguments: [vectors[0], vectors[4]])
    func signs(_ vector: Vector) throws {
        let key = try #require(try Key.jwks(bytes(vector.jwk)).first)
        let parts = vector.token.split(separator: ".")
        let signed = bytes(parts[0] + "." + parts[1])
        #expect(try key.sign(signed) == decoded(parts[2]))
    }

    @Test("The tokens of RFC 7515 A.1 to A.3 contain joe, and have expired", arguments: vectors[..<3])
    func reads(_ vector: Vector) throws {
        let token = try Token(bytes(vector.token))
        try token.verify(with: Key.jwks(bytes(vector.jwk)))
        #expect(try token.claims.string("iss") == "joe")
        #expect(try token.claims.bool("http://example.com/is_root") == true)
        #expect(token.validity == Validity(expires: 1_300_819_380, notBefore: nil, issuedAt: nil))
        #expect(throws: TokenFault.expired) {
            try token.validity.check(now: 1_300_819_380, leeway: 0, requireExpiry: true)
        }
    }

    @Test("The unsecured token of RFC 7515 A.5 is refused")
    func unsecured() {
        let token = bytes(
            """
            eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
            b290Ijp0cnVlfQ.
            """
        )
        #expect(throws: TokenFault.algorithm) { try Token(token) }
    }

    @Test("The key of RFC 8037 A.1 gives the public half and the thumbprint of A.2 and A.3")
    func thumbprint() throws {
        let key = try #require(try Key.jwks(bytes(VectorTests.ed25519JWK)).first)
        guard case .object(let members)? = key.publicJWK, case .string(let x)? = members["x"] else {
            Issue.record("no x")
            return
        }
        #expect(x == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
        #expect(members["d"] == nil)
        // RFC 7638: the required members in the order of their names.
        let text = bytes(#"{"crv":"Ed25519","kty":"OKP","x":"\#(x)"}"#)
        #expect(encoded(SHA256.hash(text)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }
}
