import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A small embed host like those that live events run on: a page for each event, its assets, and a clock over a
/// WebSocket.
///
/// It knows nothing about tokens. It learns who is watching from the headers that the gateway adds.
final class EmbedHost: Sendable {
    /// Chosen by the system.
    let port: Int
    private let channel: any Channel

    /// Starts it on 127.0.0.1.
    ///
    /// - Parameters:
    ///   - site: the company's, which its front page leads to.
    ///   - names: of events.
    init(site: String, names: EventNames) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.serve(channel, site, names) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async throws { try await channel.close() }

    private static func serve(_ channel: any Channel, _ site: String, _ names: EventNames) throws {
        let handler = EmbedHostHandler(site: site, names: names)
        let pipeline = channel.pipeline.syncOperations
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, head in
                let isLive = EmbedHostHandler.event(inPath: head.uri, ending: "/live") != nil
                return channel.eventLoop.makeSucceededFuture(isLive ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LiveClock())
                }
            }
        )
        let removal = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        try pipeline.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(removal.value, promise: nil)
                }
            )
        )
        try pipeline.addHandler(handler)
    }
}

/// Answers the requests of one connection.
private final class EmbedHostHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Answer {
        var status = HTTPResponseStatus.ok
        var type: String
        var body: String
    }

    private let site: String
    private let names: EventNames
    private var head: HTTPRequestHead?

    init(site: String, names: EventNames) { (self.site, self.names) = (site, names) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            write(answer(to: head), to: head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(to head: HTTPRequestHead) -> Answer {
        let path = head.uri.prefix { $0 != "?" }
        switch path {
        case "/": return Answer(type: "text/html; charset=utf-8", body: DemoPage.index(site: site))
        case "/assets/event.css": return Answer(type: "text/css; charset=utf-8", body: DemoAssets.style)
        case "/assets/event.js": return Answer(type: "text/javascript; charset=utf-8", body: DemoAssets.script)
        case "/assets/stage.svg": return Answer(type: "image/svg+xml", body: DemoAssets.stage)
        case "/assets/mark.svg": return Answer(type: "image/svg+xml", body: DemoAssets.mark)
        default:
            guard let event = Self.event(inPath: head.uri, ending: "") else {
                return Answer(status: .notFound, type: "text/plain; charset=utf-8", body: "There is no such page.\n")
            }
            let told = head.headers.filter { $0.name.lowercased().hasPrefix("x-gateway-") }
            return Answer(
                type: "text/html; charset=utf-8",
                body: DemoPage.event(
                    named: names[event],
                    path: String(path),
                    told: told.map { ($0.name, $0.value) }
                )
            )
        }
    }

    private func write(_ answer: Answer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let body = context.channel.allocator.buffer(string: answer.body)
        // The upgrade handler inspects only the first request of a connection, so each connection gets one request.
        let fields: HTTPHeaders = [
            "Content-Type": answer.type, "Content-Length": "\(body.readableBytes)", "Connection": "close",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    /// The event that a path of the form `/event/{event}` or `/networking/{event}` plus `ending` names; `nil` for every other
    /// path.
    static func event(inPath uri: String, ending: String) -> String? {
        let path = uri.prefix { $0 != "?" }
        for start in ["/event/", "/networking/"] where path.hasPrefix(start) && path.hasSuffix(ending) {
            let event = path.dropFirst(start.count).dropLast(ending.count)
            return event.isEmpty || event.contains("/") ? nil : String(event)
        }
        return nil
    }
}

/// The names of events, which an embed host knows of its own.
final class EventNames: Sendable {
    private let names = Mutex<[String: String]>([:])

    func set(_ events: [PortalEvent]) {
        names.withLock { names in
            for event in events { names[event.uid] = event.name }
        }
    }

    /// The name of an event, or its id.
    subscript(event: String) -> String { names.withLock { $0[event] ?? event } }
}
