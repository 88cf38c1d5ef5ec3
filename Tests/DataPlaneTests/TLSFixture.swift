import COpenSSL
import JOSE
import Testing

@testable import DataPlane
@testable import GatewayConfiguration
@testable import Transport

/// What most TLS tests need: the test certificates, and a context with them.
struct TLSFixture {
    let files: TLSCertificateFiles

    init() throws { files = try TLSCertificateFiles.shared.get() }

    func key(_ name: String) throws -> CertifiedKey {
        let chain = try files.bytes("\(name).pem")
        let key = try files.bytes("\(name).key")
        return try CertifiedKey(chain: chain.span, key: key.span)
    }

    func authorities(_ name: String) throws -> TrustedAuthorities {
        let pem = try files.bytes("\(name).pem")
        return try TrustedAuthorities(pem: pem.span)
    }

    func listener(
        _ standard: String = "standard",
        sni: [(names: [String], certificate: String)] = [],
        clientCA: String? = nil
    ) throws -> ListenerSettings {
        var listener = ListenerSettings(address: .tcp(host: "127.0.0.1", port: 443))
        listener.certifiedKey = try key(standard)
        listener.clientAuthorities = try clientCA.map { try authorities($0) }
        listener.serverNames = try sni.map {
            ServerNameSettings(names: $0.names, certificate: "", key: "", certifiedKey: try key($0.certificate))
        }
        return listener
    }

    func context(
        _ standard: String = "standard",
        sni: [(names: [String], certificate: String)] = [],
        clientCA: String? = nil,
        ticketKeys: TicketKeys = TicketKeys(),
        protocols: [TLSProtocol] = [.http2, .http1]
    ) throws -> TLSContext {
        try TLSContext(
            listener(standard, sni: sni, clientCA: clientCA),
            ticketKeys: ticketKeys,
            protocols: protocols
        )
    }

    /// A client that presents a certificate.
    func client(showing name: String, version: CInt? = nil) throws -> TLSClient {
        try TLSClient(version: version, key: key(name))
    }
}

extension TLSStream {
    // SAFETY: here and below the stream keeps the connection alive, and the connection its certificates.
    var version: CInt { unsafe SSL_version(ssl.pointer) }
    var isResumed: Bool { unsafe SSL_session_reused(ssl.pointer) == 1 }

    /// Accepts expired certificates.
    func ignoreTime() {
        unsafe _ = X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl.pointer), CUnsignedLong(X509_V_FLAG_NO_CHECK_TIME))
    }

    /// Whether the peer's certificate covers a name.
    func peerCovers(_ name: String) -> Bool {
        guard let peer = unsafe SSL_get0_peer_certificate(ssl.pointer) else { return false }
        return unsafe X509_check_host(peer, name, 0, 0, nil) == 1
    }

    /// `RSA` or `EC`.
    var peerIsRSA: Bool {
        guard let peer = unsafe SSL_get0_peer_certificate(ssl.pointer) else { return false }
        return unsafe EVP_PKEY_is_a(X509_get0_pubkey(peer), "RSA") == 1
    }
}
