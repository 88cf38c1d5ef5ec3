/// Why a connection broke.
public enum ConnectionFault: Error, Equatable, CustomStringConvertible {
    case system(SystemFault)
    case tls(TLSFault)

    public var description: String {
        switch self {
        case .system(let fault): "\(fault)"
        case .tls(let fault): "TLS: \(fault)"
        }
    }
}
