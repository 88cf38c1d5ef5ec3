import Admission
import Basics

/// Something that a write has changed of what every node keeps in memory, so that the others look at it again.
///
/// It names rows and says nothing of what is in them: whoever obeys it reads them as they are by then.
struct Change: Hashable, Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// An event was created, changed or deleted.
        case event
        /// A registration was made, changed, deleted or erased.
        case registration
        /// A company has removed people from an event, or lets them in again.
        case removals
        /// A session was ended for good, or forgotten.
        case session
        /// A person was erased.
        case person
        /// A company was made, changed or removed.
        case company
        /// A webhook was made, changed or removed.
        case webhook
        /// A webhook's company says that its endpoint works.
        case switched
        /// There are messages for a webhook.
        case messages
        /// Announcements wait.
        case announcements
    }

    let kind: Kind
    /// What names the rows.
    let keys: [ExactText]

    private init(_ kind: Kind, _ keys: String...) {
        self.kind = kind
        self.keys = keys.map { ExactText($0) }
    }

    static func event(_ uid: String) -> Change { Change(.event, uid) }

    static func registration(_ code: JoinCode) -> Change { Change(.registration, "\(code.column)") }

    /// Named by the event, since a person's name may be an e-mail.
    static func removals(_ event: String, company: String) -> Change { Change(.removals, event, company) }

    static func session(_ session: EndedSession) -> Change { Change(.session, "\(Int64(bitPattern: session.bits))") }

    /// - Parameter sealedEmail: in the form of ``foldedIdentity(_:)``, sealed by ``CompanySeal``.
    static func person(_ sealedEmail: String, company: String) -> Change { Change(.person, sealedEmail, company) }

    static func company(_ id: String) -> Change { Change(.company, id) }

    static func webhook(_ id: String, company: String) -> Change { Change(.webhook, id, company) }

    static func switched(_ id: String, company: String) -> Change { Change(.switched, id, company) }

    static func messages(_ id: String, company: String) -> Change { Change(.messages, id, company) }

    static let announcements = Change(.announcements)
}

// MARK: - As text

extension Change {
    /// A JSON list of the kind and the keys.
    var text: String { JSONText.write([kind.rawValue] + keys.map(\.text)) }

    /// Returns `nil` for a kind that this version does not know.
    init?(text: String) throws(DirectoryFault) {
        let words = try JSONText.list(text)
        guard let kind = words.first.flatMap(Kind.init(rawValue:)) else { return nil }
        self.kind = kind
        keys = words.dropFirst().map { ExactText($0) }
        guard keys.count == kind.keyCount else { return nil }
    }
}

extension Change.Kind {
    fileprivate var keyCount: Int {
        switch self {
        case .event, .registration, .session, .company: 1
        case .removals, .person, .webhook, .switched, .messages: 2
        case .announcements: 0
        }
    }
}
