import Admission
import JOSE
import Logging

/// By which way somebody sends viewers away, and lets them in again.
package enum InterventionWay: String, Sendable {
    /// The admin listener, which commands use too.
    case admin
    /// The control API.
    case api
}

/// What operators and companies do to viewers: a line of the log each, which says what, to whom, by which way, and how many
/// sessions it ended.
///
/// It has ids, and neither names nor reasons, nor e-mails that somebody was named by: the log outlasts a person's erasure.
struct Intervention {
    let way: InterventionWay
    let logger: Logger

    /// Of more sessions than this, which one line is about, the rest is not named.
    private static let maxNames = 20

    /// Sessions were ended for good.
    ///
    /// - Parameter filter: what they were chosen by.
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

    /// A viewer was sent away.
    ///
    /// - Parameter sessions: how many that ended.
    func removed(_ removal: Removal, sessions: Int) {
        say("viewer removed", data(of: removal), sessions: sessions)
    }

    /// A removal was lifted.
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
