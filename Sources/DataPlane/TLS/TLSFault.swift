import COpenSSL

/// Why a TLS connection ended before its time.
enum TLSFault: Error, Equatable, CustomStringConvertible {
    /// OpenSSL gave up, in its words.
    case failed(String)
    /// The peer's certificate is not one to trust, in OpenSSL's words.
    case certificate(String)
    /// The connection ended without close_notify, so that what came may be a part only
    /// ([RFC 8446 section 6.1](https://www.rfc-editor.org/rfc/rfc8446#section-6.1)).
    case truncated
    /// The handshake took too long.
    case timeout
    /// The peer has us answer without reading what we answer.
    case flood

    var description: String {
        switch self {
        case .failed(let reason): reason
        case .certificate(let reason): "certificate: \(reason)"
        case .truncated: "ended without close_notify"
        case .timeout: "timed out"
        case .flood: "does not read what it has us answer"
        }
    }

    /// What the first entry of this thread's error queue says.
    static func lastReason() -> String {
        let code = ERR_peek_error()
        guard code != 0 else { return "no reason given" }
        // SAFETY: a static text of OpenSSL's, copied here.
        guard let reason = unsafe ERR_reason_error_string(code) else { return "OpenSSL error \(code)" }
        return unsafe String(cString: reason)
    }
}
