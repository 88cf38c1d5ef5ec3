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
    /// For any other reason, which its code tells.
    case refused

    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .sessionReplaced, .alreadyActive: .replaced
            case .viewerRemoved, .registrationRemoved: .removed
            case .tokenExpired: .expired
            default: .refused
            }
    }
}
