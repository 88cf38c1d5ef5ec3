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
        let id = Self.id(of: delivery)
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
                "webhook-id": id,
                "webhook-timestamp": "\(timestamp)",
                "webhook-signature": DeliverySignature.field(
                    keys: [delivery.webhook.secret.key],
                    id: id,
                    timestamp: timestamp,
                    body: body
                ),
            ]
        )
    }

    /// The message's own id, which is the same in every attempt.
    private static func id(of delivery: Delivery) -> String {
        let message = Array(delivery.message.utf8)
        guard case .object(let members)? = try? JSONValue(parsing: message.span, limits: JSONLimits(size: 1 << 20)),
            case .string(let id)? = members["id"]
        else { return "\(delivery.id)" }
        return id
    }
}
