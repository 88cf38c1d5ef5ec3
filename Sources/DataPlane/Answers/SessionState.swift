import Admission

/// The state of a viewer's session, as scripts are told.
enum SessionState: String, CaseIterable {
    case active
    /// It ends in two minutes at most.
    case expiring
    /// Another join took its place.
    case replaced
    /// The company or an operator has sent the viewer away, who may not come back.
    case removed
    case expired
    /// For another reason: the event is over or was deleted, the viewer has left or was told to open the link again, or
    /// nobody vouches for the session any more.
    case ended
    /// There was none that could have ended. Its code tells why.
    case refused
    /// The gateway or the event does not answer. It is no end: the page tries again by itself.
    case unavailable

    /// - Parameter topic: says more precisely what the refusal is about.
    init(_ refusal: Refusal, _ topic: Topic) {
        self =
            switch (topic, refusal) {
            // The first may not come back, and the second may: a session that an operator has ended, or that nobody
            // vouches for any more.
            case (.eventDeleted, _), (.visitEnded, _): .ended
            case (_, .sessionReplaced): .replaced
            case (_, .viewerRemoved), (_, .registrationRemoved): .removed
            case (_, .tokenExpired): .expired
            case (_, .eventOver), (_, .sessionLeft): .ended
            default: refusal.status < 500 ? .refused : .unavailable
            }
    }
}
