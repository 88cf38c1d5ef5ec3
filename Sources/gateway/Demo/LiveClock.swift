import Basics
import NIOCore
import NIOWebSocket

/// The live part of an event's page: sends the time every second while the WebSocket is open.
final class LiveClock: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private var tick: Scheduled<Void>?
    private var isClosing = false

    func handlerAdded(context: ChannelHandlerContext) { tell(context) }

    func handlerRemoved(context: ChannelHandlerContext) { tick?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .ping: send(.pong, frame.unmaskedData, context)
        case .connectionClose:
            // Return the peer's close code, as RFC 6455 section 5.5.1 requires.
            send(.connectionClose, frame.unmaskedData, context)
            isClosing = true
            context.close(promise: nil)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Sends the time, and schedules the next one in a second.
    private func tell(_ context: ChannelHandlerContext) {
        send(.text, context.channel.allocator.buffer(string: Timestamp.text(WallClock.now())), context)
        tick = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.tell(context) }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    }
}
