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
            var call = HTTPCall(method, target, body: body?.serialized() ?? [])
            if let token { call.setToken(String(decoding: token.bytes, as: UTF8.self)) }
            answer = try await call.send(to: address, maxSize: Self.maxSize)
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
        case HTTPCall.Fault.closed: "it closed the connection"
        case let error as NIOConnectionError: error.connectionErrors.last.map { words($0.error) } ?? "no such host"
        case let error as IOError: SystemFault("connect", error.errnoCode).reason
        case ChannelError.connectTimeout: "nothing accepts the connection"
        default: "what listens there is no gateway, or has just ended"
        }
    }

    private static let maxSize = 256 << 20

    private var name: String { "\(address.text) (admin.address)" }
}
