import COpenSSL
import JOSE

/// The BIO through which OpenSSL reads and writes the bytes of a ``TLSStream``. It takes them from the memory lent to
/// the stream and adds them to its loop's records, so that nothing is copied an extra time.
extension TLSStream {
    // SAFETY: a BIO_METHOD is immutable once it is set up, and this one is never freed.
    private nonisolated(unsafe) static let method: OpaquePointer = {
        let type = CInt(BIO_get_new_index()) | CInt(BIO_TYPE_SOURCE_SINK)
        // SAFETY: the functions have the types that OpenSSL calls them by.
        guard let method = unsafe BIO_meth_new(type, "gateway"),
            unsafe BIO_meth_set_read(method, readBytes) == 1,
            unsafe BIO_meth_set_write(method, writeBytes) == 1,
            unsafe BIO_meth_set_ctrl(method, controlBytes) == 1
        else { fatalError("OpenSSL could not set up a BIO: out of memory") }
        return unsafe method
    }()

    /// Makes OpenSSL read from and write to this stream.
    func connectBytes() {
        // SAFETY: the connection owns the BIO and the stream owns the connection, so that the stream is there whenever
        // the BIO is used.
        guard let bio = unsafe BIO_new(Self.method) else { fatalError("OpenSSL could not make a BIO: out of memory") }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe BIO_set_init(bio, 1)
        unsafe SSL_set_bio(ssl.pointer, bio, bio)
    }

    /// The stream that a BIO belongs to.
    @unsafe
    fileprivate static func owner(of bio: OpaquePointer?) -> TLSStream? {
        // SAFETY: see `connectBytes`.
        unsafe BIO_get_data(bio).map { unsafe Unmanaged<TLSStream>.fromOpaque($0).takeUnretainedValue() }
    }
}

private func readBytes(_ bio: OpaquePointer?, _ bytes: UnsafeMutablePointer<CChar>?, _ count: CInt) -> CInt {
    // SAFETY: OpenSSL gives room for `count` bytes; no more are written.
    unsafe BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
    guard let stream = unsafe TLSStream.owner(of: bio), let bytes = unsafe bytes, count > 0 else { return -1 }
    let target = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
    let moved = unsafe stream.moveIncoming(to: target)
    guard moved > 0 else {
        unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
        return -1
    }
    return CInt(moved)
}

private func writeBytes(_ bio: OpaquePointer?, _ bytes: UnsafePointer<CChar>?, _ count: CInt) -> CInt {
    // SAFETY: OpenSSL gives `count` bytes, which are copied.
    unsafe BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
    guard let stream = unsafe TLSStream.owner(of: bio), let bytes = unsafe bytes, count > 0 else { return -1 }
    unsafe stream.addRecord(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    return count
}

private func controlBytes(
    _ bio: OpaquePointer?,
    _ command: CInt,
    _ number: CLong,
    _ pointer: UnsafeMutableRawPointer?
) -> CLong {
    // Nothing is held back here, and no other command applies.
    command == BIO_CTRL_FLUSH ? 1 : 0
}
