import Basics
import HTTPTypes
import JOSE

/// The name that a client gives to a call, so that it can repeat the call without a second effect
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
struct IdempotencyKey {
    static let field = HTTPField.Name("Idempotency-Key")!
    static let maxLength = 255

    private let text: [UInt8]

    /// - Returns: `nil` if the request has none.
    init?(_ fields: HTTPFields) throws(Fault) {
        let values = fields[values: Self.field]
        guard let value = values.first else { return nil }
        guard values.count == 1, let text = Self.content(of: value) else {
            throw .field("Idempotency-Key", "must be 1 to \(Self.maxLength) visible characters, once")
        }
        self.text = text
    }

    /// The draft has a string in quotation marks ([RFC 8941, section 3.3.3](https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3)).
    /// Many clients send it without them, which means the same.
    private static func content(of value: String) -> [UInt8]? {
        var text = Array(value.utf8)
        if text.first == UInt8(ascii: "\"") {
            guard let inner = unquoted(text) else { return nil }
            text = inner
        } else if text.contains(UInt8(ascii: ",")) {
            // Two keys that something on the way has joined.
            return nil
        }
        guard (1...maxLength).contains(text.count), text.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        return text
    }

    private static func unquoted(_ text: [UInt8]) -> [UInt8]? {
        var content: [UInt8] = []
        var rest = text.dropFirst()
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return rest.isEmpty ? content : nil
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst(), next == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") else {
                    return nil
                }
                content.append(next)
            default: content.append(byte)
            }
        }
        return nil
    }

    /// A name for the call that does not reveal the key.
    ///
    /// - Parameter secret: the gateway's own.
    func name(for company: String, _ secret: Key) throws(KeyError) -> [UInt8] {
        try secret.sign((Array("idempotency key \(company)\0".utf8) + text).span)
    }

    /// Seals the call's answer, which may contain tokens: it takes the client's key and the gateway's secret to read it.
    func seal(for company: String, _ secret: Key) throws(KeyError) -> SealingKey {
        SealingKey(
            secret: try secret.sign((Array("idempotent answer \(company)\0".utf8) + text).span),
            purpose: "idempotent answer"
        )
    }
}
