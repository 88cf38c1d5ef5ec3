/// The reason a request does not pass: a closed list, each with one code, one status, one page and at most one close
/// code.
///
/// The sentences are for the viewer. They say what the viewer can do now, and never what the gateway knows about keys,
/// events or other people.
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

    /// The heading.
    package var title: String {
        switch self {
        case .tokenMissing: "Please open your join link"
        case .tokenInvalid: "This link does not work"
        case .tokenExpired: "This link has expired"
        case .tokenNotYetValid: "It is too early for this link"
        case .tokenConflict: "Two different links at once"
        case .cookiesBlocked: "Your browser blocks cookies here"
        case .wrongEvent: "This link is for another event"
        case .originDenied: "This page may not do that"
        case .addressDenied: "Not available from here"
        case .frameDenied: "This event is not shown here"
        case .registrationRemoved: "No longer available"
        case .viewerRemoved: "You were removed from this event"
        case .notOpen: "The event is not open yet"
        case .eventOver: "The event is over"
        case .sessionReplaced: "You joined from another place"
        case .sessionLeft: "You have left"
        case .roleChanged: "Your role has changed"
        case .alreadyActive: "You are already watching elsewhere"
        case .tooManyJoins: "Too many joins"
        case .draining: "Back in a moment"
        case .tryAgain: "Try again in a moment"
        case .upstreamUnavailable: "The event is not reachable"
        case .upstreamTimeout: "The event did not answer"
        }
    }

    /// Heading and advice for a viewer whose session was ended, but whom nothing keeps out.
    package static let textForEnded = (
        title: "Your visit was ended",
        detail: "Open your link again to come back, or reload the page that shows the event."
    )

    /// Heading and advice for a viewer who presents a session instead of a link; `nil` if the usual ones fit.
    package var textForSession: (title: String, detail: String)? {
        self == .wrongEvent ? ("You are signed in to another event", "Open the link to this one.") : nil
    }

    /// What the viewer can do.
    package var detail: String {
        switch self {
        case .tokenMissing: "Open the event with the link from your invitation, or from the page that shows it."
        case .tokenInvalid:
            "Copy the whole link from your invitation and open it again, or ask the organizer for a new one."
        case .tokenExpired: "Reload the page that shows the event, or ask the organizer for a new link."
        case .tokenNotYetValid: "Check the date and time in your invitation, then open the link again."
        case .tokenConflict: "Send one token only: in the query or in the Authorization header."
        case .cookiesBlocked: "Open the event in a new tab, or allow cookies for it, then try again."
        case .wrongEvent: "Open this event with its own link, or ask the organizer for one."
        case .originDenied: "Open the event from the page that it belongs to."
        case .addressDenied: "Try another network, or ask the organizer if you think that this is a mistake."
        case .frameDenied: "Open the event on the page of the company that has invited you."
        case .registrationRemoved: "Ask the organizer if you think that this is a mistake."
        case .viewerRemoved:
            "The organizer has ended your visit. Ask the organizer if you think that this is a mistake."
        case .notOpen: "Nothing is wrong with your link: you are early."
        case .eventOver: "It lets nobody in any more. Ask the organizer whether there is a recording."
        case .sessionReplaced: "You can watch in one place at a time. Choose to use it here to carry on here."
        case .sessionLeft: "Open the event again to come back."
        case .roleChanged: "Reload the page to go on with your new role."
        case .alreadyActive: "You can watch in one place at a time. Close the event there, then try again here."
        case .tooManyJoins: "Wait a minute, then open the event once, in the place where you want to watch it."
        case .draining: "The service is being restarted. Try again in a few seconds."
        case .tryAgain: "Nothing is wrong with your link. Try again in a few seconds."
        case .upstreamUnavailable: "Nothing is wrong with your link. Try again in a minute."
        case .upstreamTimeout: "Nothing is wrong with your link. Try again in a minute."
        }
    }
}
