import DataPlane
import GatewayConfiguration
import HTTPTypes

/// Who somebody is to the limits: a hash under a seed of this process; 0 is nobody, and has no limit.
enum AddressHash {
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    /// Of the client's address: the last of `X-Forwarded-For` that is no trusted proxy. What stands before the data plane's
    /// own entry was told by trusted proxies only.
    static func client(_ fields: HTTPFields, trusted: [AddressRange]) -> UInt64 {
        fields[values: forwardedFor].last.flatMap { ClientAddress.forwarded($0, trusted: trusted) }?.hash ?? 0
    }

    /// Of a client id: apart from every address.
    static func client(id: String) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(id)
        return max(UInt64(bitPattern: Int64(hasher.finalize())), 1)
    }
}
