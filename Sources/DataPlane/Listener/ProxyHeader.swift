import Basics

/// What a proxy says at the start of a connection: the header of the PROXY protocol, version 1 or 2
/// ([proxy-protocol.txt](https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt), whose sections are meant below).
struct ProxyHeader: Equatable {
    /// The client. `nil` if the proxy names none: it speaks for itself, as in a health check (`LOCAL`), or the client
    /// has no IP address that it knows (`UNKNOWN`, `UNSPEC`, a Unix socket).
    let client: NetworkAddress?
    /// The header's size in bytes. What follows is the client's.
    let length: Int

    /// The most bytes of a version 1 header (section 2.1).
    private static let maxLine = 107
    /// The most bytes of a version 2 header, far more than any proxy sends.
    private static let maxSize = 4096
    /// The bytes of a version 2 header before the addresses (section 2.2).
    private static let fixedSize = 16
    private static let lineStart: StaticString = "PROXY "
    private static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"

    /// Reads the header at the start of `bytes`.
    ///
    /// - Returns: `nil` if the header is incomplete.
    static func read(_ bytes: Span<UInt8>) throws(ProxyHeaderFault) -> ProxyHeader? {
        if agree(bytes, lineStart) { return try readLine(bytes) }
        if agree(bytes, signature) { return try readBinary(bytes) }
        throw .absent
    }

    /// Whether `bytes` start with `start`, as far as they have arrived.
    private static func agree(_ bytes: Span<UInt8>, _ start: StaticString) -> Bool {
        bytes.starts(with: start, upTo: min(bytes.count, start.utf8CodeUnitCount))
    }

    // MARK: Version 1 (section 2.1)

    private static func readLine(_ bytes: Span<UInt8>) throws(ProxyHeaderFault) -> ProxyHeader? {
        guard let end = bytes.firstIndex(of: .lineFeed, from: 0, to: min(bytes.count, maxLine)) else {
            guard bytes.count < maxLine else { throw .malformed }
            return nil
        }
        let start = lineStart.utf8CodeUnitCount
        guard bytes[end - 1] == .carriageReturn else { throw .malformed }
        let line = bytes.extracting(start..<end - 1).copied()
        let words = line.split(separator: .space, omittingEmptySubsequences: false)
        if words[0].elementsEqual("UNKNOWN".utf8) {
            // Whatever else the line says is ignored.
            guard !line.contains(.carriageReturn) else { throw .malformed }
            return ProxyHeader(client: nil, length: end + 1)
        }
        let isIPv6 = words[0].elementsEqual("TCP6".utf8)
        guard isIPv6 || words[0].elementsEqual("TCP4".utf8), words.count == 5,
            let source = address(words[1], port: words[3]), (source.ipSize == 16) == isIPv6,
            let target = address(words[2], port: words[4]), target.ipSize == source.ipSize
        else { throw .malformed }
        return ProxyHeader(client: source, length: end + 1)
    }

    private static func address(_ text: ArraySlice<UInt8>, port: ArraySlice<UInt8>) -> NetworkAddress? {
        guard let port = number(port) else { return nil }
        return NetworkAddress(ip: String(decoding: text, as: UTF8.self), port: port)
    }

    /// A port in decimal, without leading zeros.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count), digits.allSatisfy(\.isDigit),
            digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { return nil }
        return UInt16(exactly: digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
    }

    // MARK: Version 2 (section 2.2)

    private static func readBinary(_ bytes: Span<UInt8>) throws(ProxyHeaderFault) -> ProxyHeader? {
        guard bytes.count >= fixedSize else { return nil }
        let length = fixedSize + Int(bytes.number(at: 14))
        guard length <= maxSize, let content = Content(version: bytes[12], family: bytes[13]) else { throw .malformed }
        guard length >= fixedSize + content.addressSize else { throw .malformed }
        guard bytes.count >= length else { return nil }
        let header = bytes.extracting(..<length)
        if content != .nobody { try checkVectors(header, from: fixedSize + content.addressSize) }
        let client: NetworkAddress? =
            switch content {
            case .ipv4: .v4(header.extracting(16..<20).copied(), port: header.number(at: 24))
            case .ipv6: .v6(header.extracting(16..<32).copied(), port: header.number(at: 48), scope: 0)
            case .unix, .nobody: nil
            }
        return ProxyHeader(client: client, length: length)
    }

    /// What a version 2 header holds.
    private enum Content {
        case ipv4, ipv6, unix
        /// No addresses: the rest of the header has no meaning.
        case nobody

        /// - Parameters:
        ///   - version: the byte with the version and the command.
        ///   - family: the byte with the address family and the transport. Clients may have reached the proxy over UDP.
        init?(version: UInt8, family: UInt8) {
            switch (version, family >> 4, family & 0xf) {
            // LOCAL: "discard the protocol block including the family which is ignored".
            case (0x20, _, _), (0x21, 0, 0...2), (0x21, 1...3, 0): self = .nobody
            case (0x21, 1, 1...2): self = .ipv4
            case (0x21, 2, 1...2): self = .ipv6
            case (0x21, 3, 1...2): self = .unix
            default: return nil
            }
        }

        var addressSize: Int {
            switch self {
            case .ipv4: 12
            case .ipv6: 36
            case .unix: 216
            case .nobody: 0
            }
        }
    }

    /// `PP2_TYPE_CRC32C` (section 2.2.3).
    private static let checksumType: UInt8 = 0x03

    /// Checks that the vectors behind the addresses, each a type, a length and a value, end where the header does, and
    /// that its checksum is right if it has one. All other types are ignored.
    private static func checkVectors(_ header: Span<UInt8>, from start: Int) throws(ProxyHeaderFault) {
        var position = start
        var checksum: Int?
        while position < header.count {
            let value = position + 3
            guard value <= header.count else { throw .malformed }
            let end = value + Int(header.number(at: position + 1))
            guard end <= header.count else { throw .malformed }
            if header[position] == checksumType {
                guard end - value == 4, checksum == nil else { throw .malformed }
                checksum = value
            }
            position = end
        }
        guard let checksum else { return }
        var sum = CRC32C()
        for index in 0..<header.count {
            sum.add((checksum..<checksum + 4).contains(index) ? 0 : header[index])
        }
        let given = UInt32(header.number(at: checksum)) << 16 | UInt32(header.number(at: checksum + 2))
        guard sum.value == given else { throw .malformed }
    }
}

/// Why a connection that needs a PROXY header is closed.
enum ProxyHeaderFault: Error {
    /// It starts with something else.
    case absent
    /// The header breaks the protocol's rules, or ends early.
    case malformed
    /// The header was not complete in time.
    case late
    /// Too many connections waited for theirs.
    case tooMany
}

extension NetworkAddress {
    /// 4 or 16 bytes; `nil` for a Unix socket.
    fileprivate var ipSize: Int? {
        switch self {
        case .v4: 4
        case .v6: 16
        case .unix: nil
        }
    }
}

extension Span<UInt8> {
    /// The two bytes at `index` in network order.
    fileprivate func number(at index: Int) -> UInt16 { UInt16(self[index]) << 8 | UInt16(self[index + 1]) }
}
