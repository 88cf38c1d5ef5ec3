import Admission
import Basics
import Directory
import NIOHTTP1

/// One attempt to deliver a message, as sent over the wire.
struct DeliveryRequest: Sendable {
    let head: HTTPRequestHead
    let body: String

    /// - Parameter now: the time of the attempt, which is part of the signature.
    init(_ delivery: Delivery, to endpoint: WebhookEndpoint, now: Milliseconds) {
        let timestamp = now / 1000
        body = delivery.message
        head = HTTPRequestHead(
            version: .http1_1,
            method: .POST,
            uri: endpoint.target,
            headers: [
                "Host": endpoint.authority,
                "User-Agent": "embed-gateway",
                "Content-Type": "application/json",
                "Content-Length": "\(body.utf8.count)",
                "Connection": "close",
                // Receivers may look for these as the specification spells them.
                "webhook-id": delivery.uid,
                "webhook-timestamp": "\(timestamp)",
                "webhook-signature": DeliverySignature.field(
                    keys: delivery.webhook.secrets(at: now).map(\.key),
                    id: delivery.uid,
                    timestamp: timestamp,
                    body: body
                ),
            ]
        )
    }
}
