import NIOCore

/// Passes on the first bytes of what an endpoint sends. Interim responses, a head and the framing of chunks can all be
/// endless.
final class DeliveryIntake: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// How much is read, in bytes.
    static let limit = 64 << 10

    private var left = limit

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let count = min(left, bytes.readableBytes)
        left -= count
        if count > 0, let part = bytes.getSlice(at: bytes.readerIndex, length: count) {
            context.fireChannelRead(wrapInboundOut(part))
        }
        if count < bytes.readableBytes { context.fireErrorCaught(DeliveryFault.tooLong) }
    }
}
