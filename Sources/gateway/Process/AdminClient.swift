import Basics
import GatewayConfiguration
import NIOCore
import NIOHTTP1
import NIOPosix
import Transport

/// Sends requests to a running gateway through its admin listener.
struct AdminClient {
    private let address: GatewayConfiguration.SocketAddress
    private let token: Secret?

    /// What went wrong, worded for the operator.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    init(_ settings: AdminSettings) {
        address = settings.address
        token = settings.token
    }

    /// Sends a request and returns the JSON answer; `null` if it has no body.
    func send(_ method: HTTPMethod, _ target: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        if case .tcp(_, port: 0) = address {
            let reason = "port 0 stands for any free one, which only the log of the running gateway names"
            throw Fault(description: "\(name): \(reason); give the admin listener a port of its own")
        }
        let answer: NIOHTTPClientResponseFull
        do {
            answer = try await exchange(method, target, body?.serialized() ?? [])
        } catch {
            throw Fault(description: "no gateway answers at \(name): \(Self.words(error))")
        }
        let body = answer.body.map { Array($0.readableBytesView) } ?? []
        guard (200..<300).contains(answer.head.status.code) else {
            var reason = answer.head.status == .unauthorized ? "; is admin.token_file the one that it runs with?" : ""
            if case .object(let members)? = try? JSONValue(parsing: body.span, limits: JSONLimits(size: 1 << 16)),
                case .string(let detail)? = members["detail"] ?? members["errorMessage"], reason.isEmpty
            {
                reason = ": \(detail)"
            }
            throw Fault(description: "\(name) answered \(answer.head.status.code)\(reason)")
        }
        if body.isEmpty { return .null }
        var limits = JSONLimits(size: Self.maxSize)
        limits.members = .max
        return try JSONValue(parsing: body.span, limits: limits)
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case let fault as Fault: fault.description
        case let error as NIOConnectionError: error.connectionErrors.last.map { words($0.error) } ?? "no such host"
        case let error as IOError: SystemFault("connect", error.errnoCode).reason
        case ChannelError.connectTimeout: "nothing accepts the connection"
        default: "what listens there is no gateway, or has just ended"
        }
    }

    private static let maxSize = 256 << 20

    private var name: String { "\(address.text) (admin.address)" }

    private func exchange(
        _ method: HTTPMethod,
        _ target: String,
        _ body: [UInt8]
    ) async throws -> NIOHTTPClientResponseFull {
        typealias Connection = NIOAsyncChannel<NIOHTTPClientResponseFull, HTTPClientRequestPart>
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(5))
        let wrap: @Sendable (any Channel) -> EventLoopFuture<Connection> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                    NIOHTTPClientResponseAggregator(maxContentLength: Self.maxSize)
                )
                return try Connection(wrappingChannelSynchronously: channel)
            }
        }
        let connection: Connection =
            switch address {
            case .tcp(let host, let port): try await bootstrap.connect(host: host, port: port, channelInitializer: wrap)
            case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: wrap)
            }
        var headers = HTTPHeaders([("Host", "localhost"), ("Connection", "close")])
        if let token {
            headers.add(name: "Authorization", value: "Bearer \(String(decoding: token.bytes, as: UTF8.self))")
        }
        if !body.isEmpty {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: "\(body.count)")
        }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
        return try await connection.executeThenClose { answers, requests in
            var parts: [HTTPClientRequestPart] = [.head(head)]
            if !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            parts.append(.end(nil))
            try await requests.write(contentsOf: parts)
            for try await answer in answers { return answer }
            throw Fault(description: "it closed the connection")
        }
    }
}
