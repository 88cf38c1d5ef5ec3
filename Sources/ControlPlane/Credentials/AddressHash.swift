import GatewayConfiguration
import HTTPTypes

/// Who somebody is to the limits: a hash under a seed of this process; 0 is nobody, and has no limit.
enum AddressHash {
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    /// Of the client's address: the last of `X-Forwarded-For` that is no trusted proxy. What stands before the data plane's
    /// own entry was told by trusted proxies only.
    static func client(_ fields: HTTPFields, trusted: [AddressRange]) -> UInt64 {
        guard let list = fields[values: forwardedFor].last else { return 0 }
        var last: IPAddress?
        for entry in list.split(separator: ",").reversed() {
            guard let address = IPAddress(entry.filter { $0 != " " && $0 != "\t" }) else { break }
            last = address
            if !isIn(trusted, address) { break }
        }
        guard let last else { return 0 }
        // An IPv6 client owns its whole /64; one address of it is as good as another.
        return hash(last.bytes.count == 16 ? Array(last.bytes.prefix(8)) : last.bytes)
    }

    /// Of a client id: apart from every address.
    static func client(id: String) -> UInt64 { hash(Array(id.utf8) + [0xff]) }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes)
        return max(UInt64(bitPattern: Int64(hasher.finalize())), 1)
    }

    private static func isIn(_ ranges: [AddressRange], _ address: IPAddress) -> Bool {
        ranges.contains { range in
            guard range.bytes.count == address.bytes.count else { return false }
            var left = range.prefixLength
            for index in range.bytes.indices where left > 0 {
                let mask = left >= 8 ? 0xff : ~(UInt8(0xff) >> UInt8(left))
                if address.bytes[index] & mask != range.bytes[index] & mask { return false }
                left -= 8
            }
            return true
        }
    }
}
