import Basics
package import JOSE
import Synchronization

/// The kind of viewing token that a viewer came with.
package enum ViewerKind: Sendable {
    case embed
    case registration
}

/// What made a viewer's token valid.
package struct Voucher: Equatable, Sendable {
    package let key: KeyThumbprint
    /// Whether the gateway issued the token, rather than the company itself.
    package let isOurs: Bool
    /// The other terms that the token was judged by.
    package let terms: Terms

    package init(key: KeyThumbprint, isOurs: Bool, terms: Terms) {
        self.key = key
        self.isOurs = isOurs
        self.terms = terms
    }

    /// A hash of what a configuration says about tokens besides their keys: the `iss` and `aud` that they must have,
    /// and the claims that hold a viewer's data. Equal if a token reads the same under both.
    package struct Terms: Equatable, Sendable {
        /// Sixteen bytes.
        package let bytes: [UInt8]

        /// Restores terms that were stored.
        package init(bytes: [UInt8]) { self.bytes = bytes }

        /// - Parameter parts: `nil` and empty are distinct.
        package init(_ parts: [String?]) {
            var text: [UInt8] = []
            for part in parts {
                appendBigEndian(part.map { UInt64($0.utf8.count) + 1 } ?? 0, count: 8, to: &text)
                text.append(contentsOf: (part ?? "").utf8)
            }
            bytes = Array(SHA256.hash(text.span).prefix(16))
        }
    }
}

/// A claim that only the upstream reads.
package struct PassedClaim: Equatable, Sendable {
    package let name: String
    package let text: String

    /// The limit for all texts of one viewer together, in bytes.
    package static let maxTotal = 2048

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// The person that a valid token is for: everything that its signature vouches for, read once and shared by all its
/// requests.
///
/// Time is not part of it: expiry, scope, role and lease are decided on every request.
package final class Viewer: Sendable {
    package let kind: ViewerKind
    package let company: String
    /// The event that the token was made for; `nil` for a company-wide token that names none.
    package let event: String?
    /// `event` as bytes, to compare a path with; empty for none.
    package var eventBytes: [UInt8] { eventID.bytes }
    /// Whether the token covers `event` only. A registration token always does.
    package let eventSpecific: Bool
    package let userID: String
    package let name: String?
    package let email: String?
    package let avatar: String?
    /// Set for a registration token only.
    package let registration: String?
    package let validity: Validity
    /// `jti`, for the log.
    package let tokenID: String?
    /// The claims to pass that were configured when the token was read.
    package let passed: [PassedClaim]
    /// The first eight hex digits of the token's SHA-256, for the log.
    package let fingerprint: String
    /// The subject in the token's own event, or in none.
    package let subject: SubjectKey
    /// Whether only one session at a time may use the token.
    package let isLeased: Bool
    /// Whether the token was made by our Register: then it is valid only until its event closes.
    package let closesWithEvent: Bool
    /// `nil` for a viewer who did not come with a token; no key stands behind such a viewer.
    package let voucher: Voucher?
    let eventID: EventID
    /// Whether the event's id reads as a UUID in a spelling other than the directory's.
    package let eventIsRespelled: Bool
    /// `userID` and `email` in the form of an event's lists. An e-mail that no mail can be sent to makes nobody a host.
    let identities: [ExactText]
    /// `email` in any case, and `userID` if it is an e-mail, in the form of removals.
    let emails: [ExactText]
    /// What a directory said about the viewer at its own event when it was last asked.
    let lastStanding = Locked<ViewerStanding?>(nil)

    package init(
        kind: ViewerKind,
        company: String,
        event: String?,
        eventSpecific: Bool,
        userID: String,
        name: String? = nil,
        email: String? = nil,
        avatar: String? = nil,
        registration: String? = nil,
        validity: Validity,
        tokenID: String? = nil,
        passed: [PassedClaim] = [],
        fingerprint: String = "",
        appliesTo: LeaseScope = .registrations,
        closesWithEvent: Bool = false,
        voucher: Voucher? = nil
    ) {
        let eventBytes = event.map { Array($0.utf8) } ?? []
        self.kind = kind
        self.company = company
        self.event = event
        eventID = EventID(eventBytes)
        self.eventSpecific = eventSpecific || kind == .registration
        self.userID = userID
        self.name = name
        self.email = email
        self.avatar = avatar
        self.registration = registration
        self.validity = validity
        self.tokenID = tokenID
        self.passed = passed
        self.fingerprint = fingerprint
        self.closesWithEvent = closesWithEvent
        eventIsRespelled = event.map(UUIDText.isRespelled) ?? false
        self.voucher = voucher
        subject = SubjectKey(kind: kind, company: company, event: eventBytes.span, id: registration ?? userID)
        isLeased = kind == .registration || appliesTo == .all
        let user = listedIdentity(userID)
        let address = email.flatMap(EmailAddress.canonical).map { ExactText($0) }
        identities = [user] + (address.map { [$0] } ?? [])
        let email = address ?? email.map(EmailAddress.identity)
        emails = (userID.utf8.contains(UInt8(ascii: "@")) ? [user] : []) + (email.map { [$0] } ?? [])
    }

    /// The subject in another event of the company.
    package func subject(for event: Span<UInt8>) -> SubjectKey {
        SubjectKey(kind: kind, company: company, event: event, id: registration ?? userID)
    }
}
