package import Basics

extension AddressRange {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or a single address, which is a range of one.
    package init(parsing text: String) throws(ValueFault) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else {
            throw ValueFault("\(quoted(text)) is not an address range such as \"10.0.0.0/8\" or \"2001:db8::/32\"")
        }
        let bits = address.bytes.count * 8
        var length = bits
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(\.isDigit),
                let written = Int(parts[1]),
                written <= bits
            else { throw ValueFault("\(quoted(text)): the prefix length must be 0 to \(bits)") }
            length = written
        }
        // Refuse 10.1.2.3/8: what the operator means differs from what it says.
        for bit in length..<bits where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
            throw ValueFault("\(quoted(text)) has bits set after the first \(length)")
        }
        // Clients are known by their IPv4 address, however they connect.
        if length >= 96, address.bytes.count == 16, address.bytes.starts(with: Self.mappedPrefix) {
            self.init(text: text, bytes: Array(address.bytes.dropFirst(12)), prefixLength: length - 96)
        } else {
            self.init(text: text, bytes: address.bytes, prefixLength: length)
        }
    }

    /// Of IPv4 addresses in IPv6 ([RFC 4291 section 2.5.5.2](https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2)).
    private static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
}
