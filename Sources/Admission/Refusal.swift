/// The reason a request does not pass: a closed list, each with one code, one status, one page and at most one close
/// code.
package enum Refusal: UInt8, Error, Sendable, CaseIterable {
    case tokenMissing
    case tokenInvalid
    case tokenExpired
    case tokenNotYetValid
    case tokenConflict
    case cookiesBlocked
    case wrongEvent
    case originDenied
    /// The client's address was denied while the request was open.
    case addressDenied
    case frameDenied
    case registrationRemoved
    case viewerRemoved
    case notOpen
    case eventOver
    case sessionReplaced
    /// The session said goodbye on another connection.
    case sessionLeft
    case roleChanged
    case alreadyActive
    case tooManyJoins
    case draining
    case tryAgain
    case upstreamUnavailable
    case upstreamTimeout

    /// The name on the wire and in the log.
    package var code: String {
        switch self {
        case .tokenMissing: "token_missing"
        case .tokenInvalid: "token_invalid"
        case .tokenExpired: "token_expired"
        case .tokenNotYetValid: "token_not_yet_valid"
        case .tokenConflict: "token_conflict"
        case .cookiesBlocked: "cookies_blocked"
        case .wrongEvent: "wrong_event"
        case .originDenied: "origin_denied"
        case .addressDenied: "address_denied"
        case .frameDenied: "frame_denied"
        case .registrationRemoved: "registration_removed"
        case .viewerRemoved: "viewer_removed"
        case .notOpen: "not_open"
        case .eventOver: "event_over"
        case .sessionReplaced: "session_replaced"
        case .sessionLeft: "session_left"
        case .roleChanged: "role_changed"
        case .alreadyActive: "already_active"
        case .tooManyJoins: "too_many_joins"
        case .draining: "draining"
        case .tryAgain: "try_again"
        case .upstreamUnavailable: "upstream_unavailable"
        case .upstreamTimeout: "upstream_timeout"
        }
    }

    /// The HTTP status.
    package var status: Int {
        switch self {
        case .tokenMissing, .tokenInvalid, .tokenExpired, .tokenNotYetValid, .cookiesBlocked: 401
        case .tokenConflict: 400
        case .wrongEvent, .originDenied, .addressDenied, .frameDenied, .registrationRemoved, .viewerRemoved, .notOpen,
            .eventOver:
            403
        // The last two end open streams; hardly any request is answered with them.
        case .sessionReplaced, .alreadyActive, .sessionLeft, .roleChanged: 409
        case .tooManyJoins: 429
        case .draining, .tryAgain: 503
        case .upstreamUnavailable: 502
        case .upstreamTimeout: 504
        }
    }

    /// The WebSocket close code for a socket that is open when the reason comes up; `nil` if that cannot happen.
    package var closeCode: Int? {
        switch self {
        case .tokenInvalid, .tokenExpired: 4401
        case .wrongEvent: 4403
        case .sessionReplaced: 4409
        case .registrationRemoved: 4410
        case .viewerRemoved: 4411
        case .roleChanged: 4412
        case .eventOver: 4413
        case .tooManyJoins: 4429
        // RFC 6455 section 7.4.1: a wanted end, after which scripts do not reconnect by themselves.
        case .sessionLeft: 1000
        case .draining: 1001
        case .addressDenied: 1008
        case .tryAgain: 1013
        case .upstreamUnavailable, .upstreamTimeout: 1014
        case .tokenMissing, .tokenNotYetValid, .tokenConflict, .cookiesBlocked, .originDenied,
            .frameDenied, .notOpen, .alreadyActive:
            nil
        }
    }

    /// Whether the same request may pass later without any action by the viewer.
    package var mayPass: Bool {
        switch self {
        case .sessionLeft, .alreadyActive, .tooManyJoins, .draining, .tryAgain, .upstreamUnavailable, .upstreamTimeout:
            true
        default: false
        }
    }

    /// The `error` of `WWW-Authenticate: Bearer`; `nil` if no token was sent
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    package var bearerError: String? {
        switch self {
        case .tokenInvalid, .tokenExpired, .tokenNotYetValid: "invalid_token"
        case .tokenConflict: "invalid_request"
        default: nil
        }
    }
}
