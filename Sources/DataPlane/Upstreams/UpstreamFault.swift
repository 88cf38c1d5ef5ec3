import CLinux
import Transport

/// What went wrong on the upstream's side.
enum UpstreamFault: Error, Equatable {
    /// No descriptor was left, which says nothing about the server.
    case shortage
    /// No connection could be made.
    case connect(ConnectFault)
    /// The connection ended too early.
    case closed
    /// The upstream sent something that is not a response to forward.
    case response(HeadFault)
    /// No response head arrived within `response_timeout`.
    case timeout
    /// Every server that is left keeps clients waiting in vain.
    case unresponsive
    /// Every server has `max_connections`, and too many requests wait already, or this one has waited for too long.
    case busy
    /// An operator has drained every server that is left.
    case drained

    /// Whether a server that was sent a complete request is to blame, whatever the client does.
    var isServers: Bool {
        switch self {
        // A client can ask for an upgrade where there is none.
        case .response(.breaks(.handshake)): false
        case .closed, .response, .timeout: true
        // Failures to connect are recorded where they happen.
        case .shortage, .connect, .unresponsive, .busy, .drained: false
        }
    }

    /// A stable name for the log.
    var code: String {
        switch self {
        case .shortage: "descriptors"
        case .connect(let fault): fault.rawValue
        case .closed: "closed_early"
        case .response(let fault): "bad_response:\(fault.code)"
        case .timeout: "timeout"
        case .unresponsive: "unresponsive"
        case .busy: "busy"
        case .drained: "drained"
        }
    }

    /// What it counts as.
    var kind: UpstreamFaultKind {
        switch self {
        case .shortage: .descriptors
        case .connect(.refused): .refused
        case .connect(.timeout): .connectTimeout
        case .connect(.dns): .dns
        case .connect(.tls): .tls
        case .connect(.unreachable): .unreachable
        case .connect(.failed): .connectFailed
        case .closed: .closedEarly
        case .response: .badResponse
        case .timeout: .timeout
        case .unresponsive: .unresponsive
        case .busy: .busy
        case .drained: .drained
        }
    }
}

/// Why connecting to a server failed, by its name in the log.
enum ConnectFault: String {
    case refused
    /// No connection within `connect_timeout`.
    case timeout = "connect_timeout"
    /// The name has no address.
    case dns
    case tls
    /// No route to the network or host, or no such socket.
    case unreachable
    case failed = "connect_failed"

    init(_ fault: SystemFault) {
        switch fault.number {
        case ECONNREFUSED, ECONNRESET: self = .refused
        case ETIMEDOUT: self = .timeout
        case EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, ENOENT: self = .unreachable
        default: self = .failed
        }
    }
}
