import COpenSSL

/// Why a TLS connection failed.
public enum TLSFault: Error, Equatable, CustomStringConvertible {
    /// OpenSSL failed; contains its error text.
    case failed(String)
    /// The peer's certificate is not trusted; contains OpenSSL's text.
    case certificate(String)
    /// The connection ended without close_notify, so the data may be incomplete
    /// ([RFC 8446 section 6.1](https://www.rfc-editor.org/rfc/rfc8446#section-6.1)).
    case truncated
    /// The handshake took too long.
    case timeout
    /// The peer requests answers and does not read them.
    case flood

    public var description: String {
        switch self {
        case .failed(let reason): reason
        case .certificate(let reason): "certificate: \(reason)"
        case .truncated: "ended without close_notify"
        case .timeout: "timed out"
        case .flood: "does not read the answers that it asks for"
        }
    }

    /// The text of the first entry in this thread's error queue.
    public static func lastReason() -> String {
        let code = ERR_peek_error()
        guard code != 0 else { return "no reason given" }
        // SAFETY: a static text of OpenSSL's, copied here.
        guard let reason = unsafe ERR_reason_error_string(code) else { return "OpenSSL error \(code)" }
        return unsafe String(cString: reason)
    }
}
