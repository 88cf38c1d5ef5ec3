import Basics
import COpenSSL
import GatewayConfiguration
import JOSE
import Transport

/// The certificates shared by some server names, at most one for each kind of key, in the form that OpenSSL needs: one
/// `SSL_CTX`.
//
// SAFETY: `handle` is written in `init` only. OpenSSL allows an unmodified `SSL_CTX` to be used by several
// threads at once.
final class TLSCertificates: @unchecked Sendable {
    let handle: Handle

    /// Longer certificate chains of clients are refused.
    private static let maxClientChain = 32 << 10
    /// How long a session can be resumed, in seconds.
    private static let sessionLifetime = CLong(TicketKeys.period / 1000)

    init(_ keys: [TLSContext.NamedKey], names: [String], _ listener: ListenerSettings) throws(TLSContext.Fault) {
        handle = withCleanErrorQueue { unsafe TLSSetup.context(TLS_server_method()) }
        for key in keys { try use(key) }
        withCleanErrorQueue {
            // SAFETY: here and below the handle keeps the context alive, and the callbacks have the types that OpenSSL
            // calls them by. They find what they need through the connection.
            let context = unsafe handle.pointer
            unsafe gateway_SSL_CTX_set_session_cache_mode(context, CLong(SSL_SESS_CACHE_OFF))
            unsafe _ = SSL_CTX_set_timeout(context, Self.sessionLifetime)
            unsafe SSL_CTX_set_client_hello_cb(context, chooseCertificates, nil)
            unsafe gateway_SSL_CTX_set_servername_callback(context, acknowledgeName)
            unsafe SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
            unsafe _ = SSL_CTX_set_tlsext_ticket_key_evp_cb(context, prepareTicket)
            unsafe _ = SSL_CTX_set_session_ticket_cb(context, nil, judgeTicket, nil)
            if listener.hasOCSPResponse { unsafe gateway_SSL_CTX_set_status_callback(context, staple) }
            setSessionContext(names: names, listener)
            if let authorities = listener.clientAuthorities { require(authorities) }
        }
    }

    private func use(_ named: TLSContext.NamedKey) throws(TLSContext.Fault) {
        let fault = withCleanErrorQueue { TLSSetup.present(named.key, in: handle) }
        if let fault { throw TLSContext.Fault(key: named.place, reason: "OpenSSL does not accept it: \(fault)") }
    }

    /// Restricts resumption to where a session began: the same address and names, and the same client authorities. A
    /// client let in by one of them must not pass for one let in by another
    /// ([RFC 8446 appendix C.4](https://www.rfc-editor.org/rfc/rfc8446#appendix-C.4)).
    private func setSessionContext(names: [String], _ listener: ListenerSettings) {
        // Gateways that share ticket keys have addresses of their own.
        let place = listener.ticketKeys == nil ? listener.address.text : ""
        var bytes = Array("\(place)\n\(names.joined(separator: ","))\n".utf8)
        for authority in listener.clientAuthorities?.certificates ?? [] { bytes += authority.bytes }
        let digest = JOSE.SHA256.hash(bytes.span)
        // SAFETY: the digest is copied.
        unsafe _ = SSL_CTX_set_session_id_context(handle.pointer, digest, CUnsignedInt(digest.count))
    }

