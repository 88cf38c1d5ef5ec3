import JOSE
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Transport

@testable import ControlPlane
@testable import DataPlane
@testable import GatewayConfiguration

/// A webhook server on loopback. It answers as it is told, and records what it got.
final class Receiver: Sendable {
    struct Request: Sendable {
        let head: HTTPRequestHead
        let body: String

        subscript(name: String) -> String? { head.headers.first(name: name) }
    }

    enum Answer: Sendable {
        case status(Int, headers: HTTPHeaders = [:])
        /// No answer; the connection stays open.
        case silence
        /// A head, and a body without end.
        case endless(Int)
        case close
        /// 204 once the latch is opened.
        case held(Latch)
    }

    /// The received requests, shared with the connections.
    private final class Record: Sendable {
        let requests = Mutex<[Request]>([])
        let connections = Mutex(0)
        let arrivals = AsyncStream.makeStream(of: Request.self)
        let endings = AsyncStream.makeStream(of: Void.self)
        let answer: @Sendable (Request, Int) -> Answer

        init(_ answer: @escaping @Sendable (Request, Int) -> Answer) { self.answer = answer }

        func add(_ request: Request) -> Answer {
            let before = requests.withLock { requests in
                requests.append(request)
                return requests.count - 1
            }
            arrivals.continuation.yield(request)
            return answer(request, before)
        }
    }

    /// How long a request to it may take where a test does not wait for a time limit: the machine may be busy.
    static let patience = TimeAmount.minutes(2)

    let port: Int
    private let record: Record
    private let channel: any Channel

    var received: [Request] { record.requests.withLock { $0 } }
    var connectionCount: Int { record.connections.withLock { $0 } }
    /// The requests in order of arrival, for one reader.
    var arrivals: AsyncStream<Request> { record.arrivals.stream }
    /// One element for each connection that ended, for one reader.
    var endings: AsyncStream<Void> { record.endings.stream }

    /// - Parameters:
    ///   - key: for TLS; `nil` for plaintext.
    ///   - answer: for a request and the number of those before it.
    init(
        key: CertifiedKey? = nil,
        _ answer: @escaping @Sendable (Request, Int) -> Answer = { _, _ in .status(204) }
    ) async throws {
        let record = Record(answer)
        let context = try key.map { key in
            var listener = ListenerSettings(address: .tcp(host: "127.0.0.1", port: 0))
            listener.certifiedKey = key
            return try TLSContext(listener, ticketKeys: TicketKeys(), protocols: [.http1])
        }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    record.connections.withLock { $0 += 1 }
                    channel.closeFuture.whenComplete { _ in record.endings.continuation.yield() }
                    guard let context else { return try Self.serve(channel, record) }
                    guard let stream = context.stream() else { return }
                    let isOpen = channel.eventLoop.makePromise(of: Void.self)
                    try channel.pipeline.syncOperations.addHandler(
                        OutgoingTLSHandler(TLSPipe(stream), isOpen: isOpen)
                    )
                    isOpen.futureResult.assumeIsolated().whenSuccess { try? Self.serve(channel, record) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.record = record
        port = channel.localAddress?.port ?? 0
    }

    deinit { channel.close(promise: nil) }

    private static func serve(_ channel: any Channel, _ record: Record) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(Responder(record))
    }

    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let record: Record
        private var head: HTTPRequestHead?
        private var body = NIOCore.ByteBuffer()

        init(_ record: Record) { self.record = record }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body.clear()
            case .body(let piece): body.writeImmutableBuffer(piece)
            case .end:
                guard let head else { return }
                answer(record.add(Request(head: head, body: String(buffer: body))), context)
            }
        }

        private func answer(_ answer: Answer, _ context: ChannelHandlerContext) {
            switch answer {
            case .status(let code, let headers):
                let status = HTTPResponseStatus(statusCode: code)
                let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            case .silence: break
            case .endless(let code):
                let status = HTTPResponseStatus(statusCode: code)
                let head = HTTPResponseHead(version: .http1_1, status: status)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                sendMore(context)
            case .close: context.close(promise: nil)
            case .held(let latch):
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                latch.whenOpen { [loop = context.eventLoop] in
                    loop.execute { bound.value.0.answer(.status(204), bound.value.1) }
                }
            }
        }

        private func sendMore(_ context: ChannelHandlerContext) {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let piece = ByteBuffer(repeating: 0x61, count: 1024)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece)))).whenSuccess {
                bound.value.0.sendMore(bound.value.1)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// Releases its waiters when it is opened.
final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    func whenOpen(_ body: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiting.append(body) }
            return state.isOpen
        }
        if isOpen { body() }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for body in waiting { body() }
    }
}
