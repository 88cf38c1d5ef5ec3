import JOSE

/// What shows a webhook's owner that a message comes from the gateway, and when it was sent.
enum DeliverySignature {
    /// The value of `Webhook-Signature`: HMAC-SHA-256 under the webhook's secret, as text, over time, dot and body.
    ///
    /// - Parameter timestamp: of `Webhook-Timestamp`, in seconds since 1970.
    static func field(secret: String, timestamp: Int64, body: String) -> String {
        let signed = Array("\(timestamp).\(body)".utf8)
        let code = MACKey(Array(secret.utf8)).code(for: signed.span)
        let digits = Array("0123456789abcdef".utf8)
        let hex = code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "v1=" + String(decoding: hex, as: UTF8.self)
    }
}
