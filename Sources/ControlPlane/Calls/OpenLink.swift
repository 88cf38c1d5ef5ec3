import Admission
import Basics
import Directory

/// Refuses calls for links that would not open, as things stand: nobody should send or embed one.
enum OpenLink {
    /// Checks an embed token. It lets hosts in at any time, and attendees until the doors close.
    static func check(_ event: EventRecord, _ role: Role, at now: Milliseconds) throws(Fault) {
        if role == .attendee, let closesAt = event.doors.closesAt, now >= closesAt { throw .eventOver }
    }

    /// Checks a registration, which is valid until its event closes. Leaves it to others to refuse events that the company
    /// does not have.
    static func check(
        _ person: NewRegistration,
        _ kind: EventKind,
        _ uid: String,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws {
        // The view has every answered commit, so the database need not be queried.
        guard let event = incoming.directory.view.event(uid), event.kind == kind,
            event.company.hasSameBytes(as: tenant.id)
        else { return }
        let now = incoming.plane.now
        if let closesAt = event.closesAt, now >= closesAt { throw Fault.eventOver }
        let email = EmailAddress.canonical(person.email).map { ExactText($0) }
        let isHost = email.map { event.listing(of: [$0]) != nil } ?? false
        try check(event, isHost ? .host : .attendee, at: now)
        guard event.closesAt == nil, person.changesKnown else { return }
        let known = try await incoming.directory.registration(
            .email(person.email),
            of: uid,
            kind,
            company: tenant.id
        )
        guard let (registration, _) = known else { return }
        let expiresAt = registration.registeredAt / 1000 + incoming.snapshot.viewerTokens.registrationLifetime
        if now / 1000 - incoming.snapshot.leeway >= expiresAt { throw Fault.registrationExpired }
    }
}
