import Basics

/// The field names that the data plane acts on. All others are `.other`.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case accept
    case acceptLanguage
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
    case gatewayCookie
    case gatewayRequest
    case gatewaySession
    case host
    case http2Settings
    case keepAlive
    case location
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
    case serviceWorker
    case setCookie
    case strictTransportSecurity
    case surrogateControl
    case te
    case traceparent
    case tracestate
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
        case .acceptLanguage: "accept-language"
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
        case .gatewayCookie: "gateway-cookie"
        case .gatewayRequest: "gateway-request"
        case .gatewaySession: "gateway-session"
        case .host: "host"
        case .http2Settings: "http2-settings"
        case .keepAlive: "keep-alive"
        case .location: "location"
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
        case .serviceWorker: "service-worker"
        case .setCookie: "set-cookie"
        case .strictTransportSecurity: "strict-transport-security"
        case .surrogateControl: "surrogate-control"
        case .te: "te"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
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

    /// Whether the field is about one connection only and is never forwarded
    /// ([RFC 9110 section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)). `Transfer-Encoding` and
    /// `Content-Length` are written anew from the judged framing.
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

    /// Whether listing the name in a `Connection` field may remove the field. Fields that the recipient needs to
    /// understand the message stay, so that nobody can strip them this way.
    var mayBeListedInConnection: Bool {
        switch self {
        case .host, .contentLength, .transferEncoding: false
        default: true
        }
    }
}

extension FieldName {
    /// Whether `spelling` is this name if every `_` and `.` is read as `-`.
    func isSpelled(by spelling: Span<UInt8>) -> Bool {
        guard spelling.count == text.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live forever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in spelling.indices {
            let isDash = spelling[index] == UInt8(ascii: "_") || spelling[index] == UInt8(ascii: ".")
            let byte = isDash ? UInt8(ascii: "-") : spelling[index].lowercased
            guard unsafe byte == text[index] else { return false }
        }
        return true
    }

    /// Reads a whole name. Returns `nil` if it is empty or contains an invalid byte.
    static func read(_ spelling: Span<UInt8>) -> Known? {
        var hash = Hash()
        for index in spelling.indices {
            let folded = spelling[index].foldedToken
            guard folded != 0 else { return nil }
            hash.add(folded)
        }
        guard !spelling.isEmpty else { return nil }
        return find(spelling, in: 0..<spelling.count, hash, among: bySlot)
    }

    /// A name as found, and whether it only looks like a known one.
    ///
    /// CGI-like upstreams read `X_Forwarded_For` as `X-Forwarded-For`. A field that is judged under one name must not
    /// arrive under another.
    typealias Known = (name: FieldName, isLookalike: Bool)

    /// Looks up the name in `range` by its hash in ``bySlot``.
    @inline(__always)
    static func find(_ bytes: Span<UInt8>, in range: Range<Int>, _ hash: Hash, among known: [FieldName]) -> Known {
        let name = known[hash.slot]
        guard name != .other, !bytes.equals(name.text, ignoringCaseIn: range) else { return (name, false) }
        return (.other, name.isSpelled(by: bytes.extracting(range)))
    }

    /// The hash of a name. Feed it one byte after another, in lower case and with `-` for `_` and `.`.
    struct Hash {
        private(set) var value: UInt32 = 0
        @inline(__always)
        mutating func add(_ byte: UInt8) { value = value &* 37 &+ UInt32(byte) }
        @inline(__always)
        var slot: Int { Int((value ^ (value >> 9)) & 511) }
    }

    /// Known names by the slot of their hash. No two names share a slot, which a test checks.
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

extension UInt8 {
    /// The lower case of a byte that may be in a name, with `-` for `_` and `.`; 0 for any other byte.
    @inline(__always)
    var foldedToken: UInt8 { Self.foldedTokens[Int(self)] }

    private static let foldedTokens: InlineArray<256, UInt8> = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0x21, 0, 0x23, 0x24, 0x25, 0x26, 0x27, 0, 0, 0x2a, 0x2b, 0, 0x2d, 0x2d, 0,
        0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0, 0, 0, 0, 0, 0,
        0, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
        0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0, 0, 0, 0x5e, 0x2d,
        0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
        0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0, 0x7c, 0, 0x7e, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
}
