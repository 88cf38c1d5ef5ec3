import CLinux

/// The socket options that the gateway sets.
struct SocketOptions {
    /// Each option with its level.
    private let values: [(level: Int32, option: Int32, value: Int32)]

    /// The most unsent bytes in the kernel: enough to continue while a loop is busy, but little for a peer that reads
    /// slowly.
    private static let maxUnsent: Int32 = 128 << 10
    private static let tcp = Int32(IPPROTO_TCP)

    /// For listeners; their connections inherit them. Keep-alive detects peers that have disappeared silently:
    /// otherwise a viewer whose network failed would hold its lease until its token expires.
    private static let listener = SocketOptions(values: [
        (tcp, TCP_NODELAY, 1),
        (tcp, TCP_NOTSENT_LOWAT, maxUnsent),
        // Probe after 30 s of silence, then every 10 s, three times. Wait a minute for unacknowledged data.
        (SOL_SOCKET, SO_KEEPALIVE, 1),
        (tcp, TCP_KEEPIDLE, 30),
        (tcp, TCP_KEEPINTVL, 10),
        (tcp, TCP_KEEPCNT, 3),
        (tcp, TCP_USER_TIMEOUT, 60_000),
    ])

    /// For connections to upstreams.
    static let upstream = SocketOptions(values: [
        (tcp, TCP_NODELAY, 1),
        (tcp, TCP_NOTSENT_LOWAT, maxUnsent),
        // As for clients: by default the system waits for two hours, and as long a WebSocket stays open to nobody. A server
        // that takes no bytes may live, so there is no limit for unacknowledged data.
        (SOL_SOCKET, SO_KEEPALIVE, 1),
        (tcp, TCP_KEEPIDLE, 30),
        (tcp, TCP_KEEPINTVL, 10),
        (tcp, TCP_KEEPCNT, 3),
    ])

    /// The options for listeners of a family. IPv6 sockets also accept IPv4.
    static func listener(of family: Int32) -> [(level: Int32, option: Int32, value: Int32)] {
        var options = listener.values
        if family == AF_INET6 { options.append((Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)) }
        return options
    }

    func set(on socket: Int32) {
        for (level, option, value) in values { _ = gateway_set_option(socket, level, option, value) }
    }
}
