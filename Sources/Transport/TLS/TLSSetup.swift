import COpenSSL
package import JOSE

/// TLS settings for both sides: [Mozilla's intermediate profile](https://wiki.mozilla.org/Security/Server_Side_TLS)
/// without its last suites, which have no ephemeral curve. The security level is the distribution's (openssl.cnf).
package enum TLSSetup {
    private static let suites12 =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    private static let suites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"
    /// Also resists attacks with quantum computers on what was recorded today
    /// ([draft-ietf-tls-ecdhe-mlkem](https://datatracker.ietf.org/doc/draft-ietf-tls-ecdhe-mlkem/)). OpenSSL knows it from
    /// 3.5 on.
    private static let hybridGroup = "X25519MLKEM768"

    /// Makes an `SSL_CTX` for TLS 1.2 and 1.3.
    package static func context(_ method: OpaquePointer?) -> Handle {
        // SAFETY: the handle owns the context and keeps it alive; texts are read during their calls.
        guard let context = unsafe Handle(SSL_CTX_new(method), freedBy: SSL_CTX_free),
            unsafe gateway_SSL_CTX_set_min_proto_version(context.pointer, TLS1_2_VERSION) == 1,
            unsafe SSL_CTX_set_cipher_list(context.pointer, suites12) == 1,
            unsafe SSL_CTX_set_ciphersuites(context.pointer, suites13) == 1,
            unsafe gateway_SSL_CTX_set1_groups_list(context.pointer, "\(hybridGroup):\(groups)") == 1
                || gateway_SSL_CTX_set1_groups_list(context.pointer, groups) == 1
        else {
            fatalError("OpenSSL cannot do TLS 1.2 and 1.3 with AES-GCM: its configuration (openssl.cnf) forbids it")
        }
        unsafe gateway_SSL_CTX_set_options(context.pointer)
        // Release buffers while a connection is idle. Send a chain exactly as the operator wrote it, instead of
        // completing it with the certificates that verify clients.
        unsafe gateway_SSL_CTX_set_mode(
            context.pointer,
            CLong(SSL_MODE_RELEASE_BUFFERS) | CLong(SSL_MODE_NO_AUTO_CHAIN)
        )
        return context
    }

    /// Presents a certificate to the other side. Returns why OpenSSL does not accept it, or `nil` if it does.
    package static func present(_ certified: CertifiedKey, in context: borrowing Handle) -> String? {
        // SAFETY: the context counts references to what it is given.
        guard unsafe SSL_CTX_use_certificate(context.pointer, certified.leaf.handle.pointer) == 1,
            unsafe SSL_CTX_use_PrivateKey(context.pointer, certified.key.pointer) == 1
        else { return TLSFault.lastReason() }
        for certificate in certified.chain.dropFirst() {
            guard unsafe gateway_SSL_CTX_add1_chain_cert(context.pointer, certificate.handle.pointer) == 1 else {
                return TLSFault.lastReason()
            }
        }
        return nil
    }

    /// Trusts certificates signed by these authorities, even if an authority is not a root: the operator has named it.
    package static func trust(_ authorities: TrustedAuthorities, in context: borrowing Handle) {
        // SAFETY: the store belongs to the context, and counts a reference to each certificate.
        let store = unsafe SSL_CTX_get_cert_store(context.pointer)
        for authority in authorities.certificates {
            unsafe _ = X509_STORE_add_cert(store, authority.handle.pointer)
        }
        unsafe _ = X509_STORE_set_flags(store, CUnsignedLong(X509_V_FLAG_PARTIAL_CHAIN))
    }

    /// Whether the certificate of a session's peer has expired since. A resumption does not verify it again.
    @unsafe
    package static func hasExpiredPeer(_ session: OpaquePointer) -> Bool {
        // SAFETY: the caller keeps the session alive, to which the certificate belongs.
        guard let peer = unsafe SSL_SESSION_get0_peer(session) else { return false }
        return unsafe X509_cmp_time(X509_get0_notAfter(peer), nil) <= 0
    }
}
