package import Basics
import JOSE

/// The person to remove from an event, as an organizer or operator names them.
package struct RemovedPerson: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case user
        case email
        case registration
    }

    package let kind: Kind
    /// The text as entered.
    package let text: String
    /// The text in the form in which viewers are compared: user ids by their bytes, e-mails by
    /// ``EmailAddress/identity(_:)``, and registrations by their bytes, except that UUIDs are in lower case.
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

    /// The member name for this kind in calls, answers and messages.
    package var memberName: String {
        switch kind {
        case .user: "userId"
        case .email: "email"
        case .registration: "registrationId"
        }
    }

    /// - Parameter identity: an e-mail in the form of ``EmailAddress/identity(_:)``.
    init(email identity: ExactText) {
        kind = .email
        text = identity.text
        self.identity = identity
    }

    /// Whether this person is the viewer. A viewer whose user id is an e-mail is also matched by that e-mail.
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

/// The removal of a viewer from an event, until a time or for good.
package struct Removal: Sendable, Equatable {
    /// A UUID in lower case.
    package let id: String
    package let company: String
    package let event: String
    package let person: RemovedPerson
    /// When it ends by itself; `nil` if never.
    package let until: Milliseconds?
    /// For the company only. Viewers are not told.
    package let reason: String?
    package let createdAt: Milliseconds

    /// The most removals that an event may have, and a company in all its events.
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

    /// Whether the removal has ended.
    package func isOver(at now: Milliseconds) -> Bool { until.map { now >= $0 } ?? false }

    /// Whether it ends this session.
    package func applies(to session: LiveSession) -> Bool {
        session.event.hasSameBytes(as: event) && session.company.hasSameBytes(as: company)
            && person.isSame(as: session.viewer)
    }
}

/// Why somebody cannot be removed, worded for the caller.
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

/// Where removals and sessions that were ended for good are stored.
package enum RemovalPlace: String, Sendable {
    case database
    /// Forgotten when the process ends.
    case memory
}

/// Stores removals, and keeps the data plane's view of them up to date.
package protocol RemovalKeeper: Sendable {
    var place: RemovalPlace { get }

    /// Removes a person from an event. If the person is removed already, changes the end and the reason. Does not end
    /// the sessions of people who are there.
    ///
    /// - Throws: ``RemovalFault``, or an error if it could not be stored.
    func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal

    /// The removals that have not ended, earliest first.
    ///
    /// - Parameters:
    ///   - company: `nil` for all companies.
    ///   - event: `nil` for all events.
    func removals(company: String?, event: String?) async throws -> [Removal]

    /// Lifts a removal and returns it. Returns `nil` if no removal has this id, or if it is not of the given event and
    /// company.
    func lift(_ id: String, company: String?, event: String?) async throws -> Removal?

    /// Remembers sessions that were ended for good, beyond the end of the process if possible.
    func keep(_ ended: [EndedSession]) async throws
}
