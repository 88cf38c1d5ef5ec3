import Basics
import CNghttp2
import GatewayConfiguration

/// One HTTP/2 connection's protocol state, kept by nghttp2: framing, HPACK, flow control, stream states.
///
/// A safe wrapper of the C library. Its callbacks are in `HTTP2Session+Callbacks.swift`.
@safe
final class HTTP2Session {
    private let session: OpaquePointer
    private var fields: ContiguousArray<nghttp2_nv> = unsafe []

    /// The library's error codes, numbered as in RFC 9113 section 7.
    enum ErrorCode: UInt32 {
        case noError = 0
        case protocolError = 1
        case internalError = 2
        case streamClosed = 5
        case cancel = 8
        case enhanceYourCalm = 11
    }

    /// How many bytes a client may send ahead of consumption on one stream; ``connectionWindow`` is the same for all
    /// streams together.
    static let streamWindow: Int32 = 128 << 10
    /// More than an upstream's head and the added fields, including the library's own overhead per field.
    private static let maxSentHead = 256 << 10
    static let connectionWindow: Int32 = 1 << 20

    /// - Parameter owner: the receiver of the callbacks; it must outlive the session.
    init(owner: HTTP2Connection, settings: HTTP2Settings, maxHeaderListSize: Int) {
        var session: OpaquePointer?
        var option: OpaquePointer?
        // SAFETY: creates what the next lines hand over; the option is freed after its last use. The owner holds this
        // object, and the session is deleted with it, so that the pointer to the owner never dangles in a callback.
        unsafe nghttp2_option_new(&option)
        unsafe nghttp2_option_set_no_auto_window_update(option, 1)
        unsafe nghttp2_option_set_no_closed_streams(option, 1)
        unsafe nghttp2_option_set_max_send_header_block_length(option, Self.maxSentHead)
        let result = unsafe nghttp2_session_server_new2(
            &session,
            HTTP2Callbacks.shared.pointer,
            Unmanaged.passUnretained(owner).toOpaque(),
            option
        )
        unsafe nghttp2_option_del(option)
        guard result == 0, let session = unsafe session else { fatalError("out of memory") }
        unsafe self.session = session
        var entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(settings.concurrentStreams)
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(Self.streamWindow)
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(clamping: maxHeaderListSize)
            ),
        ]
        if settings.webSocket {
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue),
                    value: 1
                )
            )
        }
        // SAFETY: the array outlives the call, which copies it.
        _ = unsafe entries.withUnsafeBufferPointer { entries in
            unsafe nghttp2_submit_settings(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                entries.baseAddress,
                entries.count
            )
        }
        unsafe nghttp2_session_set_local_window_size(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            0,
            Self.connectionWindow
        )
    }

    deinit {
        // SAFETY: made in `init` and not used after this.
        unsafe nghttp2_session_del(session)
    }

    // SAFETY: in what follows the session lives as long as this object, and every pointer that is passed is used during
    // the call only: the library copies what it keeps.

    /// The result of processing received bytes.
    enum Receipt {
        case taken
        /// The library reports that the client sends too much of something.
        case flooded
        /// The connection cannot continue.
        case failed
    }

    /// Processes received bytes.
    func receive(_ bytes: Span<UInt8>) -> Receipt {
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe nghttp2_session_mem_recv(session, bytes.baseAddress, bytes.count)
        }
        if result == bytes.count { return .taken }
        // -905 is NGHTTP2_ERR_TOO_MANY_CONTINUATIONS, which older libraries do not name.
        return result == Int(NGHTTP2_ERR_FLOODED.rawValue) || result == -905 ? .flooded : .failed
    }

    /// Writes the next piece of output with `write`; DATA goes to the owner's `sendData`. Returns false if there is
    /// none.
    func send(into write: (UnsafeRawBufferPointer) -> Void) -> Bool {
        var data: UnsafePointer<UInt8>?
        let count = unsafe nghttp2_session_mem_send(session, &data)
        guard count > 0, let data = unsafe data else { return false }
        unsafe write(UnsafeRawBufferPointer(start: data, count: count))
        return true
    }

    /// Whether the connection has nothing left to do.
    var isFinished: Bool {
        unsafe nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    /// Attaches a number to a stream.
    func setTag(_ tag: Int, of stream: Int32) {
        _ = unsafe nghttp2_session_set_stream_user_data(session, stream, UnsafeMutableRawPointer(bitPattern: tag + 1))
    }

    /// The number attached to a stream.
    func tag(of stream: Int32) -> Int? {
        guard let pointer = unsafe nghttp2_session_get_stream_user_data(session, stream) else { return nil }
        return Int(bitPattern: pointer) - 1
    }

    // MARK: Responses

    /// Sends a final response's head.
    ///
    /// - Parameter hasBody: whether DATA, requested through the callback, or trailers follow.
    func respond(_ stream: Int32, _ head: inout ByteBuffer, hasBody: Bool) -> Bool {
        unsafe withFields(&head) { fields in
            guard hasBody else {
                return unsafe nghttp2_submit_response(session, stream, fields.baseAddress, fields.count, nil) == 0
            }
            var provider = unsafe nghttp2_data_provider()
            unsafe provider.read_callback = HTTP2Callbacks.readData
            return unsafe nghttp2_submit_response(session, stream, fields.baseAddress, fields.count, &provider) == 0
        }
    }

    func interim(_ stream: Int32, _ head: inout ByteBuffer) {
        _ = unsafe withFields(&head) { fields in
            unsafe nghttp2_submit_headers(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                stream,
                nil,
                fields.baseAddress,
                fields.count,
                nil
            ) == 0
        }
    }

    /// Sends field lines after the last DATA. Call from the data callback or after it.
    func trailers(_ stream: Int32, _ lines: inout ByteBuffer) {
        _ = unsafe withFields(&lines, status: false) { fields in
            unsafe nghttp2_submit_trailer(session, stream, fields.baseAddress, fields.count) == 0
        }
    }

    /// Makes the library request DATA again.
    func resume(_ stream: Int32) { _ = unsafe nghttp2_session_resume_data(session, stream) }

    func reset(_ stream: Int32, _ code: ErrorCode) {
        _ = unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
    }

    /// How many bytes the client's windows let through for a stream; may be negative.
    func window(of stream: Int32) -> Int {
        let window = unsafe min(
            nghttp2_session_get_stream_remote_window_size(session, stream),
            nghttp2_session_get_remote_window_size(session)
        )
        return Int(window)
    }

    /// Reopens a stream's window for bytes that were consumed.
    func consume(_ stream: Int32, _ count: Int) { _ = unsafe nghttp2_session_consume_stream(session, stream, count) }

    /// Reopens the connection's window for bytes that were consumed.
    func consumeOnConnection(_ count: Int) { _ = unsafe nghttp2_session_consume_connection(session, count) }

    // MARK: The end

    /// Announces the end. Requests on the way are still served
    /// ([RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).
    func announceShutdown() { _ = unsafe nghttp2_submit_shutdown_notice(session) }

    /// Refuses further requests. Accepted ones are still served.
    func goAway() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
        _ = unsafe nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, 0, nil, 0)
    }

    /// Ends the connection with the next send.
    func terminate(_ code: ErrorCode) { _ = unsafe nghttp2_session_terminate_session(session, code.rawValue) }

    // MARK: Fields

    /// Reads an HTTP/1 head, lower-cases its names in place, and passes the fields on.
    ///
    /// - Parameter status: whether a status line comes first.
    private func withFields(
        _ head: inout ByteBuffer,
        status: Bool = true,
        _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Bool
    ) -> Bool {
        // SAFETY: all pointers are into the head's memory or a literal's, and used before this returns; every index is
        // below the count of the bytes. The head is ours: an exchange wrote it line by line.
        unsafe head.withMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            unsafe fields.removeAll(keepingCapacity: true)
            var position = 0
            if status {
                guard bytes.count > 12 else { return false }
                unsafe append(UnsafeMutablePointer(mutating: HTTP2Callbacks.statusName.utf8Start), 7, base + 9, 3)
                unsafe position = Self.lineEnd(bytes, from: 12)
            }
            while position < bytes.count, unsafe bytes[position] != .carriageReturn {
                let start = position
                while position < bytes.count, unsafe bytes[position] != UInt8(ascii: ":") {
                    unsafe bytes[position] = bytes[position].lowercased
                    position += 1
                }
                let nameEnd = position
                position = min(position + 1, bytes.count)
                while position < bytes.count, unsafe bytes[position] == .space || bytes[position] == .tab {
                    position += 1
                }
                let valueStart = position
                unsafe position = Self.lineEnd(bytes, from: position)
                var valueEnd = max(position - 2, valueStart)
                while valueEnd > valueStart, unsafe bytes[valueEnd - 1] == .space || bytes[valueEnd - 1] == .tab {
                    valueEnd -= 1
                }
                unsafe append(base + start, nameEnd - start, base + valueStart, valueEnd - valueStart)
            }
            return unsafe fields.withUnsafeBufferPointer { unsafe body($0) }
        }
    }

    private func append(
        _ name: UnsafeMutablePointer<UInt8>,
        _ nameLength: Int,
        _ value: UnsafeMutablePointer<UInt8>,
        _ valueLength: Int
    ) {
        // SAFETY: only stores the pointers, for the time that `withFields` says.
        unsafe fields.append(
            nghttp2_nv(
                name: name,
                value: value,
                namelen: nameLength,
                valuelen: valueLength,
                flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
            )
        )
    }

    private static func lineEnd(_ bytes: UnsafeMutableBufferPointer<UInt8>, from start: Int) -> Int {
        var position = start
        // SAFETY: the index stays below the count.
        while position < bytes.count, unsafe bytes[position] != .lineFeed { position += 1 }
        return min(position + 1, bytes.count)
    }
}
