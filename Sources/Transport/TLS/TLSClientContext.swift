import Basics
import COpenSSL
package import JOSE
import Synchronization

/// Verifies the servers of an upstream.
//
// SAFETY: `handle` is written in `init` only. OpenSSL allows an unmodified `SSL_CTX` to be used by several
// threads at once.
package final class TLSClientContext: @unchecked Sendable {
    private let handle: Handle

    /// - Parameters:
    ///   - authorities: the authorities to trust; `nil` for the system's.
    ///   - certifiedKey: for servers that ask for a certificate. One with a ``fault(of:)`` is not presented.
    package init(authorities: TrustedAuthorities?, certifiedKey: CertifiedKey? = nil) {
        handle = withCleanErrorQueue {
            // SAFETY: the handle keeps the context alive; the list is read during the call.
            let context = unsafe TLSSetup.context(TLS_client_method())
            unsafe SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
            if let authorities {
                TLSSetup.trust(authorities, in: context)
            } else {
                // Without a store nothing is trusted, which the log shows at the first connection.
                unsafe _ = SSL_CTX_set_default_verify_paths(context.pointer)
            }
            if let certifiedKey { _ = TLSSetup.present(certifiedKey, in: context) }
            let http1 = [UInt8(8)] + Array("http/1.1".utf8)
            unsafe _ = SSL_CTX_set_alpn_protos(context.pointer, http1, CUnsignedInt(http1.count))
            unsafe gateway_SSL_CTX_set_session_cache_mode(
                context.pointer,
                CLong(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL)
            )
            unsafe SSL_CTX_sess_set_new_cb(context.pointer, keepSession)
            return context
        }
    }

    /// Why OpenSSL would not present a certificate. Returns `nil` if it would.
    package static func fault(of certifiedKey: CertifiedKey) -> String? {
        withCleanErrorQueue {
            let context = unsafe TLSSetup.context(TLS_client_method())
            return TLSSetup.present(certifiedKey, in: context)
        }
    }

    /// Makes a connection to `peer`, whose certificate must be for its name or address.
    package func stream(to peer: TLSPeer) -> TLSStream? {
        // SAFETY: the handle owns the connection, which counts a reference to the context. Names are copied.
        guard let ssl = unsafe Handle(SSL_new(handle.pointer), freedBy: SSL_free) else { return nil }
        let parameters = unsafe SSL_get0_param(ssl.pointer)
        switch peer.identity {
        case .name(let name):
            // The subject no longer counts as a host name (RFC 9525 section 2).
            let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
            unsafe X509_VERIFY_PARAM_set_hostflags(parameters, CUnsignedInt(flags))
            guard unsafe X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1,
                unsafe gateway_SSL_set_host_name(ssl.pointer, name) == 1
            else { return nil }
        case .address(let text):
            guard unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, text) == 1 else { return nil }
        }
        unsafe SSL_set_connect_state(ssl.pointer)
        peer.resume(on: ssl)
        return TLSStream(ssl, context: self, server: peer)
    }
}

/// A TLS server: the identity that it must prove, and the last session with it.
//
// SAFETY: `session` is only touched inside the lock, which owns a reference to it.
package final class TLSPeer: @unchecked Sendable {
    package enum Identity: Sendable {
        case name(String)
        /// An IP address as text.
        case address(String)
    }

    let identity: Identity
    private let session = Mutex<Session?>(nil)

    /// An `SSL_SESSION`.
    private final class Session: @unchecked Sendable {
        let handle: Handle
        init(_ handle: consuming Handle) { self.handle = handle }
    }

    package init(_ identity: Identity) { self.identity = identity }

    /// - Parameter host: a name, or an IP address without brackets.
    package convenience init(host: String) { self.init(IPAddress(host) == nil ? .name(host) : .address(host)) }

    /// Keeps a session for the next connection.
    fileprivate func keep(_ handle: consuming Handle) {
        let new = Session(handle)
        session.withLock { $0 = new }
    }

    /// Forgets the session after a handshake with it has failed.
    package func forget() { session.withLock { $0 = nil } }

    /// Lets a connection resume the last session. A TLS 1.3 ticket is used once
    /// ([RFC 8446 appendix C.4](https://www.rfc-editor.org/rfc/rfc8446#appendix-C.4)).
    fileprivate func resume(on ssl: borrowing Handle) {
        let last = session.withLock { session in
            defer { session = nil }
            return session
        }
        // SAFETY: the session is alive; the connection counts a reference to it.
        guard let last, unsafe !TLSSetup.hasExpiredPeer(last.handle.pointer) else { return }
        unsafe _ = SSL_set_session(ssl.pointer, last.handle.pointer)
        if unsafe SSL_SESSION_get_protocol_version(last.handle.pointer) == TLS1_2_VERSION {
            session.withLock { if $0 == nil { $0 = last } }
        }
    }
}

/// Keeps the session that a server offers.
private func keepSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> CInt {
    // SAFETY: answering 1 makes the session's reference ours, answering 0 leaves it.
    guard let peer = unsafe TLSStream.of(ssl)?.server as? TLSPeer,
        let handle = unsafe Handle(session, freedBy: SSL_SESSION_free)
    else { return 0 }
    peer.keep(handle)
    return 1
}
