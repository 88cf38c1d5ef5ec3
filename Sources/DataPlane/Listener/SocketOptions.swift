import CLinux

/// What the gateway asks of TCP.
struct SocketOptions {
    /// Each with its level.
    private let values: [(level: Int32, option: Int32, value: Int32)]

    /// Bytes that the system may hold and not have sent: enough for it to go on while a loop is busy, and little for a
    /// peer that reads slowly.
    private static let maxUnsent: Int32 = 128 << 10
    private static let tcp = Int32(IPPROTO_TCP)

    /// Of listeners, whose connections inherit them. The system finds out that a peer has vanished without a word: otherwise
    /// a viewer whose network went away would hold its lease until its token expires.
    private static let listener = SocketOptions(values: [
        (tcp, TCP_NODELAY, 1),
        (tcp, TCP_NOTSENT_LOWAT, maxUnsent),
        // Probes after 30 s of silence, every 10 s, three times; unacknowledged data is waited for a minute.
        (SOL_SOCKET, SO_KEEPALIVE, 1),
        (tcp, TCP_KEEPIDLE, 30),
        (tcp, TCP_KEEPINTVL, 10),
        (tcp, TCP_KEEPCNT, 3),
        (tcp, TCP_USER_TIMEOUT, 60_000),
    ])

    /// Of connections to upstreams.
    static let upstream = SocketOptions(values: [
        (tcp, TCP_NODELAY, 1),
        (tcp, TCP_NOTSENT_LOWAT, maxUnsent),
        (SOL_SOCKET, SO_KEEPALIVE, 1),
    ])

    /// Of listeners of a family: those of IPv6 take IPv4 too.
    static func listener(of family: Int32) -> [(level: Int32, option: Int32, value: Int32)] {
        var options = listener.values
        if family == AF_INET6 { options.append((Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)) }
        return options
    }

    func set(on socket: Int32) {
        for (level, option, value) in values { _ = gateway_set_option(socket, level, option, value) }
    }
}
