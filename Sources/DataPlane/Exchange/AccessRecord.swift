import Basics

/// Collects what the access log shows of a request, since the request itself is gone by the time it ends.
struct AccessRecord {
    /// The method, the target, the user agent and the referrer, one after the other: one piece of memory.
    private(set) var text: [UInt8] = []
    private(set) var methodEnd = 0
    private(set) var targetEnd = 0
    private(set) var userAgentEnd = 0
    /// Why the request was refused or the upstream failed, for the operator only.
    var fault: String?
    /// What cut a body or a socket short.
    var cut: Cut?
    /// When the request was to be sent to an upstream, in monotonic milliseconds.
    var forwardedAt: Int64 = 0
    /// How long it took until there was a connection to a server, failed attempts included. Milliseconds.
    var connectTime: Int64?
    /// How long the server then took until the head of its response. Milliseconds.
    var headTime: Int64?

    private static let maxMethod = 32
    private static let maxTarget = 1024
    private static let maxUserAgent = 256
    private static let maxReferer = 256

    mutating func clear() {
        // Removing nothing from the shared empty array would allocate one.
        if !text.isEmpty { text.removeAll(keepingCapacity: true) }
        (methodEnd, targetEnd, userAgentEnd) = (0, 0, 0)
        (fault, cut) = (nil, nil)
        (connectTime, headTime) = (nil, nil)
    }

    /// Keeps what can be read of a request line at the start of a malformed head.
    mutating func readStart(of bytes: Span<UInt8>) {
        var position = 0
        while position < min(bytes.count, Self.maxMethod), bytes[position].isToken { position += 1 }
        // Without a method at the start it is not HTTP.
        guard position > 0, position < bytes.count, bytes[position] == .space else { return }
        let start = position + 1
        var end = start
        // A fragment does not belong here and may contain anything.
        while end < bytes.count, bytes[end] > .space, bytes[end] != 0x7f, bytes[end] != UInt8(ascii: "#") { end += 1 }
        read(method: bytes.extracting(0..<position), target: bytes.extracting(start..<end))
    }

    /// Keeps the request's parts that lines of this format show.
    mutating func read(_ request: RequestView, for line: AccessLine) {
        read(method: request.methodName, target: request.target)
        if line.hasUserAgent, let value = request.value(of: .userAgent) {
            text.append(masked: value, upTo: Self.maxUserAgent)
        }
        userAgentEnd = text.count
        if line.hasReferer, let value = request.value(of: .referer) {
            text.append(target: value, upTo: Self.maxReferer, hasQuery: false)
        }
    }

    /// Keeps the method and the target, without the values of its query.
    mutating func read(method: Span<UInt8>, target: Span<UInt8>) {
        text.append(method)
        methodEnd = text.count
        text.append(target: target, upTo: Self.maxTarget)
        targetEnd = text.count
        userAgentEnd = text.count
    }

    var hasMethod: Bool { methodEnd > 0 }
}
