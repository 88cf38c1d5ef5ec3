package import Basics
import JOSE

extension TokenAuthority {
    /// Which findings of an earlier authority no longer hold.
    package enum Change: Sendable {
        case none
        /// Those about viewers of these companies, and that a credential belongs to nobody.
        case companies(Set<ExactText>)
        case everything
    }

    /// What has changed since an earlier authority.
    package func change(from former: TokenAuthority) -> Change {
        guard generation != former.generation else { return .none }
        guard rules == former.rules else { return .everything }
        var changed: Set<ExactText> = []
        for company in companies {
            let before = former.company(company.id)
            if !(before.map(company.accepts(theSameAs:)) ?? false) { changed.insert(ExactText(company.id)) }
        }
        for company in former.companies where self.company(company.id) == nil { changed.insert(ExactText(company.id)) }
        return changed.isEmpty ? .none : .companies(changed)
    }

    /// What concerns the tokens of all companies: how tokens are read, and how the company of one is found that does not
    /// name it.
    private var rules: [ExactText?] {
        var texts: [String?] = [publicURL, "\(appliesTo)", "\(maxSize)", unnamed?.id]
        let issuing = companies.filter { !$0.issuers.isEmpty }
        for list in [claimNames.all, passedClaims] + issuing.map({ [$0.id] + $0.issuers }) { texts += list + [nil] }
        return texts.map { $0.map { ExactText($0) } }
    }
}

extension Company {
    /// Whether both, which have the same id and issuers, accept the same tokens.
    fileprivate func accepts(theSameAs other: Company) -> Bool {
        awaitsKeys == other.awaitsKeys && audiences.map { ExactText($0) } == other.audiences.map { ExactText($0) }
            && marks(of: keys) == marks(of: other.keys) && marks(of: ownKeys) == marks(of: other.ownKeys)
    }

    /// What tells keys apart: their content, and the name that tokens choose them by.
    private func marks(of keys: [Key]) -> [KeyMark] {
        keys.map { KeyMark(thumbprint: $0.thumbprint, id: $0.id.map { ExactText($0) }) }
    }

    private struct KeyMark: Equatable {
        let thumbprint: KeyThumbprint
        let id: ExactText?
    }
}
