import Basics

/// What a webhook's messages are signed with, as in
/// [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package struct WebhookSecret: Sendable, Equatable {
    /// The key of the HMAC.
    package let key: [UInt8]

    private static let prefix = "whsec_"

    /// A new secret. The specification asks for 24 to 64 random bytes.
    package static func random() -> WebhookSecret { WebhookSecret(key: SystemRandom.bytes(32)) }

    private init(key: [UInt8]) { self.key = key }

    /// Reads ``text``. Returns `nil` unless it is `whsec_` and the Base64 form of at least one byte.
    package init?(_ text: String) {
        guard text.utf8.starts(with: Self.prefix.utf8),
            let key = Base64.decode(Array(text.utf8.dropFirst(Self.prefix.utf8.count)).span), !key.isEmpty
        else { return nil }
        self.key = key
    }

    /// `whsec_` and the Base64 form of the key.
    package var text: String { Self.prefix + String(decoding: Base64.encode(key.span), as: UTF8.self) }

    /// Rewrites secrets of earlier versions, which were `whsec_` and the base64url form of the key without padding.
    static func standardize(_ database: Database) throws {
        for row in try database.rows("SELECT id, secret FROM webhook") {
            let text: String = row[1]
            let digits = Array(text.utf8.dropFirst(prefix.utf8.count))
            let key = Base64URL.decode(digits.span) ?? []
            let secret = WebhookSecret(key: key.isEmpty ? Array(text.utf8) : key)
            try database.execute("UPDATE webhook SET secret = ? WHERE id = ?", [secret.text, row[0] as String])
        }
    }
}
