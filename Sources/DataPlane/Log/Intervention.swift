import Admission
import Basics
import Logging

/// The interface through which viewers are removed and let in again.
package enum InterventionWay: String, Sendable {
    /// The admin listener, which the commands use too.
    case admin
    /// The control API.
    case api
    /// The operator console.
    case console
}

/// Logs what operators and companies do to viewers, one line each: the action, its target, the interface, and how many
/// sessions it ended.
///
/// Lines contain ids, but no names, reasons or e-mails: the log outlasts a person's erasure.
struct Intervention {
    let way: InterventionWay
    let logger: Logger

    /// A line names at most this many sessions.
    private static let maxNames = 20

    /// Logs that sessions were ended for good.
    ///
    /// - Parameter filter: how they were selected.
    func ended(_ sessions: [LiveSession], chosenBy filter: [ExactText: String] = [:]) {
        var data = Dictionary(uniqueKeysWithValues: filter.map { ($0.key.text, $0.value) })
        if let first = sessions.first {
            if sessions.allSatisfy({ $0.company.hasSameBytes(as: first.company) }) {
                data.updateValue(first.company, forKey: "company")
                if sessions.allSatisfy({ $0.event.hasSameBytes(as: first.event) }) {
                    data.updateValue(first.event, forKey: "event")
                }
            }
            let names = sessions.prefix(Self.maxNames).map(\.name).joined(separator: ",")
            data.updateValue(sessions.count > Self.maxNames ? names + ",…" : names, forKey: "session")
            if sessions.count == 1 {
                data.updateValue(first.viewer.userID, forKey: "user")
                if let registration = first.viewer.registration {
                    data.updateValue(registration, forKey: "registration")
                }
            }
        }
        say("sessions ended for good", data, sessions: sessions.count)
    }

    /// Logs that a viewer was removed.
    ///
    /// - Parameter sessions: how many sessions that ended.
    func removed(_ removal: Removal, sessions: Int) {
        say("viewer removed", data(of: removal), sessions: sessions)
    }

    /// Logs that a removal was lifted.
    func lifted(_ removal: Removal) { say("removal lifted", data(of: removal), sessions: 0) }

    private func data(of removal: Removal) -> [String: String] {
        var data = [
            "removal": removal.id, "company": removal.company, "event": removal.event,
            "named_by": removal.person.kind.rawValue, "until": removal.until.map { Timestamp.text($0) } ?? "for good",
        ]
        if removal.person.kind != .email {
            data.updateValue(removal.person.text, forKey: removal.person.kind.rawValue)
        }
        return data
    }

    private func say(_ what: String, _ data: [String: String], sessions: Int) {
        var metadata = Logger.Metadata(uniqueKeysWithValues: data.map { ($0.key, .string($0.value)) })
        metadata.merge(["way": .string(way.rawValue), "sessions": "\(sessions)"]) { $1 }
        logger.info("\(what)", metadata: metadata)
    }
}
