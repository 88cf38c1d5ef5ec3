import Basics
import GatewayConfiguration
import NIOCore
import Testing

@testable import ControlPlane

@Suite("Addresses of webhooks: public ones, and those that the operator allows")
struct DeliveryAddressTests {
    private func address(_ text: String) throws -> NIOCore.SocketAddress {
        try NIOCore.SocketAddress(ipAddress: text, port: 443)
    }

    private func allowing(_ ranges: [String]) throws -> DeliveryAddresses {
        DeliveryAddresses(allowedPrivate: try ranges.map { try AddressRange(parsing: $0) })
    }

    static let special = [
        // This network, loopback, private, shared, link-local, and the metadata services among them.
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "10.0.0.0", "10.255.255.255", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.0", "100.127.255.255", "100.100.100.200",
        "169.254.0.1", "169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.1", "192.0.0.192",
        // Documentation, measurements, relays, multicast, reserved, broadcast.
        "192.0.2.1", "198.51.100.1", "203.0.113.255", "198.18.0.1", "198.19.255.255", "192.88.99.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        // The same for IPv6.
        "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff:ffff::1", "fd00:ec2::254", "ff02::1", "ff0e::1",
        "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1", "2001::1", "2001:0:4136:e378::1", "2001:10::1",
        "2001:20::1", "64:ff9b:1::1", "64:ff9b:1:fffe::808:808",
        // IPv4 inside IPv6: mapped, compatible, translated, through NAT64 and 6to4.
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::127.0.0.1", "::8.8.8.8",
        "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254", "2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:101::", "2002:a9fe:a9fe::1",
    ]

    @Test("An address that is not public is refused, over TLS too", arguments: special)
    func refused(text: String) throws {
        #expect(try !allowing([]).allow(address(text), isSecure: true))
        #expect(try !allowing([]).allow(address(text), isSecure: false))
    }

    @Test(
        "A public address is accepted over TLS, and not in plaintext",
        arguments: [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
            "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111", "2001:200::1", "2001:4860:4860::8888", "2a00:1450::1", "2001:db7:ffff::1",
            "2001:db9::1", "3fff:1000::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
        ]
    )
    func good(text: String) throws {
        #expect(try allowing([]).allow(address(text), isSecure: true))
        #expect(try !allowing([]).allow(address(text), isSecure: false))
    }

    @Test("An address that the operator allows is accepted, in plaintext too, and no other")
    func allowed() throws {
        let allowed = try allowing(["10.1.0.0/16", "127.0.0.1/32", "fd00::/8", "8.8.8.0/24"])
        for text in ["10.1.2.3", "127.0.0.1", "::ffff:127.0.0.1", "fd12::1", "8.8.8.8"] {
            for isSecure in [true, false] {
                #expect(try allowed.allow(address(text), isSecure: isSecure), "\(text)")
            }
        }
        for text in ["10.2.0.1", "127.0.0.2", "::1", "fc00::1", "64:ff9b::10.1.2.3"] {
            #expect(try !allowed.allow(address(text), isSecure: true), "\(text)")
        }
        #expect(try !allowed.allow(address("8.8.9.8"), isSecure: false))
    }

    @Test("A Unix socket is not an address to deliver to")
    func unixSocket() throws {
        let socket = try NIOCore.SocketAddress(unixDomainSocketPath: "/run/x.sock")
        #expect(try !allowing(["0.0.0.0/0", "::/0"]).allow(socket, isSecure: true))
    }
}
