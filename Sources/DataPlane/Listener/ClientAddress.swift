package import GatewayConfiguration
package import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The address that a client is known by: in the log, in `X-Forwarded-For` and to the limits.
package struct ClientAddress: Sendable {
    /// Network-order bytes: 4 for IPv4, 16 for IPv6, none for a Unix socket.
    package let bytes: [UInt8]
    /// The address as text, without port.
    package let text: [UInt8]
    /// A hash under a seed of this process; 0 where there is no address, so that the clients of a Unix socket are not
    /// taken for one another.
    package let hash: UInt64

    package init(_ address: NIOCore.SocketAddress?) {
        guard let text = address?.ipAddress else {
            self.init(bytes: [], text: "unix")
            return
        }
        guard let bytes = Self.parse(text, family: AF_INET6, count: 16) else {
            self.init(bytes: Self.parse(text, family: AF_INET, count: 4) ?? [], text: text)
            return
        }
        if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
            let v4 = Array(bytes.suffix(4))
            self.init(bytes: v4, text: v4.map { String($0) }.joined(separator: "."))
        } else {
            self.init(bytes: bytes, text: text)
        }
    }

    private static func parse(_ text: String, family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: inet_pton writes 4 or 16 bytes, as the family says, into an array of that count.
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe inet_pton(family, text, $0.baseAddress!) }
        return result == 1 ? bytes : nil
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
            guard let address = try? NIOCore.SocketAddress(ipAddress: text, port: 0) else { return last }
            let client = ClientAddress(address)
            if !client.isIn(trusted) { return client }
            last = client
        }
        return last
    }
}
