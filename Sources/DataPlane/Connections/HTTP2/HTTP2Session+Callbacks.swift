import CNghttp2

// The functions that nghttp2 calls. Each finds the connection through the pointer that the session was made with, and
// passes it spans over memory that the library lends for the call.

/// The callbacks of every session. The table is made once, and the library copies it into each session.
@safe
struct HTTP2Callbacks: @unchecked Sendable {
    let pointer: OpaquePointer

    static let shared = HTTP2Callbacks()
    static let statusName: StaticString = ":status"
    // SAFETY: a function pointer, kept by the library for as long as a stream's data lasts.
    static var readData: nghttp2_data_source_read_callback { unsafe http2ReadData }

    // SAFETY: the table is filled once and only read afterwards; it is never freed.
    private init() {
        var callbacks: OpaquePointer?
        unsafe nghttp2_session_callbacks_new(&callbacks)
        guard let callbacks = unsafe callbacks else { fatalError("out of memory") }
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, http2BeganHeaders)
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, http2ReadHeader)
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, http2ReadInvalidHeader)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, http2ReadFrame)
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, http2ReadInvalidFrame)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, http2ReadChunk)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, http2SentFrame)
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, http2CouldNotSend)
        unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks, http2SendData)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, http2ClosedStream)
        unsafe pointer = callbacks
    }
}

private let succeeded: Int32 = 0
private let failed = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

// SAFETY: the owner made the session and holds it; callbacks run only inside calls that the owner makes.
private func owner(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Connection {
    unsafe Unmanaged<HTTP2Connection>.fromOpaque(pointer!).takeUnretainedValue()
}

// SAFETY: the library lends `count` bytes at `pointer` for the time of the callback.
private func lent(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: pointer, count: count)
}

// SAFETY: in all functions below the frame pointer is valid for the time of the callback, and the member of the union
// that is read is the one that its type names, or the header that all share.

private func http2BeganHeaders(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = unsafe frame?.pointee.headers else { return failed }
    unsafe owner(user).headersBegin(stream: frame.hd.stream_id)
    return succeeded
}

private func http2ReadHeader(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ name: UnsafePointer<UInt8>?,
    _ nameLength: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueLength: Int,
    _ flags: UInt8,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    let isTaken = unsafe owner(user).header(lent(name, nameLength).span, lent(value, valueLength).span)
    return isTaken ? succeeded : failed
}

private func http2ReadInvalidHeader(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ name: UnsafePointer<UInt8>?,
    _ nameLength: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueLength: Int,
    _ flags: UInt8,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    // By default the library would drop the field and serve the request; this resets the stream.
    NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
}

private func http2ReadFrame(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header = unsafe frame?.pointee.hd else { return failed }
    let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    let owner = unsafe owner(user)
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
        if unsafe frame?.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            owner.requestRead(stream: header.stream_id, endsStream: endsStream)
        } else if endsStream {
            owner.bodyEnded(stream: header.stream_id)
        }
    case NGHTTP2_DATA.rawValue where endsStream:
        owner.bodyEnded(stream: header.stream_id)
    case NGHTTP2_DATA.rawValue:
        let padding = unsafe frame?.pointee.data.padlen ?? 0
        if header.length <= padding { return owner.emptyData() ? succeeded : failed }
    case NGHTTP2_SETTINGS.rawValue:
        owner.settingsRead()
    default:
        break
    }
    return succeeded
}

private func http2ReadInvalidFrame(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ code: Int32,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header = unsafe frame?.pointee.hd else { return failed }
    return unsafe owner(user).invalidFrame(stream: header.stream_id) ? succeeded : failed
}

private func http2ReadChunk(
    _ session: OpaquePointer?,
    _ flags: UInt8,
    _ stream: Int32,
    _ data: UnsafePointer<UInt8>?,
    _ length: Int,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe owner(user).body(stream: stream, lent(data, length).span)
    return succeeded
}

private func http2SentFrame(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header = unsafe frame?.pointee.hd else { return failed }
    switch UInt32(header.type) {
    case NGHTTP2_RST_STREAM.rawValue:
        // The gateway itself resets with these codes.
        let isOurs =
            switch unsafe HTTP2Session.ErrorCode(rawValue: frame?.pointee.rst_stream.error_code ?? 0) {
            case .noError, .internalError, .cancel: true
            default: false
            }
        unsafe owner(user).resetSent(stream: header.stream_id, isOurs: isOurs)
    case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue:
        if header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 {
            unsafe owner(user).responseSent(stream: header.stream_id)
        }
    default:
        break
    }
    return succeeded
}

private func http2CouldNotSend(
    _ session: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ code: Int32,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header = unsafe frame?.pointee.hd else { return failed }
    if UInt32(header.type) == NGHTTP2_HEADERS.rawValue { unsafe owner(user).headNotSent(stream: header.stream_id) }
    return succeeded
}

private func http2ReadData(
    _ session: OpaquePointer?,
    _ stream: Int32,
    _ buffer: UnsafeMutablePointer<UInt8>?,
    _ length: Int,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ user: UnsafeMutableRawPointer?
) -> Int {
    switch unsafe owner(user).nextData(stream: stream, upTo: length) {
    case nil:
        // Reset the stream: a response with missing data must not look complete.
        return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    case .later:
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .bytes(let count, let end):
        var mask = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        switch end {
        case .none: break
        case .stream: mask |= NGHTTP2_DATA_FLAG_EOF.rawValue
        case .trailers: mask |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        }
        unsafe flags?.pointee |= mask
        return count
    }
}

private func http2SendData(
    _ session: OpaquePointer?,
    _ frame: UnsafeMutablePointer<nghttp2_frame>?,
    _ header: UnsafePointer<UInt8>?,
    _ length: Int,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let stream = unsafe frame?.pointee.hd.stream_id else { return failed }
    let isTaken = unsafe owner(user).sendData(stream: stream, frameHeader: lent(header, 9), count: length)
    return isTaken ? succeeded : NGHTTP2_ERR_WOULDBLOCK.rawValue
}

private func http2ClosedStream(
    _ session: OpaquePointer?,
    _ stream: Int32,
    _ code: UInt32,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe owner(user).streamClosed(stream)
    return succeeded
}
