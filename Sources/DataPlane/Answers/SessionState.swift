import Admission

/// The state of a viewer's session, as scripts are told.
enum SessionState: String, CaseIterable {
    case active
    /// It ends in two minutes at most.
    case expiring
    /// Another join took its place.
    case replaced
    case removed
    case expired
    /// For another reason: an operator has ended it, the event is over, or the viewer has left.
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
