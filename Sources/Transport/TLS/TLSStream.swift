import COpenSSL
package import JOSE

/// One TLS connection without a socket: takes the peer's bytes and returns plaintext, and the reverse.
///
/// When a call returns, the bytes to send are in its loop's ``TLSScratch``. Take them from there at once.
@safe
public final class TLSStream {
    /// The result of a call.
    enum Outcome {
        case done
        /// More bytes are needed to continue.
        case needsInput
        /// The peer has sent close_notify.
        case ended
        case failed(TLSFault)
    }

    enum Phase: UInt8 {
        case handshake
        case open
        /// An alert is on its way. Bytes that still arrive are dropped, so that the alert is not lost to a reset.
        case failing
    }

    /// Used by OpenSSL's callbacks; survives a reload.
    public let context: AnyObject
    /// The server that a client connection goes to; `nil` on the server's side.
    public let server: AnyObject?
    /// The `SSL`.
    let ssl: Handle
    private unowned(unsafe) var holder: Connection?
    var phase: Phase = .handshake
    var isOutputEnded = false
    /// Answers written by TLS itself while earlier bytes waited for the socket.
    var unreadAnswers = 0
    /// Bytes that arrived after the connection had failed.
    var droppedBytes = 0
    /// A failure discovered by a send; the next event reports it.
    var fault: TLSFault?
    var lingering: TimerHeap.ID?
    /// The peer's bytes, lent during a call.
    private var incoming = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Where records go during a call.
    private var scratch: TLSScratch?

    /// - Parameters:
    ///   - ssl: in the state to accept, or to connect where there is a `server`.
    ///   - context: kept alive for OpenSSL's callbacks.
    package init(_ ssl: consuming Handle, context: AnyObject, server: AnyObject? = nil) {
        self.ssl = ssl
        self.context = context
        self.server = server
        connectBytes()
        // SAFETY: the connection belongs to the stream, so that its callbacks find it alive.
        unsafe _ = SSL_set_ex_data(self.ssl.pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        // Without this, OpenSSL forgets the session after an end without close_notify, which TLS 1.2 and 1.3 do not ask
        // for, and takes a lock to do so.
        unsafe SSL_set_shutdown(ssl.pointer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    }

    /// The stream whose callback OpenSSL calls.
    @unsafe
    public static func of(_ ssl: OpaquePointer?) -> TLSStream? {
        // SAFETY: see `init`.
        unsafe SSL_get_ex_data(ssl, 0).map { unsafe Unmanaged<TLSStream>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The connection that it is part of.
    var connection: Connection? {
        // SAFETY: a connection is not released within a turn, and outside of one only the connection has the stream.
        get { unsafe holder }
        set { unsafe holder = newValue }
    }

    // MARK: Bytes

    /// Lends the stream the peer's bytes, and the scratch for its records, while `body` runs. Bytes that `body` leaves are
    /// dropped.
    func lend(_ bytes: Span<UInt8>, _ scratch: TLSScratch, _ body: () -> Void) {
        // SAFETY: the pointer is taken away again before the span's memory may go.
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe incoming = bytes
            self.scratch = scratch
            body()
            unsafe incoming = UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// Makes the stream write its records to `scratch`.
    func use(_ scratch: TLSScratch) { self.scratch = scratch }

    func dropIncoming() { unsafe incoming = UnsafeRawBufferPointer(start: nil, count: 0) }

    /// Moves bytes to where OpenSSL wants them.
    @unsafe
    func moveIncoming(to target: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe min(target.count, incoming.count)
        guard count > 0 else { return 0 }
        // SAFETY: both sides hold at least `count` bytes and are not the same memory.
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: incoming[..<count]))
        unsafe incoming = UnsafeRawBufferPointer(rebasing: incoming[count...])
        return count
    }

    @unsafe
    func addRecord(_ bytes: UnsafeRawBufferPointer) { unsafe scratch?.add(bytes) }

    // MARK: The connection

    /// Continues the handshake.
    func handshake() -> Outcome {
        ERR_clear_error()
        // SAFETY: here and below the stream keeps the connection alive, which only its event loop uses.
        let result = unsafe SSL_do_handshake(ssl.pointer)
        return result == 1 ? .done : outcome(of: result)
    }

    /// Decrypts at most one record into `memory`, which must not be empty; `count` becomes the number of bytes.
    @unsafe
    func read(into memory: UnsafeMutableRawBufferPointer, count: inout Int) -> Outcome {
        ERR_clear_error()
        // SAFETY: OpenSSL writes at most the count that it is given.
        let result = unsafe SSL_read(ssl.pointer, memory.baseAddress, CInt(clamping: memory.count))
        count = max(Int(result), 0)
        return result > 0 ? .done : outcome(of: result)
    }

    /// Encrypts all of `bytes`, which must not be empty.
    @unsafe
    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        ERR_clear_error()
        // SAFETY: OpenSSL reads the count that it is given. What it writes to takes everything, so that it is done at
        // once or failed.
        let result = unsafe SSL_write(ssl.pointer, bytes.baseAddress, CInt(clamping: bytes.count))
        return Int(result) == bytes.count ? .done : outcome(of: result)
    }

    /// Writes close_notify, once.
    func endOutput() {
        guard !isOutputEnded else { return }
        isOutputEnded = true
        ERR_clear_error()
        unsafe _ = SSL_shutdown(ssl.pointer)
        ERR_clear_error()
    }

    private func outcome(of result: CInt) -> Outcome {
        defer { ERR_clear_error() }
        switch unsafe SSL_get_error(ssl.pointer, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(readFault())
        }
    }

    private func readFault() -> TLSFault {
        guard ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED else {
            return .failed(TLSFault.lastReason())
        }
        let verified = unsafe SSL_get_verify_result(ssl.pointer)
        // SAFETY: a static text of OpenSSL's, copied here.
        return .certificate(unsafe String(cString: X509_verify_cert_error_string(verified)))
    }

    // MARK: Results of the handshake

    /// The protocol that ALPN chose ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)); empty without ALPN.
    public var applicationProtocol: [UInt8] {
        var name: UnsafePointer<UInt8>?
        var count: CUnsignedInt = 0
        // SAFETY: the name belongs to the connection; it is copied here.
        unsafe SSL_get0_alpn_selected(ssl.pointer, &name, &count)
        return unsafe Array(UnsafeBufferPointer(start: name, count: Int(count)))
    }

    /// The version in OpenSSL's words: `TLSv1.3` or `TLSv1.2`.
    public var version: StaticString {
        unsafe SSL_version(ssl.pointer) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"
    }

    /// Passes on the server name that the client asked for ([RFC 6066 section 3](https://www.rfc-editor.org/rfc/rfc6066#section-3)),
    /// which has at most 255 bytes. Does nothing if it asked for none.
    public func withServerName(_ body: (Span<UInt8>) -> Void) {
        guard let name = unsafe SSL_get_servername(ssl.pointer, TLSEXT_NAMETYPE_host_name) else { return }
        // SAFETY: the name belongs to the connection and ends with a zero, which OpenSSL allows nowhere else in it.
        let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
        unsafe body(Span(_unsafeBytes: bytes))
    }
}
