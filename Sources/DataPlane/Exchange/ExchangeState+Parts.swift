import Admission
import Basics

extension ExchangeState {
    /// What remains known of the request once its head is gone.
    struct Request {
        var method: Method = .other
        var framing: BodyFraming = .none
        var isHTTP10 = false
        var isUpgrade = false
        var isComplete = false
        var isNavigation = false
        /// The place of the viewer's language among those of the pages. Known of navigations.
        var language = 0
        var expectsContinue = false
        /// Whether a program asks, time and again, how the gateway is: a health check or a scrape of metrics.
        var isProbe = false
        /// Whether a page asks, time and again, for its session, and found it.
        var isPoll = false
        /// Body bytes that have arrived.
        var bytes = 0
        /// The most body bytes to accept.
        var maxBytes = Int.max
        /// In monotonic milliseconds.
        var startedAt: Int64 = 0
        /// When it began to wait for keys. `nil` if it did not.
        var waitsSince: Int64?
        /// The hash of the address that counts for limits.
        var addressHash: UInt64 = 0
        var id = RequestID()
        /// Its index among the routes. `nil` if there is none, or the request was not routed.
        var route: Int?
        /// The place of its route's counters.
        var slot = CounterLabels.noRoute
        var rate = RateWindow()
        /// The client address that a trusted proxy reports. `nil` if the peer is not one.
        var forwardedAddress: ClientAddress?
    }

    /// The decision on the request, and what follows from it for both heads.
    struct Verdict {
        var access: Access = .public
        var viewer: Viewer?
        private(set) var admitted: Admission.Admitted?
        private(set) var refusal: Refusal?
        /// What admission decided, for the log. `nil` if it was not asked. What happened later does not change it.
        private(set) var decision: Decision?
        /// The event that the refusal is about.
        var refusedEvent: String?
        /// Whether the request is for the control API, whose callers expect its error members.
        var isControlCall = false
        /// Whether the request is a preflight, which has no credentials. Only the status and fields of its answer are
        /// forwarded.
        var isPreflight = false
        /// Whether the request shows a session that nobody can judge before its company's key set was fetched.
        var awaitsKeys = false
        /// Whether the request shows a session that has ended because the configuration no longer accepts its token.
        var isSessionVoid = false
        /// Whether the `Authorization` field is a viewer's, which no upstream may see.
        var withholdsAuthorization = false
        /// Where the credentials that decide were found. `nil` without any.
        var source: Credentials.Source?
        /// Whether to rewrite the upstream's cookies so that they work in a frame on another site.
        var partitionsCookies = false
        /// The field line that says who may frame the event.
        var framePolicy: [UInt8] = []
        /// What the access log says of the admitted viewer. `nil` unless it will.
        var logged: LoggedSession?
        /// Field lines to add to the response: a new session's cookie and header.
        var extraFields: [UInt8] = []

        /// Whether the address contains a viewer's token and must stay private.
        var hidesAddress: Bool { source == .query }

        mutating func admit(_ admitted: Admission.Admitted) { (self.admitted, decision) = (admitted, .admit) }

        /// Notes that the admitted request joined the event.
        mutating func join() { decision = .join }

        /// Refuses the request, or ends what was admitted.
        mutating func refuse(_ refusal: Refusal) {
            self.refusal = refusal
            if decision == nil { decision = .refuse }
        }
    }

    /// What admission decided on a request.
    enum Decision: UInt8 {
        case admit, join, refuse

        var name: StaticString {
            switch self {
            case .admit: "admit"
            case .join: "join"
            case .refuse: "refuse"
            }
        }
    }

    /// How the request was sent to an upstream.
    struct UpstreamLeg {
        /// The number of the upstream's servers.
        var servers = 1
        /// How often the request may still be sent once more.
        var retries = 0
        /// How many servers were asked for a connection.
        var attempts = 1
        /// The servers that have failed this exchange, as a bit set.
        var tried: UInt64 = 0
        /// Whether the request is being sent a second time because the server closed the connection.
        var isRetry = false
        /// When the last byte of the request that has arrived was sent, in monotonic milliseconds.
        var sentAt: Int64 = 0
        /// The body's byte count when it last progressed, and the time of that.
        var movedBytes = 0
        var movedAt: Int64 = 0
        /// The server that the request was sent to, for the log.
        var server: UpstreamServer?
    }

    /// What the client has received of the response.
    struct Answer {
        /// 0 if there is none.
        var status = 0
        var bytes = 0
        /// Whether the client gets the body in chunks.
        var isChunked = false
        /// Whether the client's connection may serve another request.
        var keepsAlive = false
        var rate = RateWindow()
        /// How many bytes had been sent when they were last counted.
        var movedBytes = 0

        /// The status that the access log shows if the client left before it was answered.
        static let clientGone = 499
    }

    /// How long an open exchange may continue.
    struct Stay {
        /// When the lease was last renewed, in monotonic milliseconds.
        var renewedAt: Int64 = 0
        var judgement = Judgement()
        /// When the doors of the event close, as last checked, in wall-clock milliseconds.
        var doorsCloseAt = Int64.max
    }
}

/// What an open exchange was last judged by.
struct Judgement: Equatable {
    /// The snapshot's version. 0 before the first check.
    var configuration: UInt64 = 0
    /// The directory's. 0 before the first check.
    var version: UInt64 = 0
}
