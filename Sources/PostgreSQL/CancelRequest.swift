#if PostgreSQL
    import CPostgreSQL
    import Dispatch

    /// Asks the server, over a connection of its own, to end what a session is doing. It may outlive the connection.
    //
    // SAFETY: libpq does not change a request, and lets any thread send it.
    @safe
    final class CancelRequest: @unchecked Sendable {
        /// Sending waits for a server that may be silent, for as long as the socket's time limits allow.
        private static let queue = DispatchQueue(label: "postgresql.cancel")

        private let pointer: OpaquePointer

        /// - Parameter handle: an open connection.
        @unsafe
        init?(_ handle: OpaquePointer) {
            // SAFETY: what the call makes belongs to this from here on.
            guard let pointer = unsafe PQgetCancel(handle) else { return nil }
            unsafe self.pointer = pointer
        }

        deinit {
            // SAFETY: nobody else has it.
            unsafe PQfreeCancel(pointer)
        }

        /// Waits until the server has taken note.
        func send() {
            var words = [CChar](repeating: 0, count: 256)
            // SAFETY: the request lives as long as this; libpq writes no more words than there is room for.
            _ = unsafe PQcancel(pointer, &words, Int32(words.count))
        }

        /// Does not wait.
        func sendLater() { Self.queue.async { self.send() } }
    }
#endif
