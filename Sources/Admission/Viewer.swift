package import JOSE

/// Which of the two viewing tokens a viewer came with.
package enum ViewerKind: Sendable {
    case embed
    case registration
}

/// What made a viewer's token good.
package struct Voucher: Equatable, Sendable {
    package let key: KeyThumbprint
    /// Whether the gateway issued the token, and not the company itself.
    package let isOurs: Bool
    /// What else the token was judged by.
    package let terms: Terms

    package init(key: KeyThumbprint, isOurs: Bool, terms: Terms) {
        self.key = key
        self.isOurs = isOurs
        self.terms = terms
    }

    /// What a configuration says of tokens besides their keys, as a hash: `iss` and `aud` that they must have, and where
    /// in them a viewer's data is. Equal where a token reads the same.
    package struct Terms: Equatable, Sendable {
        /// Sixteen of them.
        package let octets: [UInt8]

        /// Terms that were written down.
        package init(octets: [UInt8]) { self.octets = octets }

        /// - Parameter parts: nil and empty are two things.
        package init(_ parts: [String?]) {
            var text: [UInt8] = []
            for part in parts {
                appendBigEndian(part.map { UInt64($0.utf8.count) + 1 } ?? 0, count: 8, to: &text)
                text.append(contentsOf: (part ?? "").utf8)
            }
            octets = Array(SHA256.hash(text.span).prefix(16))
        }
    }
}

/// A claim that nobody but the upstream reads.
package struct PassedClaim: Equatable, Sendable {
    package let name: String
    package let text: String

    /// Octets of all texts of a viewer together.
    package static let maxTotal = 2048

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// Who a good token speaks of: everything that its signature vouches for, read once and shared by all its requests.
///
/// Time is not part of it: expiry, scope, role and lease are decided on every request.
package final class Viewer: Sendable {
    package let kind: ViewerKind
    package let company: String
    /// The event that the token was made for; nil for a company-wide token that names none.
    package let event: String?
    /// `event` as octets, empty for none: what a path is compared with.
    package var eventBytes: [UInt8] { eventID.bytes }
    /// Good for `event` only. A registration token always is.
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
    /// Those that were configured when the token was read.
    package let passed: [PassedClaim]
    /// The first eight hex digits of the token's SHA-256, for the log.
    package let fingerprint: String
    /// The subject in the token's own event, or in none.
    package let subject: SubjectKey
    /// Whether only one session at a time may use the token.
    package let isLeased: Bool
    /// Whether it came from our Register: then it is good only until its event closes.
    package let closesWithEvent: Bool
    /// Nil for who did not come with a token; nobody stands behind them.
    package let voucher: Voucher?
    let eventID: EventID
    /// Whether the event's id reads as a UUID in another spelling than the directory's.
    package let eventIsRespelled: Bool
    /// `userID` and `email` as an event's lists hold them. An e-mail that no mail can be sent to makes nobody a host.
    let identities: [ExactText]
    /// `email`, whatever it is, and `userID` where it is one, as removals hold them.
    let emails: [ExactText]

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
