import Basics
import JOSE

/// Proves to a webhook's owner that a message comes from the gateway, and when it was sent.
enum DeliverySignature {
    /// The value of `Webhook-Signature`: HMAC-SHA-256 of time, dot and body, keyed with the webhook's secret as text.
    ///
    /// - Parameter timestamp: the value of `Webhook-Timestamp`, in seconds since 1970.
    static func field(secret: String, timestamp: Int64, body: String) -> String {
        let signed = Array("\(timestamp).\(body)".utf8)
        return "v1=" + Hexadecimal.text(MACKey(Array(secret.utf8)).code(for: signed.span))
    }
}
