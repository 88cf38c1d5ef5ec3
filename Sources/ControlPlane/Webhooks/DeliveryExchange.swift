import NIOCore
import NIOHTTP1

/// Sends one request over its connection and reads the answer. Only its head matters.
final class DeliveryExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// How much of an answer's body is read, in bytes.
    static let bodyLimit = 16 << 10

    private let request: DeliveryRequest
    private var answer: EventLoopPromise<DeliveryAnswer>?
    private var head: DeliveryAnswer?
    private var bodySize = 0

    /// - Parameter answer: receives what was answered, or the reason why there is none.
    init(_ request: DeliveryRequest, answer: EventLoopPromise<DeliveryAnswer>) {
        self.request = request
        self.answer = answer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard context.channel.isActive else {
            settle(ChannelError.ioOnClosedChannel, context)
            return
        }
        context.write(wrapOutboundOut(.head(request.head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: request.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // RFC 9110 section 15: a status has three digits, and its first one is the class.
            guard head.status.code >= 100 else { return settle(DeliveryFault.malformed, context) }
            self.head = DeliveryAnswer(status: head.status.code, retryAfter: head.headers.first(name: "Retry-After"))
        case .body(let piece):
            bodySize += piece.readableBytes
            if bodySize > Self.bodyLimit { settle(DeliveryFault.noAnswer, context) }
        case .end:
            settle(DeliveryFault.noAnswer, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { settle(error, context) }

    func channelInactive(context: ChannelHandlerContext) {
        settle(DeliveryFault.noAnswer, context)
        context.fireChannelInactive()
    }

    /// Ends the exchange. Once the head has arrived, later errors do not matter.
    private func settle(_ error: any Error, _ context: ChannelHandlerContext) {
        guard let answer else { return }
        self.answer = nil
        if let head { answer.succeed(head) } else { answer.fail(error) }
        context.close(promise: nil)
    }
}
