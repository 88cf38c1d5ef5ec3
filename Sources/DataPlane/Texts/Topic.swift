import Admission

/// What a page is about. Each topic has a heading and advice in every language.
enum Topic: Hashable, Sendable {
    /// A viewer is not let in.
    case refusal(Refusal)
    /// The viewer's session was ended, but nothing keeps the viewer out.
    case visitEnded
    /// The viewer came with another event's session, not with another event's link.
    case otherEvent
    /// Cookies are blocked in a tab, too, so that another tab would not help.
    case cookiesOff
    /// The event was deleted, not only the viewer's registration.
    case eventDeleted
    /// Cookies are blocked in the frame, but the viewer has opened the event in a tab.
    case elsewhere
    /// A plain HTTP status.
    case status(Status)

    /// HTTP statuses with a page of their own.
    enum Status: Int, CaseIterable, Sendable {
        case badRequest = 400
        case forbidden = 403
        case notFound = 404
        case contentTooLarge = 413
        case tooManyRequests = 429
        case headTooLarge = 431
        case badGateway = 502
        case unavailable = 503
        case gatewayTimeout = 504
        /// Any other, which a person hardly ever sees.
        case other = 0
    }

    /// Its table in a file of texts.
    var key: String {
        switch self {
        case .refusal(let refusal): refusal.code
        case .visitEnded: "visit_ended"
        case .otherEvent: "other_event"
        case .cookiesOff: "cookies_off"
        case .eventDeleted: "event_deleted"
        case .elsewhere: "elsewhere"
        case .status(.other): "other_status"
        case .status(let status): "status_\(status.rawValue)"
        }
    }

    init(status: Int) { self = .status(Status(rawValue: status) ?? .other) }

    /// What a viewer can do on the page itself.
    enum Remedy {
        case reload
        case goBack
        /// What the page offers otherwise.
        case other
    }

    var remedy: Remedy {
        switch self {
        case .refusal(.cookiesBlocked), .refusal(.frameDenied), .refusal(.sessionReplaced), .cookiesOff, .elsewhere:
            .other
        case .refusal(.tokenNotYetValid), .refusal(.addressDenied), .refusal(.notOpen), .refusal(.roleChanged): .reload
        case .refusal(let refusal): refusal.mayPass ? .reload : .goBack
        case .visitEnded, .otherEvent, .eventDeleted: .goBack
        case .status(let status):
            switch status {
            case .tooManyRequests, .headTooLarge, .badGateway, .unavailable, .gatewayTimeout: .reload
            case .badRequest, .forbidden, .notFound, .contentTooLarge, .other: .goBack
            }
        }
    }

    /// Whether the page is shown in a frame of anybody's page, since it says that the event is not. There it has nothing to
    /// click, runs nothing, and does not say whose event it is.
    var isForStrangers: Bool { self == .refusal(.frameDenied) }

    /// Whether a new link to the event would let the viewer in, so that the embedding page may be asked for one.
    var needsLink: Bool { self == .visitEnded || self == .otherEvent || self == .refusal(.tokenExpired) }

    /// Whether the page tries again by itself: the fault is ours, and goes away without anyone's doing. The advice names
    /// no time, since the page does.
    var retriesByItself: Bool {
        switch self {
        case .refusal(.draining), .refusal(.tryAgain), .refusal(.upstreamUnavailable), .refusal(.upstreamTimeout),
            .status(.badGateway), .status(.unavailable), .status(.gatewayTimeout):
            true
        default: false
        }
    }
}

extension Topic: CaseIterable {
    static let allCases: [Topic] =
        Refusal.allCases.map(Topic.refusal) + [.visitEnded, .otherEvent, .cookiesOff, .eventDeleted, .elsewhere]
        + Status.allCases.map(Topic.status)
}
