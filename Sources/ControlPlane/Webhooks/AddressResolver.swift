import Dispatch
import Glibc
import NIOCore

/// Looks up the addresses of a host, as the system does.
enum AddressResolver {
    struct NoSuchHost: Error, CustomStringConvertible {
        let description: String
    }

    /// The system's call waits for a name server in a thread of its own; the queue makes threads as they are needed.
    private static let queue = DispatchQueue(label: "webhook-addresses", attributes: .concurrent)

    static func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try lookUp(host, port: port) }) }
        }
    }

    private static func lookUp(_ host: String, port: Int) throws -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: host, port and hints live for the call, which makes the list that is freed below.
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            // SAFETY: a static text, copied here.
            throw NoSuchHost(description: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            // SAFETY: an entry's address has the length and the type that its family says, and lives as the list does.
            if let address = unsafe entry.pointee.ai_addr {
                switch unsafe entry.pointee.ai_family {
                case AF_INET:
                    unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                        addresses.append(SocketAddress(unsafe $0.pointee))
                    }
                case AF_INET6:
                    unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                        addresses.append(SocketAddress(unsafe $0.pointee))
                    }
                default: break
                }
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}
