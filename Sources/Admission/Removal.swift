package import JOSE

/// Who is sent away from an event, as an organizer or operator names them.
package struct RemovedPerson: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case user
        case email
        case registration
    }

    package let kind: Kind
    /// As it was entered.
    package let text: String
    /// As viewers are compared with it: user ids by their bytes, e-mails by ``EmailAddress/identity(_:)``, and
    /// registrations by their bytes, but for UUIDs, which are in lower case.
    package let identity: ExactText

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
        switch kind {
        case .user: identity = ExactText(text)
        case .email: identity = EmailAddress.identity(text)
        case .registration:
            let lower = UUIDText.parse(text) == nil ? text.lowercased() : text
            identity = ExactText(UUIDText.parse(lower) == nil ? text : lower)
        }
    }

    /// What calls, answers and messages name it by.
    package var memberName: String {
        switch kind {
        case .user: "userId"
        case .email: "email"
        case .registration: "registrationId"
        }
    }

    /// An e-mail, as ``EmailAddress/identity(_:)`` has it.
    init(email identity: ExactText) {
        kind = .email
        text = identity.text
        self.identity = identity
    }

    /// Whether it is the viewer. Who has an e-mail for a user id is known by that e-mail too.
    package func isSame(as viewer: Viewer) -> Bool {
        switch kind {
        case .user: identity == ExactText(viewer.userID)
        case .email: viewer.emails.contains(identity)
        case .registration: viewer.registration.map { RemovedPerson(.registration, $0).identity == identity } ?? false
        }
    }

    package static func == (a: RemovedPerson, b: RemovedPerson) -> Bool { a.kind == b.kind && a.identity == b.identity }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(identity)
    }
}

/// A viewer was sent away from an event, until a time or for good.
package struct Removal: Sendable, Equatable {
    /// A UUID in lower case.
    package let id: String
    package let company: String
    package let event: String
    package let person: RemovedPerson
    /// When it is over by itself; nil: it is for good.
    package let until: Milliseconds?
    /// For the company; viewers are not told.
    package let reason: String?
    package let createdAt: Milliseconds

    /// How many an event may have, and how many a company in all its events.
    package static let maxPerEvent = 1000
    package static let maxPerCompany = 10_000

    package init(
        id: String,
        company: String,
        event: String,
        person: RemovedPerson,
        until: Milliseconds?,
        reason: String?,
        createdAt: Milliseconds
    ) {
        self.id = id
        self.company = company
        self.event = event
        self.person = person
        self.until = until
        self.reason = reason
        self.createdAt = createdAt
    }

    /// Whether it is over.
    package func isOver(at now: Milliseconds) -> Bool { until.map { now >= $0 } ?? false }

    /// Whether the session is one that it ends.
    package func applies(to session: LiveSession) -> Bool {
        session.event.hasSameBytes(as: event) && session.company.hasSameBytes(as: company)
            && person.isSame(as: session.viewer)
    }
}

/// Why somebody cannot be removed, in words for the caller.
package enum RemovalFault: Error, Equatable, CustomStringConvertible {
    case eventIsFull
    case companyIsFull

    package var description: String {
        switch self {
        case .eventIsFull: "the event has \(Removal.maxPerEvent) removals already; lift some"
        case .companyIsFull: "the company has \(Removal.maxPerCompany) removals already; lift some"
        }
    }
}

/// Where removals, and sessions that were ended for good, are kept.
package enum RemovalPlace: String, Sendable {
    case database
    /// They are forgotten when the process ends.
    case memory
}

/// Keeps removals, and tells the data plane's view of them.
package protocol RemovalKeeper: Sendable {
    var place: RemovalPlace { get }

    /// Removes a person from an event; of somebody who is removed already it changes until when and why. Those who are
    /// there are not sent away by it.
    ///
    /// - Throws: ``RemovalFault``, or that it could not be kept.
    func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal

    /// The removals that are not over, the earliest first.
    ///
    /// - Parameters:
    ///   - company: nil: of all companies.
    ///   - event: nil: of all events.
    func removals(company: String?, event: String?) async throws -> [Removal]

    /// Takes a removal back, and returns what it was. Nil: there is none with this id, in this event of this company where
    /// they are given.
    func lift(_ id: String, company: String?, event: String?) async throws -> Removal?

    /// Keeps that sessions were ended for good, beyond the end of the process where that is possible.
    func keep(_ ended: [EndedSession]) async throws
}
