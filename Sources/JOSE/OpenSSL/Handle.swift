internal import COpenSSL

/// Owns one OpenSSL object and frees it.
///
/// Every `…_new` of the library returns a pointer that must go to its own `…_free`. This type ties the two together.
@safe
package struct Handle: ~Copyable {
    package typealias Free = @convention(c) (OpaquePointer?) -> Void

    package let pointer: OpaquePointer
    private let free: Free

    /// Returns `nil` if there is no object: the library is out of memory or refused its input.
    package init?(_ pointer: OpaquePointer?, freedBy free: Free) {
        // SAFETY: kept, not read: what it points to belongs to the handle from here on.
        guard let pointer = unsafe pointer else { return nil }
        unsafe self.pointer = pointer
        unsafe self.free = free
    }

    deinit {
        // SAFETY: `pointer` came from the `…_new` that goes with `free`, and no copy of the handle exists.
        unsafe free(pointer)
    }
}

/// Runs `body` with an empty error queue, and leaves it empty.
///
/// The queue belongs to the thread. If a call left an error there, the next reader, such as a TLS connection, would
/// take it for its own.
package func withCleanErrorQueue<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    ERR_clear_error()
    defer { ERR_clear_error() }
    return try body()
}
