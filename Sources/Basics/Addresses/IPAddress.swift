/// An IPv4 or IPv6 address, without a zone.
package struct IPAddress: Sendable, Equatable {
    /// Network-order bytes: 4 for IPv4, 16 for IPv6.
    package let bytes: [UInt8]

    /// Reads dotted decimals (four, without leading zeros) or the notation of RFC 4291 section 2.2
    /// (https://www.rfc-editor.org/rfc/rfc4291#section-2.2).
    package init?(_ text: some StringProtocol) {
        switch NetworkAddress(ip: String(text), port: 0) {
        case .v4(let bytes, _), .v6(let bytes, _, _): self.bytes = bytes
        case .unix, nil: return nil
        }
    }

    package var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }
}
