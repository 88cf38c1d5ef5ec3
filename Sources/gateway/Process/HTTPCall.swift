import GatewayConfiguration
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request to an HTTP server on this machine, on a connection of its own.
struct HTTPCall {
    enum Fault: Error {
        /// The connection ended without an answer.
        case closed
    }

    private let method: HTTPMethod
    private let target: String
    private let body: [UInt8]
    private var fields: HTTPHeaders = ["Host": "localhost", "Connection": "close"]

    /// - Parameter body: JSON, or nothing.
    init(_ method: HTTPMethod, _ target: String, body: [UInt8] = []) {
        (self.method, self.target, self.body) = (method, target, body)
        guard !body.isEmpty else { return }
        fields.add(name: "Content-Type", value: "application/json")
        fields.add(name: "Content-Length", value: "\(body.count)")
    }

    /// Sends it as `Authorization: Bearer`.
    mutating func setToken(_ token: String) { fields.replaceOrAdd(name: "Authorization", value: "Bearer \(token)") }

    /// - Parameter maxSize: of the answer's body, in bytes.
    func send(
        to address: GatewayConfiguration.SocketAddress,
        maxSize: Int
    ) async throws -> NIOHTTPClientResponseFull {
        typealias Connection = NIOAsyncChannel<NIOHTTPClientResponseFull, HTTPClientRequestPart>
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(5))
        let wrap: @Sendable (any Channel) -> EventLoopFuture<Connection> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                    NIOHTTPClientResponseAggregator(maxContentLength: maxSize)
                )
                return try Connection(wrappingChannelSynchronously: channel)
            }
        }
        let connection: Connection =
            switch address {
            case .tcp(let host, let port): try await bootstrap.connect(host: host, port: port, channelInitializer: wrap)
            case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: wrap)
            }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: fields)
        return try await connection.executeThenClose { answers, requests in
            var parts: [HTTPClientRequestPart] = [.head(head)]
            if !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            parts.append(.end(nil))
            try await requests.write(contentsOf: parts)
            for try await answer in answers { return answer }
            throw Fault.closed
        }
    }
}
