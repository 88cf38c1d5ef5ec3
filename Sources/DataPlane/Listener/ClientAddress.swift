package import GatewayConfiguration
package import Transport

/// The address that a client is known by: in the log, in `X-Forwarded-For` and to the limits.
package struct ClientAddress: Sendable {
    /// Network-order bytes: 4 for IPv4, 16 for IPv6, none for a Unix socket.
    package let bytes: [UInt8]
    /// The address as text, without port.
    package let text: [UInt8]
    /// A hash under a seed of this process; 0 where there is no address, so that the clients of a Unix socket are not
    /// taken for one another.
    package let hash: UInt64

    package init(_ address: NetworkAddress) {
        switch address {
        case .v4(let bytes, _):
            self.init(bytes: bytes, text: address.hostText)
        // An address of IPv4 that came to a socket of IPv6 (RFC 4291 section 2.5.5.2).
        case .v6(let bytes, _, _)
        where bytes.prefix(10).allSatisfy({ $0 == 0 }) && bytes[10] == 0xff && bytes[11] == 0xff:
            self.init(.v4(Array(bytes.suffix(4)), port: 0))
        case .v6(let bytes, _, _):
            self.init(bytes: bytes, text: address.hostText)
        case .unix:
            self.init(bytes: [], text: "unix")
        }
    }

    package init(bytes: [UInt8], text: String) {
        self.bytes = bytes
        self.text = Array(text.utf8)
        guard !bytes.isEmpty else {
            hash = 0
            return
        }
        var hasher = Hasher()
        // An IPv6 client owns its whole /64; one address of it is as good as another.
        hasher.combine(bytes.count == 16 ? Array(bytes.prefix(8)) : bytes)
        hash = max(UInt64(bitPattern: Int64(hasher.finalize())), 1)
    }

    /// Whether the address lies in one of `ranges`.
    package func isIn(_ ranges: [AddressRange]) -> Bool {
        ranges.contains { range in
            guard range.bytes.count == bytes.count else { return false }
            var left = range.prefixLength
            for index in bytes.indices where left > 0 {
                let mask = left >= 8 ? 0xff : ~(UInt8(0xff) >> UInt8(left))
                if bytes[index] & mask != range.bytes[index] & mask { return false }
                left -= 8
            }
            return true
        }
    }

    /// The address of an entry, which may have a port, and brackets and quotes around it.
    private static func address(of entry: Substring.UTF8View) -> String {
        func isPadding(_ byte: UInt8) -> Bool { byte == .space || byte == .tab || byte == UInt8(ascii: "\"") }
        var text = entry.drop(while: isPadding)
        while let last = text.last, isPadding(last) { text.removeLast() }
        if text.first == UInt8(ascii: "["), let end = text.firstIndex(of: UInt8(ascii: "]")) {
            text = text[text.index(after: text.startIndex)..<end]
        } else if text.count(where: { $0 == UInt8(ascii: ":") }) == 1 {
            text = text.prefix { $0 != UInt8(ascii: ":") }
        }
        return String(Substring(text))
    }

    /// The client that `X-Forwarded-For` tells of, read from its right end past every trusted proxy; what is
    /// left of an entry that is no address does not count.
    package static func forwarded(_ list: String, trusted: [AddressRange]) -> ClientAddress? {
        var last: ClientAddress?
        for entry in list.utf8.split(separator: UInt8(ascii: ",")).reversed() {
            let text = address(of: entry)
            guard let address = NetworkAddress(ip: text, port: 0) else { return last }
            let client = ClientAddress(address)
            if !client.isIn(trusted) { return client }
            last = client
        }
        return last
    }
}
