import CLinux
import Transport

/// What went wrong on the upstream's side.
enum UpstreamFault: Error, Equatable {
    /// There was no descriptor for it, which says nothing of the server.
    case shortage
    /// There is no connection.
    case connect(ConnectFault)
    /// The connection ended before its time.
    case closed
    /// What came is not a response that can be passed on.
    case response(HeadFault)
    /// No response head within `response_timeout`.
    case timeout

    /// A stable name, for the log.
    var code: String {
        switch self {
        case .shortage: "descriptors"
        case .connect(let fault): fault.rawValue
        case .closed: "closed_early"
        case .response(let fault): "bad_response:\(fault.code)"
        case .timeout: "timeout"
        }
    }
}

/// Why a server of an upstream cannot be connected to, by its name in the log.
enum ConnectFault: String {
    case refused
    /// Not within `connect_timeout`.
    case timeout = "connect_timeout"
    /// Its name has no address.
    case dns
    case tls
    /// There is no way to its network or host, or no such socket.
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
