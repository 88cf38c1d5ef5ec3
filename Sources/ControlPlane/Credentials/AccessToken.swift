import Admission
import Basics
import HTTPTypes
import JOSE

/// The tokens that open the API for a company's backend. They are valid for nothing else, and no other token is valid
/// here ([RFC 8725, section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
///
/// The gateway signs them with a key that no company has, so a key that signs viewers' tokens cannot make one. Each
/// names the client secret that obtained it, and stops being valid with that secret.
enum AccessToken {
    /// In seconds.
    static let lifetime: Int64 = 3600
    private static let type = "api+jwt"
    private static let maxSize = 8 << 10
    /// The claim that names the client secret.
    private static let secretClaim = "client_secret_name"

    static func make(
        for tenant: Tenant,
        by secret: ClientSecret,
        _ snapshot: Snapshot,
        now: Milliseconds
    ) throws(KeyError) -> String {
        let seconds = now / 1000
        let claims = [
            JSONMember("iss", .string(snapshot.publicURL)), JSONMember("aud", .string(snapshot.audience)),
            JSONMember("sub", .string(tenant.id)), JSONMember("companyId", .string(tenant.id)),
            JSONMember(secretClaim, .string(secret.name)),
            JSONMember("iat", .number(Double(seconds))), JSONMember("exp", .number(Double(seconds + lifetime))),
            JSONMember("jti", .string(String(decoding: Base64URL.encode(SystemRandom.bytes(12).span), as: UTF8.self))),
        ]
        return try Token.sign(claims, type: type, with: snapshot.tokenKey)
    }

    /// The company whose token the request carries.
    static func tenant(of fields: HTTPFields, _ snapshot: Snapshot, now: Milliseconds) throws(Fault) -> Tenant {
        let values = fields[values: .authorization]
        guard let value = values.first, value.utf8.count > 7, ListText.begins(value, with: "bearer ") else {
            throw .unauthorized(isTokenWrong: false)
        }
        let bytes = Array(value.utf8.dropFirst(7).drop { $0 == UInt8(ascii: " ") })
        let token: Token
        do throws(TokenFault) {
            guard values.count == 1 else { throw .malformed }
            token = try signed(bytes.span, snapshot)
        } catch {
            throw .unauthorized(isTokenWrong: true, isGuess: true)
        }
        do throws(TokenFault) {
            return try tenant(of: token, snapshot, now: now)
        } catch {
            // It was valid once, so the client is not guessing.
            throw .unauthorized(isTokenWrong: true)
        }
    }

    /// Parses and verifies a token that the gateway signed for the API.
    private static func signed(_ bytes: Span<UInt8>, _ snapshot: Snapshot) throws(TokenFault) -> Token {
        let token = try Token(parsing: bytes, maxSize: maxSize)
        guard token.hasType(type) else { throw .type }
        try token.verify(with: [snapshot.tokenKey])
        return token
    }

    private static func tenant(of token: Token, _ snapshot: Snapshot, now: Milliseconds) throws(TokenFault) -> Tenant {
        let claims = token.claims
        guard let id = try claims.string("companyId"), let tenant = snapshot.tenant(id) else { throw .company }
        guard let name = try claims.string(secretClaim),
            tenant.secrets.contains(where: { $0.name.hasSameBytes(as: name) })
        else { throw .unknownKey }
        guard try claims.string("iss").hasSameBytes(as: snapshot.publicURL) else { throw .issuer }
        guard try claims.hasAudience(snapshot.audience) else { throw .audience }
        guard try claims.string("sub").hasSameBytes(as: tenant.id) else { throw .company }
        try token.validity.check(now: now / 1000, leeway: snapshot.leeway, requireExpiry: true)
        guard let issued = token.validity.issuedAt, let expires = token.validity.expires, expires - issued <= lifetime
        else { throw .expired }
        return tenant
    }
}
