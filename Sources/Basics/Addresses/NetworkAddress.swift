public import CLinux

/// A socket address: an IP address and port, or a file.
public enum NetworkAddress: Hashable, Sendable {
    /// Four bytes in network order.
    case v4([UInt8], port: UInt16)
    /// Sixteen bytes in network order. The scope is the interface of a link-local address, else 0.
    case v6([UInt8], port: UInt16, scope: UInt32)
    /// A Unix socket; the path is empty for a peer that has none.
    case unix(path: String)

    public var family: Int32 {
        switch self {
        case .v4: AF_INET
        case .v6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    public var isIP: Bool { family != AF_UNIX }

    public var port: UInt16? {
        switch self {
        case .v4(_, let port), .v6(_, let port, _): port
        case .unix: nil
        }
    }

    /// The longest path of a socket file, without the zero byte at its end.
    public static let maxPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// - Parameter text: an IPv4 or IPv6 address without brackets.
    public init?(ip text: String, port: UInt16) {
        // The system's call would stop reading at a zero byte.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        // SAFETY: inet_pton writes 4 or 16 bytes into an array of 16.
        if unsafe bytes.withUnsafeMutableBytes({ unsafe inet_pton(AF_INET, text, $0.baseAddress!) }) == 1 {
            self = .v4(Array(bytes.prefix(4)), port: port)
        } else if unsafe bytes.withUnsafeMutableBytes({ unsafe inet_pton(AF_INET6, text, $0.baseAddress!) }) == 1 {
            self = .v6(bytes, port: port, scope: 0)
        } else {
            return nil
        }
    }

    /// Reads an address of `length` bytes written by the system. Returns `nil` for other families.
    public init?(_ storage: sockaddr_storage, length: Int) {
        let family = Int32(storage.ss_family)
        // SAFETY: each view reads within the storage, which is large enough for every family.
        let address: NetworkAddress? = unsafe withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET:
                let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
                let ip = unsafe withUnsafeBytes(of: address.sin_addr) { unsafe Array($0) }
                return .v4(ip, port: UInt16(bigEndian: address.sin_port))
            case AF_INET6:
                let address = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
                let ip = unsafe withUnsafeBytes(of: address.sin6_addr) { unsafe Array($0) }
                return .v6(ip, port: UInt16(bigEndian: address.sin6_port), scope: address.sin6_scope_id)
            case AF_UNIX:
                let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
                let path = unsafe bytes[min(start, length)..<min(length, bytes.count)].prefix { $0 != 0 }
                return unsafe .unix(path: String(decoding: path, as: UTF8.self))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// The IP address as text, without the port, or the socket's path.
    public var hostText: String {
        let (bytes, size): ([UInt8], Int32)
        switch self {
        case .v4(let ip, _): (bytes, size) = (ip, INET_ADDRSTRLEN)
        case .v6(let ip, _, _): (bytes, size) = (ip, INET6_ADDRSTRLEN)
        case .unix(let path): return path
        }
        var text = [CChar](repeating: 0, count: Int(size))
        // SAFETY: inet_ntop reads 4 or 16 bytes, as the family says, and writes at most as many as it is told.
        return unsafe text.withUnsafeMutableBufferPointer { text in
            unsafe bytes.withUnsafeBytes {
                unsafe _ = inet_ntop(family, $0.baseAddress, text.baseAddress, socklen_t(size))
            }
            return unsafe String(cString: text.baseAddress!)
        }
    }

    /// The address that a socket is bound to.
    public static func local(of socket: Int32) -> NetworkAddress? {
        var storage = sockaddr_storage()
        var length: socklen_t = 0
        // SAFETY: the call writes to two locals.
        guard unsafe gateway_local_address(socket, &storage, &length) >= 0 else { return nil }
        return NetworkAddress(storage, length: Int(length))
    }

    /// Calls `body` with the address in the form for system calls. A path must not be longer than ``maxPath``.
    public func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // SAFETY: `body` gets a pointer to a local, for the call alone; what is copied fits where it goes.
        switch self {
        case .v4(let ip, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: ip) }
            return unsafe Self.lend(address, body)
        case .v6(let ip, let port, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: ip) }
            return unsafe Self.lend(address, body)
        case .unix(let path):
            precondition(path.utf8.count <= Self.maxPath, "the path of a socket is too long")
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            return unsafe Self.lend(address, body)
        }
    }

    private static func lend<Address, Result>(
        _ address: Address,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        // SAFETY: the address is alive during the call, and each of them begins as `sockaddr` does.
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
