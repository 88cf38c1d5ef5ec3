import Basics

@testable import DataPlane

extension FuzzTarget {
    /// The header of the PROXY protocol at the start of a connection, in both versions.
    static let proxyHeader = FuzzTarget("proxy-header") { bytes in
        let whole = outcome(bytes)
        for cut in cuts(of: bytes.count) { try requireConsistent(outcome(Array(bytes[..<cut])), at: cut, with: whole) }
        guard case .success(let header?) = whole else { return }
        try require(header.length <= min(bytes.count, 4096), "a header of \(header.length) bytes")
        if bytes.starts(with: utf8("PROXY ")) {
            try require(
                header.length <= 107 && bytes[..<header.length].suffix(2) == utf8("\r\n")[...]
                    && bytes[..<header.length].count { $0 == .lineFeed } == 1,
                "a line that is none: \(text(bytes[..<header.length]))"
            )
        }
        guard let client = header.client else { return }
        for written in try [line(client), binary(client)] {
            try require(
                outcome(written) == .success(ProxyHeader(client: client, length: written.count)),
                "a client changes when it is written: \(client)"
            )
        }
    }

    private static func outcome(_ bytes: [UInt8]) -> Result<ProxyHeader?, ProxyHeaderFault> {
        Result { () throws(ProxyHeaderFault) in try ProxyHeader.read(bytes.span) }
    }

    /// Fails unless what is known after `cut` bytes agrees with what all of them say.
    private static func requireConsistent(
        _ part: Result<ProxyHeader?, ProxyHeaderFault>,
        at cut: Int,
        with whole: Result<ProxyHeader?, ProxyHeaderFault>
    ) throws {
        if case .success(let header?) = whole, cut < header.length {
            try require(part == .success(nil), "cut at \(cut), a header is not waited for, but \(part)")
        } else {
            try require(part == .success(nil) || part == whole, "cut at \(cut): \(part) instead of \(whole)")
        }
        if case .success(let header?) = whole, cut >= header.length {
            try require(part == whole, "a complete header is waited for")
        }
    }

    private static func line(_ client: NetworkAddress) throws -> [UInt8] {
        guard let port = client.port else { throw BrokenProperty(description: "a client without a port: \(client)") }
        let family = if case .v4 = client { "TCP4" } else { "TCP6" }
        return utf8("PROXY \(family) \(client.hostText) \(client.hostText) \(port) \(port)\r\n")
    }

    private static func binary(_ client: NetworkAddress) throws -> [UInt8] {
        let (family, ip, port): (UInt8, [UInt8], UInt16)
        switch client {
        case .v4(let bytes, let number): (family, ip, port) = (0x11, bytes, number)
        case .v6(let bytes, let number, _): (family, ip, port) = (0x21, bytes, number)
        case .unix: throw BrokenProperty(description: "a client at a path: \(client)")
        }
        let ports = [UInt8(port >> 8), UInt8(port & 0xff), 0, 0]
        let addresses = ip + ip + ports
        return utf8("\r\n\r\n\0\r\nQUIT\n") + [0x21, family, 0, UInt8(addresses.count)] + addresses
    }
}
