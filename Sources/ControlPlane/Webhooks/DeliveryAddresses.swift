import Basics
import GatewayConfiguration
import NIOCore

/// Decides which addresses webhooks may be delivered to.
///
/// Companies choose where their webhooks go. Without this rule they could make the gateway talk to what only it can
/// reach: itself, its network, and the metadata service of its cloud.
struct DeliveryAddresses: Sendable {
    /// Addresses that the operator allows although they are not public.
    let allowedPrivate: [AddressRange]

    /// Whether a message may be sent to the address.
    ///
    /// - Parameter isSecure: whether over TLS. Plaintext is sent only to addresses that the operator allows.
    func allow(_ address: NIOCore.SocketAddress, isSecure: Bool) -> Bool {
        guard let address = address.ipAddress.flatMap({ NetworkAddress(ip: $0, port: 0) }) else { return false }
        return allow(ClientAddress(address), isSecure: isSecure)
    }

    private func allow(_ address: ClientAddress, isSecure: Bool) -> Bool {
        address.isIn(allowedPrivate) || isSecure && Self.isPublic(address)
    }

    /// Whether messages can never be delivered to an endpoint, whatever its name stands for later: its host is an address
    /// that is not allowed, or a name of this machine
    /// ([RFC 6761 section 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)).
    func exclude(_ endpoint: WebhookEndpoint) -> Bool {
        if let address = NetworkAddress(ip: endpoint.host, port: 0) {
            return !allow(ClientAddress(address), isSecure: endpoint.isSecure)
        }
        let name = endpoint.host.utf8
        guard name.elementsEqual("localhost".utf8) || name.suffix(10).elementsEqual(".localhost".utf8) else {
            return false
        }
        return !["127.0.0.1", "::1"].contains { text in
            NetworkAddress(ip: text, port: 0).map { ClientAddress($0).isIn(allowedPrivate) } ?? false
        }
    }

    /// Whether the address is public, according to the registries for special-purpose addresses
    /// ([RFC 6890](https://www.rfc-editor.org/rfc/rfc6890) and IANA's additions).
    static func isPublic(_ address: ClientAddress) -> Bool {
        guard address.bytes.count == 16 else { return address.bytes.count == 4 && !address.isIn(special4) }
        if let embedded = embedded4(address) { return !embedded.isIn(special4) }
        return address.isIn(unicast6) && !address.isIn(special6)
    }

    /// The IPv4 address that a translator or a tunnel would send to: NAT64
    /// ([RFC 6052](https://www.rfc-editor.org/rfc/rfc6052)) or 6to4 ([RFC 3056](https://www.rfc-editor.org/rfc/rfc3056)).
    private static func embedded4(_ address: ClientAddress) -> ClientAddress? {
        if address.isIn(nat64) { return ClientAddress(bytes: Array(address.bytes[12...]), text: "") }
        if address.isIn(sixToFour) { return ClientAddress(bytes: Array(address.bytes[2..<6]), text: "") }
        return nil
    }

    private static let nat64 = ranges("64:ff9b::/96")
    private static let sixToFour = ranges("2002::/16")
    /// Loopback, link-local, unique local, mapped and translated addresses are all outside this range.
    private static let unicast6 = ranges("2000::/3")

    private static let special6 = ranges(
        "2001::/23",  // Teredo, ORCHID and other protocols
        "2001:db8::/32",  // documentation
        "3fff::/20"  // documentation
    )

    private static let special4 = ranges(
        "0.0.0.0/8",  // this network
        "10.0.0.0/8",  // private
        "100.64.0.0/10",  // shared by a provider's customers; a metadata service
        "127.0.0.0/8",  // loopback
        "168.63.129.16/32",  // a metadata service with a public address
        "169.254.0.0/16",  // link-local; metadata services
        "172.16.0.0/12",  // private
        "192.0.0.0/24",  // protocols; a metadata service
        "192.0.2.0/24",  // documentation
        "192.88.99.0/24",  // 6to4 relays
        "192.168.0.0/16",  // private
        "198.18.0.0/15",  // measurements
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",  // documentation
        "224.0.0.0/4",  // multicast
        "240.0.0.0/4"  // reserved; broadcast
    )

    private static func ranges(_ texts: String...) -> [AddressRange] {
        texts.map { text in
            guard let range = try? AddressRange(parsing: text) else { fatalError("\(text) is not an address range") }
            return range
        }
    }
}
