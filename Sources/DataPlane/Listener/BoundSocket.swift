#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A socket that is bound as long as it is held, and does not listen: for asking the system what a listener could do.
final class BoundSocket {
    enum Fault: Error, Equatable {
        case noSuchHost
        /// The system's number.
        case system(CInt)
    }

    private let descriptor: CInt

    /// - Parameters:
    ///   - port: 0: one that the system chooses.
    ///   - reusesAddress: as listeners do, whose port may have connections left of one before.
    init(_ host: String, port: UInt16, reusesAddress: Bool = false) throws(Fault) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        #if canImport(Glibc)
            unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            unsafe hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        // SAFETY: the texts are read during the call; the list that it makes is freed here, and read before.
        guard unsafe getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = unsafe found else {
            throw .noSuchHost
        }
        defer { unsafe freeaddrinfo(first) }
        let bound = unsafe socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard bound >= 0 else { throw .system(errno) }
        if reusesAddress { Self.set(SO_REUSEADDR, SOL_SOCKET, 1, of: bound) }
        // As listeners are: those of IPv6 take IPv4 too.
        if unsafe first.pointee.ai_family == AF_INET6 { Self.set(IPV6_V6ONLY, CInt(IPPROTO_IPV6), 0, of: bound) }
        guard unsafe bind(bound, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            let number = errno
            close(bound)
            throw .system(number)
        }
        descriptor = bound
    }

    deinit { close(descriptor) }

    /// Nil where the system does not say.
    var port: UInt16? {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // SAFETY: the system writes at most the length of the storage, which is aligned for every kind of address; the port
        // has the same place in those of IPv4 and IPv6.
        return unsafe withUnsafeMutablePointer(to: &address) { storage in
            let isKnown = unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length) == 0
            }
            guard isKnown else { return nil }
            return unsafe storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }

    private static func set(_ option: CInt, _ level: CInt, _ value: CInt, of socket: CInt) {
        var value = value
        // SAFETY: reads this one number during the call.
        unsafe _ = setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }
}
