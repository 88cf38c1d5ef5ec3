import COpenSSL
import JOSE
import NIOCore

/// One TLS connection without a socket: octets of the peer go in, plaintext comes out, and the other way round.
///
/// What it has to send is in its loop's ``TLSScratch`` when a call returns, and has to be taken from there at once.
final class TLSStream {
    /// How a call went.
    enum Outcome {
        case done
        /// Nothing more can be done before more octets have come.
        case needsInput
        /// The peer has sent close_notify.
        case ended
        case failed(TLSFault)
    }

    /// What OpenSSL's callbacks use; it outlives a reload.
    let context: any TLSStreamContext
    let scratch: TLSScratch
    /// The server that this is a connection to; nil on the side of the server.
    let peer: TLSPeer?
    /// The `SSL`.
    let ssl: Handle
    private var incoming = ByteBuffer()

    /// - Parameter ssl: made from one of the context's own.
    init(_ ssl: consuming Handle, context: any TLSStreamContext, scratch: TLSScratch, peer: TLSPeer? = nil) {
        self.ssl = ssl
        self.peer = peer
        self.context = context
        self.scratch = scratch
        connectOctets()
        // SAFETY: the connection belongs to the stream, so that its callbacks find it alive.
        unsafe _ = SSL_set_ex_data(self.ssl.pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        // Otherwise OpenSSL takes an end without close_notify as a reason not to resume the session, which TLS 1.2 and
        // 1.3 do not, and looks for it under a lock.
        unsafe SSL_set_shutdown(ssl.pointer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    }

    /// The stream whose callback OpenSSL calls.
    @unsafe
    static func of(_ ssl: OpaquePointer?) -> TLSStream? {
        // SAFETY: see `init`.
        unsafe SSL_get_ex_data(ssl, 0).map { unsafe Unmanaged<TLSStream>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Octets

    var incomingCount: Int { incoming.readableBytes }

    /// Takes octets that the peer has sent.
    func receive(_ buffer: ByteBuffer) {
        guard incoming.readableBytes > 0 else {
            incoming = buffer
            return
        }
        incoming.writeImmutableBuffer(buffer)
    }

    func dropIncoming() { incoming = ByteBuffer() }

    /// Moves octets to where OpenSSL wants them, and lets go of a buffer that is used up.
    func moveIncoming(to target: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(target.count, incoming.readableBytes)
        guard count > 0 else { return 0 }
        unsafe incoming.readWithUnsafeReadableBytes { bytes in
            // SAFETY: both sides hold at least `count` bytes and are not the same memory.
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            return count
        }
        if incoming.readableBytes == 0 { incoming = ByteBuffer() }
        return count
    }

    // MARK: The connection

    /// Goes on with the handshake.
    func handshake() -> Outcome {
        ERR_clear_error()
        // SAFETY: here and below the stream keeps the connection alive, which only its event loop uses.
        let result = unsafe SSL_do_handshake(ssl.pointer)
        return result == 1 ? .done : outcome(of: result)
    }

    /// Decrypts at most one record's plaintext to the end of `buffer`.
    func read(into buffer: inout ByteBuffer) -> Outcome {
        ERR_clear_error()
        var result: CInt = 0
        unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { bytes in
            // SAFETY: OpenSSL writes at most the count that it is given.
            result = unsafe SSL_read(ssl.pointer, bytes.baseAddress, CInt(clamping: bytes.count))
            return max(0, Int(result))
        }
        return result > 0 ? .done : outcome(of: result)
    }

    /// Encrypts all of `bytes`, which are not none.
    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        ERR_clear_error()
        // SAFETY: OpenSSL reads the count that it is given. What it writes to takes everything, so that it is done at
        // once or failed.
        let result = unsafe SSL_write(ssl.pointer, bytes.baseAddress, CInt(clamping: bytes.count))
        return Int(result) == bytes.count ? .done : outcome(of: result)
    }

    /// Says close_notify.
    func endOutput() {
        ERR_clear_error()
        unsafe _ = SSL_shutdown(ssl.pointer)
        ERR_clear_error()
    }

    private func outcome(of result: CInt) -> Outcome {
        defer { ERR_clear_error() }
        switch unsafe SSL_get_error(ssl.pointer, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(fault)
        }
    }

    private var fault: TLSFault {
        guard ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED else {
            return .failed(TLSFault.lastReason())
        }
        let verified = unsafe SSL_get_verify_result(ssl.pointer)
        // SAFETY: a static text of OpenSSL's, copied here.
        return .certificate(unsafe String(cString: X509_verify_cert_error_string(verified)))
    }

    // MARK: What the handshake has settled

    /// What ALPN chose; HTTP/1.1 where the peer knows no ALPN.
    var applicationProtocol: TLSProtocol {
        var name: UnsafePointer<UInt8>?
        var count: CUnsignedInt = 0
        // SAFETY: the name belongs to the connection; it is read here.
        unsafe SSL_get0_alpn_selected(ssl.pointer, &name, &count)
        return unsafe TLSProtocol(UnsafeBufferPointer(start: name, count: Int(count))) ?? .http1
    }
}

/// What a stream keeps alive for OpenSSL's callbacks.
protocol TLSStreamContext: AnyObject {}

/// What is spoken inside TLS ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)).
package enum TLSProtocol: String, Sendable {
    case http2 = "h2"
    case http1 = "http/1.1"

    @unsafe
    init?(_ name: UnsafeBufferPointer<UInt8>) {
        // SAFETY: the caller keeps the bytes alive.
        self.init(rawValue: unsafe String(decoding: name, as: UTF8.self))
    }
}
