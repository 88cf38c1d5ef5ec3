import Admission
import Basics
import Synchronization

/// The people who were erased lately. Anything that happened before the erasure is written without them, even if it is
/// written afterwards.
final class Erasures: Sendable {
    private struct Person: Hashable {
        let company: ExactText
        let identity: ExactText
    }

    /// The longest time between an event and its write.
    private static let memory: Milliseconds = 3_600_000

    private let erased = Mutex<[Person: Milliseconds]>([:])

    /// - Parameter folded: the e-mail in the form in which e-mails are compared.
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
