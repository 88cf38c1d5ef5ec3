import NIOCore
import NIOPosix
import Synchronization

/// An endpoint on loopback that answers with bytes, whatever they are.
final class RawEndpoint: Sendable {
    let port: Int
    private let channel: any Channel

    /// - Parameters:
    ///   - begin: is sent once.
    ///   - more: is sent after it again and again, unless it is empty.
    init(_ begin: String, endlessly more: String = "") async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Sender(begin, more: more))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    deinit { channel.close(promise: nil) }

    private final class Sender: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let begin: String
        private let more: String
        private var hasBegun = false

        init(_ begin: String, more: String) { (self.begin, self.more) = (begin, more) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !hasBegun else { return }
            hasBegun = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: begin)), promise: nil)
            if !more.isEmpty { sendMore(context) }
        }

        private func sendMore(_ context: ChannelHandlerContext) {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let eventLoop = context.eventLoop
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: more))).whenSuccess {
                // In a later turn: what can be written at once would fill the stack.
                eventLoop.execute { bound.value.0.sendMore(bound.value.1) }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
