import Admission

/// The state of a viewer's session, as scripts are told.
enum SessionState: String, CaseIterable {
    case active
    /// It ends in two minutes at most.
    case expiring
    /// Another join took its place.
    case replaced
    /// The company or an operator has sent the viewer away.
    case removed
    case expired
    /// For another reason: the event is over, the viewer has left, or nobody vouches for the session any more.
    case ended
    /// There was none that could have ended. Its code tells why.
    case refused

    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .sessionReplaced, .alreadyActive: .replaced
            case .viewerRemoved, .registrationRemoved: .removed
            case .tokenExpired: .expired
            case .eventOver, .sessionLeft: .ended
            default: .refused
            }
    }
}
