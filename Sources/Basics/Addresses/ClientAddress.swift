/// The address that identifies a client in the log, in `X-Forwarded-For` and for limits.
package struct ClientAddress: Sendable {
    /// The address as text, without port.
    package let text: [UInt8]
    /// A hash seeded per process. 0 if there is no address, so that clients of a Unix socket are not taken for one
    /// another.
    package let hash: UInt64
    /// The first ``count`` are the address. Within the value, so that a connection needs no memory of its own for them.
    private let storage: InlineArray<16, UInt8>
    private let count: UInt8
    /// Whether this is a proxy's own address because its PROXY header names no client. What else arrives from there
    /// about a client may be written by that client.
    package private(set) var hidesClient = false

    /// Network-order bytes: 4 for IPv4, 16 for IPv6, none for a Unix socket.
    package var bytes: [UInt8] { (0..<Int(count)).map { storage[$0] } }

    var byteCount: Int { Int(count) }

    /// The bytes as one number.
    var number: UInt128 {
        var number: UInt128 = 0
        for index in 0..<Int(count) { number = number << 8 | UInt128(storage[index]) }
        return number
    }

    package init(_ address: NetworkAddress) {
        switch address {
        case .v4(let bytes, _):
            self.init(bytes: bytes, text: address.hostText)
        // An IPv4 address on an IPv6 socket (RFC 4291 section 2.5.5.2).
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
        self.text = Array(text.utf8)
        storage = InlineArray { $0 < bytes.count ? bytes[$0] : 0 }
        count = UInt8(bytes.count)
        guard !bytes.isEmpty else {
            hash = 0
            return
        }
        var hasher = Hasher()
        // An IPv6 client owns its whole /64, so all addresses in it count as one.
        hasher.combine(bytes.count == 16 ? Array(bytes.prefix(8)) : bytes)
        hash = max(UInt64(bitPattern: Int64(hasher.finalize())), 1)
    }

    /// The same address, of a proxy whose PROXY header names no client.
    package var hidingClient: ClientAddress {
        var address = self
        address.hidesClient = true
        return address
    }

    /// A hash of what ``hash`` stands for that is the same in every process. `nil` if there is no address.
    package var stableHash: UInt64? {
        guard count > 0 else { return nil }
        var hash = FNV1a.start
        for index in 0..<(count == 16 ? 8 : Int(count)) { FNV1a.add(storage[index], to: &hash) }
        return hash
    }

    /// Whether this is a proxy of one of `ranges`, whose `X-Forwarded-*` fields count.
    package func isTrustedProxy(in ranges: [AddressRange]) -> Bool { !hidesClient && isIn(ranges) }

    /// Whether the address is in one of `ranges`.
    package func isIn(_ ranges: [AddressRange]) -> Bool {
        ranges.contains { range in
            guard range.bytes.count == count else { return false }
            var left = range.prefixLength
            for index in 0..<Int(count) where left > 0 {
                let mask = left >= 8 ? 0xff : ~(UInt8(0xff) >> UInt8(left))
                if storage[index] & mask != range.bytes[index] & mask { return false }
                left -= 8
            }
            return true
        }
    }

    /// The address in an entry, which may have a port, brackets and quotes.
    private static func address(of entry: Substring.UTF8View) -> String {
        func isPadding(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: "\"") }
        var text = entry.drop(while: isPadding)
        while let last = text.last, isPadding(last) { text.removeLast() }
        if text.first == UInt8(ascii: "["), let end = text.firstIndex(of: UInt8(ascii: "]")) {
            text = text[text.index(after: text.startIndex)..<end]
        } else if text.count(where: { $0 == UInt8(ascii: ":") }) == 1 {
            text = text.prefix { $0 != UInt8(ascii: ":") }
        }
        return String(Substring(text))
    }

    /// The client according to `X-Forwarded-For`, read from the right past every trusted proxy. Ignores an entry that
    /// is not an address, and everything to its left.
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
