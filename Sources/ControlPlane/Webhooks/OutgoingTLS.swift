import DataPlane
import GatewayConfiguration
import JOSE
import NIOCore
import Transport

/// TLS for the requests to webhooks' endpoints: with the same profile and the same verification as towards upstreams, for
/// HTTP/1.1.
struct OutgoingTLS: Sendable {
    private let context: TLSClientContext

    /// - Parameter authorities: whom to trust; nil: whom the system trusts.
    init(authorities: TrustedAuthorities? = nil) { context = TLSClientContext(authorities: authorities) }

    /// Shakes hands over a connected channel. Handlers that are added once this has succeeded see plaintext.
    ///
    /// Call it on the channel's event loop.
    ///
    /// - Parameters:
    ///   - host: a name or an IP address, which the server's certificate must be for.
    ///   - time: for the handshake.
    func secure(_ channel: any Channel, host: String, within time: TimeAmount) -> EventLoopFuture<Void> {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        guard let stream = context.stream(to: TLSPeer(.tcp(host: host, port: 0))) else {
            promise.fail(TLSFault.failed("OpenSSL does not take the name of the host"))
            return promise.futureResult
        }
        do {
            try channel.pipeline.syncOperations.addHandler(OutgoingTLSHandler(TLSPipe(stream), isOpen: promise))
        } catch {
            promise.fail(error)
        }
        channel.eventLoop.scheduleTask(in: time) { promise.fail(TLSFault.timeout) }
        return promise.futureResult
    }
}

/// TLS on a channel: to the handlers behind it the connection looks like one without.
final class OutgoingTLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let pipe: TLSPipe
    private let isOpen: EventLoopPromise<Void>

    /// - Parameter isOpen: succeeds with the handshake.
    init(_ pipe: TLSPipe, isOpen: EventLoopPromise<Void>) { (self.pipe, self.isOpen) = (pipe, isOpen) }

    func handlerAdded(context: ChannelHandlerContext) {
        let nothing: [UInt8] = []
        take(pipe.receive(nothing.span), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let received = unwrapInboundIn(data)
        take(pipe.receive(received.readableBytesUInt8Span), context)
    }

    private func take(_ result: TLSPipe.Result, _ context: ChannelHandlerContext) {
        send(result.records, context, promise: nil)
        context.flush()
        if result.isOpen { isOpen.succeed() }
        if !result.plaintext.isEmpty {
            context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: result.plaintext)))
        }
        if let fault = result.fault {
            isOpen.fail(fault)
            context.fireErrorCaught(fault)
        }
        if result.fault != nil || result.isEnded { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen.fail(TLSFault.truncated)
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let written = unwrapOutboundIn(data)
        guard let records = pipe.send(written.readableBytesUInt8Span) else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        send(records, context, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        send(pipe.end(), context, promise: nil)
        context.flush()
        context.close(mode: mode, promise: promise)
    }

    private func send(_ records: [UInt8], _ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        context.write(wrapOutboundOut(ByteBuffer(bytes: records)), promise: promise)
    }
}
