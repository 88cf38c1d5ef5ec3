import COpenSSL
import JOSE
import TestSupport
import Testing

@testable import Transport

/// What a server and its client need for TLS 1.3: a self-signed certificate of the server, which the client accepts
/// unconditionally.
final class TestContexts {
    private let server: Handle
    private let client: Handle

    init() throws {
        // SAFETY: here and below, OpenSSL's objects are used by one test, which keeps them alive.
        server = try Self.take(unsafe Handle(SSL_CTX_new(TLS_server_method()), freedBy: SSL_CTX_free))
        client = try Self.take(unsafe Handle(SSL_CTX_new(TLS_client_method()), freedBy: SSL_CTX_free))
        let key = try Self.makeKey()
        let certificate = try Self.makeCertificate(of: key)
        unsafe _ = SSL_CTX_use_certificate(server.pointer, certificate.pointer)
        unsafe _ = SSL_CTX_use_PrivateKey(server.pointer, key.pointer)
    }

    private static func take(_ handle: consuming Handle?) throws -> Handle {
        guard let handle else { throw TLSFault.failed(TLSFault.lastReason()) }
        return handle
    }

    private static func makeKey() throws -> Handle {
        let maker = try take(unsafe Handle(EVP_PKEY_CTX_new_from_name(nil, "ED25519", nil), freedBy: EVP_PKEY_CTX_free))
        var key: OpaquePointer?
        unsafe _ = EVP_PKEY_keygen_init(maker.pointer)
        unsafe _ = EVP_PKEY_keygen(maker.pointer, &key)
        return try take(unsafe Handle(key, freedBy: EVP_PKEY_free))
    }

    private static func makeCertificate(of key: borrowing Handle) throws -> Handle {
        let certificate = try take(unsafe Handle(X509_new(), freedBy: X509_free))
        let pointer = unsafe certificate.pointer
        unsafe _ = X509_set_version(pointer, 2)
        unsafe _ = X509_gmtime_adj(X509_getm_notBefore(pointer), -3600)
        unsafe _ = X509_gmtime_adj(X509_getm_notAfter(pointer), 3600)
        unsafe _ = X509_set_pubkey(pointer, key.pointer)
        let name = unsafe X509_get_subject_name(pointer)
        unsafe _ = X509_NAME_add_entry_by_txt(name, "CN", 0x1001, Array("test".utf8), 4, -1, 0)
        unsafe _ = X509_set_issuer_name(pointer, name)
        unsafe _ = X509_sign(pointer, key.pointer, nil)
        return certificate
    }

    func serverStream() throws -> TLSStream {
        let ssl = try Self.take(unsafe Handle(SSL_new(server.pointer), freedBy: SSL_free))
        unsafe SSL_set_accept_state(ssl.pointer)
        return TLSStream(ssl, context: self)
    }

    func clientStream() throws -> TLSStream {
        let ssl = try Self.take(unsafe Handle(SSL_new(client.pointer), freedBy: SSL_free))
        unsafe SSL_set_connect_state(ssl.pointer)
        return TLSStream(ssl, context: self, server: self)
    }
}

/// The far end of a TLS connection: a client over a socket of the test.
final class TLSFarEnd {
    let socket: Peer
    let stream: TLSStream
    private let pipe: TLSPipe
    private(set) var bytes: [UInt8] = []
    /// Whether the handshake is over.
    private(set) var isOpen = false
    /// Whether the other side has sent close_notify.
    private(set) var isEnded = false
    private(set) var fault: TLSFault?
    /// Records that the socket has not taken yet.
    private var unsent: [UInt8] = []

    init(_ socket: Peer, _ stream: TLSStream) {
        (self.socket, self.stream, pipe) = (socket, stream, TLSPipe(stream))
        take([])
    }

    private func take(_ records: [UInt8]) {
        let result = pipe.receive(records.span)
        bytes += result.plaintext
        isOpen = result.isOpen
        if result.isEnded { isEnded = true }
        if let fault = result.fault { self.fault = self.fault ?? fault }
        put(result.records)
    }

    /// Reads what has arrived, and sends what waits.
    func run(atMost limit: Int = .max) {
        let records = socket.readAvailable(atMost: limit)
        movedBytes += records.count
        if !records.isEmpty { take(records) }
        put([])
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ plaintext: [UInt8]) {
        if let records = pipe.send(plaintext.span) { put(records) }
    }

    /// Sends close_notify.
    func end() { put(pipe.end()) }

    /// Sends records unchanged.
    func put(_ records: [UInt8]) {
        unsent += records
        let sent = socket.send(unsent)
        unsent.removeFirst(sent)
        movedBytes += sent
    }

    /// Grows with everything that is sent and read.
    private(set) var movedBytes = 0

    var hasUnsent: Bool { !unsent.isEmpty }
}

extension RecordedConnection {
    /// Opens a TLS connection on the server's side; its peer has not started the handshake.
    func openTLS(_ contexts: TestContexts) throws -> TLSFarEnd {
        let (served, socket) = try Peer.pair()
        try open(served, tls: contexts.serverStream())
        return TLSFarEnd(socket, try contexts.clientStream())
    }
}

/// A server's TLS connection with its client.
final class TLSFixture {
    let kernel = TestKernel()
    let contexts: TestContexts
    let loop: EventLoop
    let connection: RecordedConnection
    let peer: TLSFarEnd

    /// - Parameter isOpen: whether to complete the handshake.
    init(isOpen: Bool = true) throws {
        kernel.clock = 1_000
        contexts = try TestContexts()
        loop = try EventLoop(kernel: kernel)
        connection = RecordedConnection(loop: loop)
        peer = try connection.openTLS(contexts)
        if isOpen {
            run()
            try #require(peer.isOpen && connection.told == [.secured])
        }
    }

    deinit { loop.end() }

    /// Moves bytes for a few turns.
    func run(turns: Int = 4) {
        for _ in 0..<turns {
            loop.turn(waitingAtMost: 0)
            peer.run()
        }
    }
}
