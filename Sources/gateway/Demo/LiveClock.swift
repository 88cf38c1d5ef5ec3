import DataPlane
import NIOCore
import NIOWebSocket

/// The live part of an event's page: tells the time every second for as long as the WebSocket is open.
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
            // The other side's code is sent back, as RFC 6455 section 5.5.1 asks.
            send(.connectionClose, frame.unmaskedData, context)
            isClosing = true
            context.close(promise: nil)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Tells the time, and again in a second.
    private func tell(_ context: ChannelHandlerContext) {
        send(.text, context.channel.allocator.buffer(string: DataPlane.timestamp()), context)
        tick = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.tell(context) }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    }
}
