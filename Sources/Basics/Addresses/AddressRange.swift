/// A CIDR block of IPv4 or IPv6 addresses.
package struct AddressRange: Sendable, Equatable {
    package let text: String
    /// Network-order bytes: 4 for IPv4, 16 for IPv6.
    package let bytes: [UInt8]
    package let prefixLength: Int

    package init(text: String, bytes: [UInt8], prefixLength: Int) {
        self.text = text
        self.bytes = bytes
        self.prefixLength = prefixLength
    }
}
