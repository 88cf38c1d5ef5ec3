import Admission
import JOSE
import Synchronization

/// Who was erased lately: what has happened before is written without them, also where it is written after.
final class Erasures: Sendable {
    private struct Person: Hashable {
        let company: ExactText
        let identity: ExactText
    }

    /// How long what has happened may wait until it is written.
    private static let memory: Milliseconds = 3_600_000

    private let erased = Mutex<[Person: Milliseconds]>([:])

    /// - Parameter folded: the e-mail, as e-mails are compared.
    func note(_ folded: String, _ company: String, at moment: Milliseconds) {
        erased.withLock { erased in
            erased = erased.filter { $0.value > moment - Self.memory }
            erased[Person(company: ExactText(company), identity: ExactText(folded))] = moment
        }
    }

    /// Whether a session began before its viewer was erased.
    func have(_ session: LiveSession) -> Bool {
        if erased.withLock({ $0.isEmpty }) { return false }
        let viewer = session.viewer
        let company = ExactText(viewer.company)
        return [viewer.email, viewer.userID].contains { text in
            guard let text else { return false }
            let person = Person(company: company, identity: ExactText(foldedIdentity(text)))
            return erased.withLock { $0[person] }.map { session.since <= $0 } ?? false
        }
    }
}
