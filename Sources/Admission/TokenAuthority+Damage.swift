import Basics
package import JOSE

extension TokenAuthority {
    /// What is left of a viewer's token that was damaged in its link.
    package struct Damage: Sendable {
        /// Whose it says to be; `nil` if that was lost. Not verified.
        package let subject: SubjectKey?
    }

    /// What is left of a token whose signature, claims or form are wrong. Returns `nil` unless its header says that it is a
    /// viewer's: by a type of ours, or by the id and the algorithm of a company's key.
    package func damage(to bytes: Span<UInt8>) -> Damage? {
        guard let remains = TokenRemains(of: bytes, maxSize: maxSize) else { return nil }
        let use: TokenUse
        if remains.hasType("embed+jwt") {
            use = .embed
        } else if remains.hasType("registration+jwt") {
            use = .registration
        } else {
            guard remains.type == nil || remains.hasType("jwt"), let id = remains.keyID, hasKey(id, remains.algorithm)
            else { return nil }
            use = .own
        }
        return Damage(subject: remains.claims.flatMap { subject(of: $0, use) })
    }

    private func hasKey(_ id: String, _ algorithm: Algorithm) -> Bool {
        companies.contains { $0.keys.contains { $0.algorithm == algorithm && $0.id.hasSameBytes(as: id) } }
    }

    private func subject(of claims: Claims, _ use: TokenUse) -> SubjectKey? {
        do throws(TokenFault) {
            let company = try use == .own ? companyOfOwn(claims) : companyOfOurs(claims)
            let names = use == .own ? claimNames : ClaimNames()
            let read = try ViewerClaims(claims, names: names, use: use, passing: [])
            let event = Array((read.event ?? "").utf8)
            return SubjectKey(
                kind: read.kind,
                company: company.id,
                event: event.span,
                id: read.registration ?? read.userID
            )
        } catch {
            return nil
        }
    }
}

extension TokenFault {
    /// Whether a token can have become so on its way. One that is signed and says something else is not damaged.
    package var isDamage: Bool {
        switch self {
        case .malformed, .encoding, .claims, .signature: true
        default: false
        }
    }
}
