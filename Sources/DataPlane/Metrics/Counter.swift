import Admission
import JOSE

/// The counters of an event loop that have no labels from the configuration.
enum Counter: Int, CaseIterable {
    // Connections of viewers.
    case connectionsAccepted
    case connectionsClosed
    case connectionsPastTotal
    case connectionsPastAddress
    case connectionsPastRate
    case connectionsDenied
    // Connections that were closed for want of a PROXY header, or because their peer may send none.
    case proxyHeadersAbsent
    case proxyHeadersMalformed
    case proxyHeadersLate
    case proxyHeadersTooMany
    case proxiesUnlisted
    /// Open ones.
    case http1Connections
    case http2Connections
    case handshakesCompleted
    case handshakesFailed

    /// Open ones.
    case http2Streams
    /// Those in progress.
    case requests
    /// Those that were refused because of their client's address.
    case requestsPastRate
    case requestsDenied
    /// Those that were refused because the process had too much to do.
    case requestsShed
    case webSocketsOpened
    case webSocketsClosed
    /// Bytes of bodies and WebSockets.
    case bytesReceived
    case bytesSent

    case renewals
    case cachedTokens
    case uncachedTokens
    case cachedSessions
    case uncachedSessions
    /// Entries in the token cache; counted at a scrape.
    case cacheEntries
}

/// The protocol between client and gateway.
enum ClientProtocol: Int, CaseIterable {
    case http1, http2

    /// As in ALPN. HTTP/1.0 counts as its successor.
    var name: String {
        switch self {
        case .http1: "http/1.1"
        case .http2: "h2"
        }
    }
}

/// What became of a token whose signature was to be checked.
enum TokenOutcome: String, CaseIterable {
    case accepted
    /// It cannot be read.
    case malformed
    /// It wants an algorithm, an extension or a use that its key is not for.
    case algorithm
    case unknownKey = "unknown_key"
    /// Its company's key set could not be fetched so far.
    case keysAwaited = "keys_awaited"
    case signature
    /// A claim is missing, or names another issuer, audience or company.
    case claims
    /// Too many bad signatures came from the same address.
    case unchecked

    init(_ fault: TokenFault) {
        self =
            switch fault {
            case .tooLarge, .malformed, .encoding, .header: .malformed
            case .algorithm, .critical, .type: .algorithm
            case .unknownKey: .unknownKey
            case .keysAwaited: .keysAwaited
            case .signature, .keyNotSignedBefore: .signature
            case .claims, .claim, .expired, .notYetValid, .expiryMissing, .issuer, .audience, .company: .claims
            case .unchecked: .unchecked
            }
    }
}

/// What went wrong on the upstream's side, by its name in the log.
enum UpstreamFaultKind: String, CaseIterable {
    case descriptors, refused, dns, tls, unreachable, timeout, unresponsive, busy, drained
    case connectTimeout = "connect_timeout"
    case connectFailed = "connect_failed"
    case closedEarly = "closed_early"
    case badResponse = "bad_response"
}

extension CaseIterable where Self: Equatable, AllCases.Index == Int {
    /// The position among all cases.
    var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
