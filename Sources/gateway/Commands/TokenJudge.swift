import Admission
import Basics
import Directory
import GatewayConfiguration

/// Judges a viewer at an event by the same rules as a gateway with these settings.
struct TokenJudge {
    enum Verdict {
        case accept
        /// Depends on the directory, which cannot be queried here.
        case acceptIf(String)
        case refuse(Refusal, String)
    }

    let settings: Settings

    /// - Parameter event: the event that the viewer wants to open; `nil` for the token's own.
    func verdict(on viewer: Viewer, event: String?) -> Verdict {
        guard let event = event ?? viewer.event else { return .accept }
        let view = DirectoryView()
        var isKnown = true
        if settings.control.enabled {
            do throws(DirectoryFault) {
                try Directory.load(
                    event: event,
                    registration: viewer.registration,
                    from: settings.control.database.text,
                    into: view
                )
            } catch {
                isKnown = false
            }
        }
        let admission = Admission(leases: LeaseTable(startedAt: 0, seed: 1, shards: 1), directory: view)
        let now = WallClock.now()
        guard let refusal = admission.refusal(of: viewer, at: event, now: now, Admission.Rules(settings)) else {
            return .accept
        }
        let isElsewhere = viewer.eventSpecific && viewer.event != event
        let shown = TerminalText.escaped(event)
        if refusal == .wrongEvent, !isKnown, !isElsewhere, !viewer.eventIsRespelled {
            return .acceptIf("\(shown) is an event of \(viewer.company), which the directory cannot be asked")
        }
        return .refuse(refusal, words(for: refusal, viewer, shown, isElsewhere: isElsewhere))
    }

    private func words(for refusal: Refusal, _ viewer: Viewer, _ event: String, isElsewhere: Bool) -> String {
        switch refusal {
        case .wrongEvent where isElsewhere: "it is for \(TerminalText.escaped(viewer.event ?? "no event"))"
        case .wrongEvent where viewer.eventIsRespelled && settings.control.enabled:
            "\(event) reads as a UUID, but not in the directory's spelling: in lower case, with only hyphens"
        case .wrongEvent:
            (settings.control.enabled ? "the directory has no event \(event) of \(viewer.company), and " : "")
                + "no event_ids of \(viewer.company) match \(event)"
        case .registrationRemoved: "the event or the registration was deleted"
        case .tokenExpired: "the event is over"
        default: refusal.code
        }
    }
}
