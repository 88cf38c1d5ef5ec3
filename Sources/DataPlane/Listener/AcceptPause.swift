import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Rests a listener that the system gives no descriptor or memory for another connection: the connection stays in the
/// backlog, and the loop would be told of it again and again.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private var isPaused = false
    private static let length: TimeAmount = .milliseconds(100)

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let fault = error as? IOError, fault.isShortage else {
            context.fireErrorCaught(error)
            return
        }
        guard !isPaused else { return }
        isPaused = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.length) {
            let (pause, channel) = bound.value
            pause.isPaused = false
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}

extension IOError {
    /// Whether the system refused us a descriptor or memory, which says nothing of the peer.
    var isShortage: Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errnoCode) }
}
