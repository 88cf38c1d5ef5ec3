/// The field names that the data plane acts on; every other is `.other`.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case accept
    case accessControlRequestMethod
    case authorization
    case cacheControl
    case cdnCacheControl
    case connection
    case contentLength
    case contentSecurityPolicy
    case cookie
    case date
    case expect
    case expires
    case forwarded
    case gatewaySession
    case host
    case http2Settings
    case keepAlive
    case origin
    case proxyAuthenticate
    case proxyAuthorization
    case proxyConnection
    case purpose
    case referer
    case referrerPolicy
    case secFetchDest
    case secFetchMode
    case secFetchSite
    case secPurpose
    case secWebSocketAccept
    case secWebSocketKey
    case secWebSocketProtocol
    case secWebSocketVersion
    case setCookie
    case surrogateControl
    case te
    case traceparent
    case trailer
    case transferEncoding
    case upgrade
    case userAgent
    case xForwardedFor
    case xForwardedHost
    case xForwardedProto
    case xFrameOptions
    case xMoz
    case xRealIP
    case xRequestID

    /// The name in lower case.
    var text: StaticString {
        switch self {
        case .other: ""
        case .accept: "accept"
        case .accessControlRequestMethod: "access-control-request-method"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .cdnCacheControl: "cdn-cache-control"
        case .connection: "connection"
        case .contentLength: "content-length"
        case .contentSecurityPolicy: "content-security-policy"
        case .cookie: "cookie"
        case .date: "date"
        case .expect: "expect"
        case .expires: "expires"
        case .forwarded: "forwarded"
        case .gatewaySession: "gateway-session"
        case .host: "host"
        case .http2Settings: "http2-settings"
        case .keepAlive: "keep-alive"
        case .origin: "origin"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .purpose: "purpose"
        case .referer: "referer"
        case .referrerPolicy: "referrer-policy"
        case .secFetchDest: "sec-fetch-dest"
        case .secFetchMode: "sec-fetch-mode"
        case .secFetchSite: "sec-fetch-site"
        case .secPurpose: "sec-purpose"
        case .secWebSocketAccept: "sec-websocket-accept"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .secWebSocketVersion: "sec-websocket-version"
        case .setCookie: "set-cookie"
        case .surrogateControl: "surrogate-control"
        case .te: "te"
        case .traceparent: "traceparent"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedProto: "x-forwarded-proto"
        case .xFrameOptions: "x-frame-options"
        case .xMoz: "x-moz"
        case .xRealIP: "x-real-ip"
        case .xRequestID: "x-request-id"
        }
    }

    /// Whether the field speaks of one connection only and is never forwarded
    /// ([RFC 9110 section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)). `Transfer-Encoding` and
    /// `Content-Length` are written anew from the framing that was judged.
    var isHopByHop: Bool {
        switch self {
        case .connection, .http2Settings, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te,
            .trailer,
            .transferEncoding, .contentLength, .upgrade:
            true
        default: false
        }
    }

    /// Whether the field tells caches how long to keep a response.
    var isAboutCaching: Bool {
        switch self {
        case .cacheControl, .cdnCacheControl, .expires, .surrogateControl: true
        default: false
        }
    }

    /// Whether a `Connection` field that lists this name may take it away. What the recipient needs to understand the
    /// message stays, so that nobody can strip it by listing it.
    var mayBeListedInConnection: Bool {
        switch self {
        case .host, .contentLength, .transferEncoding: false
        default: true
        }
    }
}

extension FieldName {
    /// Whether `spelling` is this name once every `_` and `.` is read as `-`.
    func isSpelled(by spelling: Span<UInt8>) -> Bool {
        guard spelling.count == text.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live for ever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in spelling.indices {
            let isDash = spelling[index] == UInt8(ascii: "_") || spelling[index] == UInt8(ascii: ".")
            let octet = isDash ? UInt8(ascii: "-") : spelling[index].lowercased
            guard unsafe octet == text[index] else { return false }
        }
        return true
    }

    /// Hash of a name, fed one by one with its octets in lower case, `_` and `.` as `-`.
    struct Hash {
        private(set) var value: UInt32 = 0
        @inline(__always)
        mutating func add(_ byte: UInt8) { value = value &* 37 &+ UInt32(byte) }
        @inline(__always)
        var slot: Int { Int((value ^ (value >> 9)) & 511) }
    }

    /// Known names by the slot of their hash; two names never share one (a test says so).
    static let bySlot: [FieldName] = {
        var table = [FieldName](repeating: .other, count: 512)
        for name in allCases where name != .other { table[name.slot] = name }
        return table
    }()

    var slot: Int {
        var hash = Hash()
        for byte in text.description.utf8 { hash.add(byte) }
        return hash.slot
    }
}
