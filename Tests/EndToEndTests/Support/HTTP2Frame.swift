/// An error code of RST_STREAM and GOAWAY ([RFC 9113, section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7)).
struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    var rawValue: UInt32

    static let noError = HTTP2ErrorCode(rawValue: 0)
    static let protocolError = HTTP2ErrorCode(rawValue: 1)
    static let internalError = HTTP2ErrorCode(rawValue: 2)
    static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    static let settingsTimeout = HTTP2ErrorCode(rawValue: 4)
    static let streamClosed = HTTP2ErrorCode(rawValue: 5)
    static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
    static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    static let cancel = HTTP2ErrorCode(rawValue: 8)
    static let compressionError = HTTP2ErrorCode(rawValue: 9)
    static let connectError = HTTP2ErrorCode(rawValue: 10)
    static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)

    private static let names = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
        "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    ]

    var description: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "error \(rawValue)"
    }
}

/// A parameter of SETTINGS ([RFC 9113, section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2)).
struct HTTP2Setting: RawRepresentable, Hashable, Sendable {
    var rawValue: UInt16

    static let headerTableSize = HTTP2Setting(rawValue: 1)
    static let enablePush = HTTP2Setting(rawValue: 2)
    static let maxConcurrentStreams = HTTP2Setting(rawValue: 3)
    static let initialWindowSize = HTTP2Setting(rawValue: 4)
    static let maxFrameSize = HTTP2Setting(rawValue: 5)
    static let maxHeaderListSize = HTTP2Setting(rawValue: 6)
    /// Reserved; it must be ignored.
    static let unknown = HTTP2Setting(rawValue: 0x0a0a)
    /// [RFC 8441, section 3](https://www.rfc-editor.org/rfc/rfc8441#section-3).
    static let enableConnectProtocol = HTTP2Setting(rawValue: 8)
}

/// A frame, valid or not ([RFC 9113, section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
struct HTTP2Frame: Equatable, Sendable, CustomStringConvertible {
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let priority: UInt8 = 2
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let pushPromise: UInt8 = 5
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    enum Flag {
        static let endStream: UInt8 = 0x1
        static let ack: UInt8 = 0x1
        static let endHeaders: UInt8 = 0x4
        static let padded: UInt8 = 0x8
        static let priority: UInt8 = 0x20
    }

    var kind: UInt8
    var flags: UInt8 = 0
    /// Includes the reserved bit, if a test sets it.
    var stream: UInt32
    var payload: [UInt8] = []

    var bytes: [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), kind, flags]
            + Self.word(stream) + payload
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    private static let names = [
        "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
        "CONTINUATION",
    ]

    var description: String {
        let name = kind < Self.names.count ? Self.names[Int(kind)] : "type \(kind)"
        let flag = String(flags, radix: 16)
        return "\(name) stream \(stream) flags 0x\(flag) \(payload.count) bytes \(payload.prefix(16))"
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }
}

extension HTTP2Frame {
    /// - Parameter padding: bytes at the end; `nil` also omits the length of the padding.
    static func data(_ stream: UInt32, _ body: [UInt8] = [], end: Bool = false, padding: Int? = nil) -> HTTP2Frame {
        HTTP2Frame(
            kind: Kind.data,
            flags: (end ? Flag.endStream : 0) | (padding == nil ? 0 : Flag.padded),
            stream: stream,
            payload: padded(body, padding)
        )
    }

    static func data(_ stream: UInt32, _ text: String, end: Bool = false) -> HTTP2Frame {
        data(stream, Array(text.utf8), end: end)
    }

    /// - Parameter priority: the five bytes of dependency and weight.
    static func headers(
        _ stream: UInt32,
        _ block: [UInt8],
        end: Bool = true,
        endHeaders: Bool = true,
        padding: Int? = nil,
        priority: [UInt8]? = nil
    ) -> HTTP2Frame {
        var flags: UInt8 = (end ? Flag.endStream : 0) | (endHeaders ? Flag.endHeaders : 0)
        if padding != nil { flags |= Flag.padded }
        if priority != nil { flags |= Flag.priority }
        return HTTP2Frame(
            kind: Kind.headers,
            flags: flags,
            stream: stream,
            payload: padded((priority ?? []) + block, padding)
        )
    }

    static func continuation(_ stream: UInt32, _ block: [UInt8], endHeaders: Bool = true) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.continuation, flags: endHeaders ? Flag.endHeaders : 0, stream: stream, payload: block)
    }

    static func priority(_ stream: UInt32, on dependency: UInt32 = 0, weight: UInt8 = 15) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.priority, stream: stream, payload: word(dependency) + [weight])
    }

    static func reset(_ stream: UInt32, _ code: HTTP2ErrorCode = .cancel) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.reset, stream: stream, payload: word(code.rawValue))
    }

    static func settings(_ values: [(HTTP2Setting, UInt32)] = []) -> HTTP2Frame {
        let payload = values.flatMap { setting, value in
            [UInt8(setting.rawValue >> 8), UInt8(setting.rawValue & 255)] + word(value)
        }
        return HTTP2Frame(kind: Kind.settings, stream: 0, payload: payload)
    }

    static let settingsAck = HTTP2Frame(kind: Kind.settings, flags: Flag.ack, stream: 0)

    static func ping(_ bytes: [UInt8] = Array("opaque!!".utf8), ack: Bool = false) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.ping, flags: ack ? Flag.ack : 0, stream: 0, payload: bytes)
    }

    static func goAway(last: UInt32 = 0, _ code: HTTP2ErrorCode = .noError) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.goAway, stream: 0, payload: word(last) + word(code.rawValue))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.windowUpdate, stream: stream, payload: word(increment))
    }

    static func pushPromise(_ stream: UInt32, promised: UInt32, _ block: [UInt8]) -> HTTP2Frame {
        HTTP2Frame(kind: Kind.pushPromise, flags: Flag.endHeaders, stream: stream, payload: word(promised) + block)
    }

    private static func padded(_ payload: [UInt8], _ padding: Int?) -> [UInt8] {
        guard let padding else { return payload }
        return [UInt8(padding)] + payload + [UInt8](repeating: 0, count: padding)
    }
}
