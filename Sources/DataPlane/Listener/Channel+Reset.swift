import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the gateway asks of TCP on both sides.
enum TCPOptions {
    /// Octets that the system may hold and not have sent: enough for it to go on while a loop is busy, and little for a
    /// peer that reads slowly.
    static let maxUnsent = 128 << 10
}

extension NIOBSDSocket.Option {
    static let maxUnsent = NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT)
}

extension Channel {
    /// Has the next close reset the connection: what the system still holds for the peer is dropped, and no socket stays
    /// behind for a peer that takes its time.
    func resetOnClose() {
        guard let socket = self as? any SocketOptionProvider else { return }
        _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }
}

extension ChannelHandlerContext {
    /// Octets that the peer has not acknowledged: those that wait in the channel, and those that the system holds.
    var unacknowledgedBytes: Int {
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let held = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
            var count: CInt = 0
            // SAFETY: the call writes one integer to a local.
            return unsafe ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
        }
        return waiting + (held ?? 0)
    }
}
