import Basics
import JOSE

/// Proves to a webhook's owner that a message comes from the gateway, and when it was sent, as in
/// [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
enum DeliverySignature {
    /// The value of `webhook-signature`: for each key, `v1` and the HMAC-SHA-256 of id, time and body with dots between.
    ///
    /// - Parameters:
    ///   - keys: one, and those before it after a rotation.
    ///   - id: the value of `webhook-id`, which must not contain a dot.
    ///   - timestamp: the value of `webhook-timestamp`, in seconds since 1970.
    static func field(keys: [[UInt8]], id: String, timestamp: Int64, body: String) -> String {
        let signed = Array("\(id).\(timestamp).\(body)".utf8)
        return keys.map { key in
            "v1," + String(decoding: Base64.encode(MACKey(key).code(for: signed.span).span), as: UTF8.self)
        }.joined(separator: " ")
    }
}
