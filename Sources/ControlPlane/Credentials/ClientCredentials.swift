import Basics
import HTTPTypes
import JOSE

/// A client's credentials for an API token
/// ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
struct ClientCredentials {
    let id: String
    /// The possible readings of the secret: as received, and without the encoding that the RFC requires in Basic.
    private let secrets: [String]
    let isBasic: Bool

    /// - Returns: `nil` if the request has no credentials.
    init?(_ fields: HTTPFields, _ body: Members) throws(Fault) {
        let inBody = (body.text("client_id"), body.text("client_secret"))
        if let value = fields[.authorization], ListText.begins(value, with: "basic ") {
            guard inBody.0 == nil && inBody.1 == nil else {
                throw .malformed("Client credentials must come in Authorization or in the body, not in both")
            }
            guard let (id, secrets) = Self.basic(value.utf8.dropFirst(6)) else { return nil }
            self.id = id
            self.secrets = secrets
            isBasic = true
        } else {
            if inBody.0 == nil, inBody.1 == nil { return nil }
            guard let id = inBody.0 else { throw .field("client_id", "is required") }
            guard let secret = inBody.1 else { throw .field("client_secret", "is required") }
            self.id = id
            secrets = [secret]
            isBasic = false
        }
    }

    /// The company's secret that the credentials match, or `nil`. Takes the same time for a company that does not
    /// exist, for one with a single secret, and for any wrong secret.
    func secret(of tenant: Tenant?) -> ClientSecret? {
        var found: ClientSecret?
        for secret in secrets {
            let hash = SHA256.hash(secret.utf8Span.span)
            _ = equalInConstantTime(hash.span, Self.nobodys.span)
            for known in tenant?.secrets ?? [] where equalInConstantTime(hash.span, known.hash.span) { found = known }
        }
        return found
    }

    /// A hash that matches no secret.
    private static let nobodys = SystemRandom.bytes(32)

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
        percentDecoded(bytes.span, plusIsSpace: true)
    }

    private static func basic(_ text: Substring.UTF8View) -> (id: String, secrets: [String])? {
        let digits = text.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "=") }.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        guard let bytes = Base64URL.decode(digits.span), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let id = decoded(bytes[..<colon])
        else { return nil }
        let secret = bytes[(colon + 1)...]
        let readings = [
            String(validating: secret, as: UTF8.self), decoded(secret),
        ].compactMap { $0 }
        return (id, readings.count == 2 && readings[0].hasSameBytes(as: readings[1]) ? [readings[0]] : readings)
    }
}