    private func require(_ authorities: TrustedAuthorities) {
        TLSSetup.trust(authorities, in: handle)
        for authority in authorities.certificates {
            // SAFETY: the name is copied.
            unsafe _ = SSL_CTX_add_client_CA(handle.pointer, authority.handle.pointer)
        }
        unsafe gateway_SSL_CTX_set_max_cert_list(handle.pointer, CLong(Self.maxClientChain))
        unsafe SSL_CTX_set_verify(handle.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
}

// MARK: Callbacks

/// Chooses the certificates by server name. Done here instead of in the server name callback, because this one runs
/// before a session is resumed, and the session must belong to the same names.
private func chooseCertificates(
    _ ssl: OpaquePointer?,
    _ alert: UnsafeMutablePointer<CInt>?,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    // SAFETY: OpenSSL says where the extension is, which it keeps during the callback.
    guard let context = unsafe TLSStream.of(ssl)?.context as? TLSContext,
        unsafe SSL_client_hello_get0_ext(ssl, CUnsignedInt(TLSEXT_TYPE_server_name), &bytes, &count) == 1,
        let name = unsafe serverName(UnsafeBufferPointer(start: bytes, count: count))
    else { return SSL_CLIENT_HELLO_SUCCESS }
    unsafe _ = SSL_set_SSL_CTX(ssl, context.certificates(for: name).handle.pointer)
    return SSL_CLIENT_HELLO_SUCCESS
}

/// The host name in a server name extension ([RFC 6066 section 3](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
/// OpenSSL itself reports malformed ones later.
@unsafe
private func serverName(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    // SAFETY: every index is below the count.
    guard bytes.count > 5, unsafe bytes[2] == 0 else { return nil }
    let length = unsafe Int(bytes[3]) << 8 | Int(bytes[4])
    guard 5 + length == bytes.count else { return nil }
    return unsafe String(decoding: bytes[5...], as: UTF8.self)
}

/// Acknowledges the server name to the client, if it was used.
private func acknowledgeName(
    _ ssl: OpaquePointer?,
    _ alert: UnsafeMutablePointer<CInt>?,
    _ argument: UnsafeMutableRawPointer?
) -> CInt { SSL_TLSEXT_ERR_OK }

private func chooseProtocol(
    _ ssl: OpaquePointer?,
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?,
    _ offeredCount: CUnsignedInt,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    // SAFETY: OpenSSL keeps the list, of which the choice is a part, for as long as it looks at the choice.
    guard let context = unsafe TLSStream.of(ssl)?.context as? TLSContext, let offered = unsafe offered else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    let list = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    guard let range = unsafe context.choose(from: list.span) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    unsafe chosen?.pointee = offered + range.lowerBound
    unsafe chosenCount?.pointee = UInt8(range.count)
    return SSL_TLSEXT_ERR_OK
}

/// Sends what the authority says about the certificate that was chosen.
private func staple(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> CInt {
    // SAFETY: OpenSSL keeps the connection and its certificate during the callback, and the response is copied.
    guard let context = unsafe TLSStream.of(ssl)?.context as? TLSContext, let chosen = unsafe SSL_get_certificate(ssl),
        let statement = unsafe context.statement(about: chosen, at: WallClock.now() / 1000)
    else { return SSL_TLSEXT_ERR_NOACK }
    let isStapled = unsafe statement.bytes.withUnsafeBufferPointer {
        unsafe gateway_SSL_staple(ssl, $0.baseAddress, $0.count)
    }
    return isStapled == 1 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK
}

private func prepareTicket(
    _ ssl: OpaquePointer?,
    _ name: UnsafeMutablePointer<UInt8>?,
    _ iv: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?,
    _ mac: OpaquePointer?,
    _ seals: CInt
) -> CInt {
    // SAFETY: OpenSSL gives what the callback is defined to get.
    guard let context = unsafe TLSStream.of(ssl)?.context as? TLSContext, let name = unsafe name, let iv = unsafe iv,
        let cipher = unsafe cipher, let mac = unsafe mac
    else { return -1 }
    let result = unsafe context.ticketKeys.prepare(name, iv, cipher, mac, seals: seals == 1)
    // A TLS 1.3 client uses a ticket once and needs a new one for each that it has used (RFC 8446 appendix C.4).
    return unsafe seals == 0 && result == 1 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : result
}

/// Refuses a session whose client would no longer be let in. The new handshake asks for its certificate again.
private func judgeTicket(
    _ ssl: OpaquePointer?,
    _ session: OpaquePointer?,
    _ name: UnsafePointer<UInt8>?,
    _ nameCount: Int,
    _ status: SSL_TICKET_STATUS,
    _ argument: UnsafeMutableRawPointer?
) -> SSL_TICKET_RETURN {
    // SAFETY: OpenSSL keeps the session, where there is one, during the callback.
    guard status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW,
        let session = unsafe session, unsafe !TLSSetup.hasExpiredPeer(session)
    else { return SSL_TICKET_RETURN_IGNORE_RENEW }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW
}
