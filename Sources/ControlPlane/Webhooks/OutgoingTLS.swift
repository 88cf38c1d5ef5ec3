import GatewayConfiguration
import JOSE
import NIOCore
import Transport

/// TLS for requests to webhooks' endpoints, over HTTP/1.1, with the same profile and verification as towards upstreams.
struct OutgoingTLS: Sendable {
    private let context: TLSClientContext

    /// - Parameter authorities: the authorities to trust; `nil` for the system's.
    init(authorities: TrustedAuthorities? = nil) { context = TLSClientContext(authorities: authorities) }

    /// Performs the handshake over a connected channel. Handlers added after it has succeeded see plaintext.
    ///
    /// Call it on the channel's event loop.
    ///
    /// - Parameters:
    ///   - host: the name or IP address that the server's certificate must be for.
    ///   - time: the time limit for the handshake.
    func secure(_ channel: any Channel, host: String, within time: TimeAmount) -> EventLoopFuture<Void> {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        guard let stream = context.stream(to: TLSPeer(host: host)) else {
            promise.fail(TLSFault.failed("OpenSSL does not accept the name of the host"))
            return promise.futureResult
        }
        do {
            try channel.pipeline.syncOperations.addHandler(OutgoingTLSHandler(TLSPipe(stream), isOpen: promise))
        } catch {
            promise.fail(error)
        }
        let deadline = channel.eventLoop.scheduleTask(in: time) { promise.fail(TLSFault.timeout) }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        return promise.futureResult
    }
}

/// TLS on a channel. To the handlers behind it the connection looks like plaintext.
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
        flush(result.records, context)
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
        context.write(wrapOutboundOut(ByteBuffer(bytes: records)), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        flush(pipe.end(), context)
        context.close(mode: mode, promise: promise)
    }

    /// Sends the records that TLS itself produced.
    private func flush(_ records: [UInt8], _ context: ChannelHandlerContext) {
        guard !records.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: records)), promise: nil)
    }
}
