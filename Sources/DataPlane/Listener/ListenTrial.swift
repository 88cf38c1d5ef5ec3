package import GatewayConfiguration

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells without listening what a start would find wrong with the addresses of a configuration. Ports that others listen
/// on are not looked for: the one who does may be this gateway.
package enum ListenTrial {
    /// What is wrong, each a line that begins with a key.
    package static func problems(in settings: Settings) -> [String] {
        var problems: [String] = []
        for (index, listener) in settings.listeners.enumerated() {
            if let group = listener.group, SocketFile.groupID(group) == nil {
                problems.append("listener[\(index)].group: no such group: \(group)")
            }
            problems += problem("listener[\(index)].address", listener.address)
        }
        problems += problem("admin.address", settings.admin.address)
        if settings.control.enabled, let fault = SocketFile.fault(at: settings.control.socket) {
            problems.append("control.database: no socket can be made beside it: \(fault): \(settings.control.socket)")
        }
        return problems
    }

    private static func problem(_ place: String, _ address: GatewayConfiguration.SocketAddress) -> [String] {
        guard let reason = fault(address) else { return [] }
        return [ListenFault(place: place, address: address, reason: reason).description]
    }

    private static func fault(_ address: GatewayConfiguration.SocketAddress) -> String? {
        switch address {
        case .unix(let path): SocketFile.fault(at: path)
        case .tcp(let host, let port): fault(address, host: host, port: port)
        }
    }

    /// Binds a socket for a moment.
    private static func fault(_ address: GatewayConfiguration.SocketAddress, host: String, port: Int) -> String? {
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
            return "no such host"
        }
        defer { unsafe freeaddrinfo(first) }
        let socket = unsafe socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard socket >= 0 else { return ListenFault.words(errno, address) }
        defer { close(socket) }
        var reuse: CInt = 1
        unsafe _ = setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<CInt>.size))
        guard unsafe bind(socket, first.pointee.ai_addr, first.pointee.ai_addrlen) != 0, errno != EADDRINUSE else {
            return nil
        }
        return ListenFault.words(errno, address)
    }
}
