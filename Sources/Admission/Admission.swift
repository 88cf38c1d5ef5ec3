package import Basics

/// Decides who may pass: takes a verified viewer and its request, and returns a verdict.
///
/// The order is time, scope, role, lease. Each is decided again on every request; only the token's signature and claims
/// are cached. For the steps see `Admission+Scope.swift` and `Admission+Lease.swift`.
package final class Admission: Sendable {
    package let leases: LeaseTable
    package let sessions: LiveSessions
    package let directory: DirectoryView

    package init(leases: LeaseTable, directory: DirectoryView) {
        self.leases = leases
        sessions = LiveSessions(leases: leases, directory: directory)
        self.directory = directory
    }

    /// The configured rules. A reload replaces them as a whole.
    package struct Rules: Sendable, Equatable {
        package var sessions = SessionPolicy()
        /// How far the clocks of signers may be off, in seconds.
        package var leeway: Int64 = 5
        package var requireExpiry = true
        /// Which company owns the events that the directory does not know; none by default.
        package var events = EventOwners()
        package init() {}
    }

    /// What a request brings besides its viewer and its event.
    package struct Request: Sendable {
        /// What the route requires. `.public` is decided as `.session`.
        package var access: Access
        /// The session that the client sent.
        package var presented: PresentedSession?
        /// A hash of the client's address; 0 if it is not known.
        package var address: UInt64
        package var purpose: Purpose
        package var now: Milliseconds

        package init(
            access: Access,
            presented: PresentedSession?,
            address: UInt64,
            purpose: Purpose = .join,
            now: Milliseconds
        ) {
            self.access = access
            self.presented = presented
            self.address = address
            self.purpose = purpose
            self.now = now
        }

        var isTakeOver: Bool { purpose == .takeOver }
    }

    /// What a request may do to the lease.
    package enum Purpose: Sendable {
        /// A person or a program sent it on purpose: joins if there is no valid session.
        case join
        /// A navigation with a link: if there is no valid session, hands out one that joins when the client brings it
        /// back.
        case prepare
        /// The user asked to use it here: a POST to the take-over endpoint, never a script's request for something
        /// else.
        case takeOver
        /// Joins, resumes and replaces nothing: the client only asks, or the request may not be deliberate.
        case ask
    }

    package enum Verdict: Equatable, Sendable {
        case admit(Admitted)
        /// - since: when the active session joined (`already_active`).
        /// - retryAfter: how long to wait until the viewer is let in, if known.
        case refuse(Refusal, since: Milliseconds?, retryAfter: Milliseconds?)
        /// The viewer would be let in but has no session; a request that only asks gets none.
        case outside
        /// The lease is shared, and the store has to agree first: pass the claim to ``LeaseTable/send(_:_:)``.
        indirect case claimed(LeaseClaim)
        /// Another claim for the lease is under way: decide again after ``LeaseTable/whenSettled(_:_:)``.
        case waiting(SubjectKey)
    }

    /// What the exchange goes on with.
    package struct Admitted: Equatable, Sendable {
        package let session: SessionID
        /// Whether the session is new, so that its holder must be given it.
        package let isNew: Bool
        /// Whether the session was made by `prepare` and has not joined yet.
        package let isPending: Bool
        /// The session that lost the lease to this one. Its streams end.
        package let replaced: SessionID?
        package var role: Role { listing == nil ? .attendee : .host }
        /// The list of the event that contains the viewer.
        package let listing: Listing?
        /// The subject that the session is bound to.
        package let subject: SubjectKey
        /// The session's place in the lease table.
        let key: SubjectKey
        /// The event that counts. Empty for a company-wide token if neither the token nor the route names one.
        package let event: String

        /// What becomes of a session that the store of shared leases has agreed to.
        ///
        /// - Parameter verdict: of the request that brings the session by now.
        package func confirmed(by verdict: Verdict) -> Verdict {
            guard case .admit(let present) = verdict, present.session == session else { return verdict }
            return .admit(
                Admitted(
                    session: session,
                    isNew: isNew,
                    isPending: isPending,
                    replaced: replaced,
                    listing: present.listing,
                    subject: subject,
                    key: key,
                    event: present.event
                )
            )
        }

        /// What the holder is given, once sealed.
        package var presented: PresentedSession {
            PresentedSession(id: session, subject: subject, isPending: isPending)
        }
    }

    /// Decides on a request.
    ///
    /// Renewing a lease allocates nothing and computes no hash, except for a company-wide token in an event other than
    /// its own: that needs the subject's hash.
    ///
    /// - Parameters:
    ///   - event: the event that the path names; otherwise the one that the session belongs to, if known.
    ///   - mayReturn: whether a session that said goodbye may come back to its place in the lease table. If true, the
    ///     return counts as a join. That limits a client that leaves and returns in turn, since each step is announced
    ///     and acted upon.
    ///   - isAccepted: whether the token that the holder of the lease joined with would still be accepted. Asked only
    ///     before a viewer is kept out because of that holder.
    ///   - source: where the viewer joins from. Asked only for a session that was not known to be under way.
    ///   - random: 128 random bits for a new session, or `nil` if the viewer has used up its joins.
    package func decide(
        _ request: Request,
        viewer: Viewer,
        event: Span<UInt8>?,
        rules: Rules,
        mayReturn: (SubjectKey) -> Bool = { _ in true },
        isAccepted: (Viewer) -> Bool = { _ in true },
        source: () -> ArrivalSource = { ArrivalSource() },
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        let isExpired: Bool
        switch time(of: viewer, at: request.now, rules) {
        case nil: isExpired = false
        case .tokenExpired? where rules.sessions.outlivesToken && request.presented != nil: isExpired = true
        case let refusal?:
            let retryAfter = refusal == .tokenNotYetValid ? begins(viewer, rules).map { $0 - request.now } : nil
            return .refuse(refusal, since: nil, retryAfter: retryAfter)
        }

        let place: Place
        switch self.place(of: viewer, event: event, access: request.access, now: request.now, rules) {
        case .success(let found): place = found
        case .failure(let barrier):
            var isGoneAt = barrier.isGoneAt
            if barrier.refusal == .viewerRemoved, let moment = isGoneAt, rules.isOver(viewer, at: moment) {
                // By then, something else keeps the viewer out: unless a session goes on, the token has expired.
                isGoneAt = rules.sessions.outlivesToken && request.presented != nil ? moment : nil
            }
            return .refuse(barrier.refusal, since: nil, retryAfter: isGoneAt.map { $0 - request.now })
        }

        let stay = Stay(viewer: viewer, place: place, isExpired: isExpired, rules)
        func decide() -> Verdict {
            guard request.purpose != .ask else { return decideAsked(request, stay) }
            return place.isLeased
                ? decideLeased(request, stay, mayReturn: mayReturn, source: source, random: random)
                : decideUnleased(request, stay, mayReturn: mayReturn, source: source, random: random)
        }
        let verdict = decide()
        guard place.isLeased, case .refuse(let refusal, _, _) = verdict,
            refusal == .alreadyActive || refusal == .tooManyJoins,
            releaseLost(place.subject, at: request.now, rules, isAccepted: isAccepted)
        else { return verdict }
        return decide()
    }

    /// Releases a lease whose holder can no longer go on, so that it keeps nobody out until it idles out. Returns false
    /// if there is none.
    private func releaseLost(
        _ subject: SubjectKey,
        at now: Milliseconds,
        _ rules: Rules,
        isAccepted: (Viewer) -> Bool
    ) -> Bool {
        guard let holder = leases.holder(of: subject) else { return false }
        if isAccepted(holder.viewer), !directory.hasEnded(holder.id, at: now),
            case .success = role(of: holder.viewer, holder.id, in: holder.event, subject, at: now, rules)
        {
            return false
        }
        return leases.lapse(holder.id, for: subject, now: now)
    }

    /// The present role of a session in its event, or why it cannot go on there, whoever holds its lease.
    private func role(
        of viewer: Viewer,
        _ session: SessionID,
        in event: String,
        _ subject: SubjectKey,
        at now: Milliseconds,
        _ rules: Rules
    ) -> Result<Role, Refusal> {
        if let refusal = time(of: viewer, at: now, rules) {
            guard refusal == .tokenExpired, rules.sessions.outlivesToken else { return .failure(refusal) }
        }
        guard !rules.isPastLifetime(session, at: now) else { return .failure(.tokenExpired) }
        guard !event.isEmpty else { return .success(.attendee) }
        let isOwn = viewer.event.hasSameBytes(as: event)
        let standing =
            isOwn
            ? directory.standing(of: viewer)
            : directory.standing(of: viewer, at: EventID(Array(event.utf8)), subject)
        if standing?.isOfKnownEvent != true {
            guard isOwn, rules.events.haveOwn(of: viewer) else { return .failure(.wrongEvent) }
        }
        if let barrier = standing?.barrier(at: now) { return .failure(barrier.refusal) }
        return .success(standing?.listing == nil ? .attendee : .host)
    }

    /// Re-checks an admitted session that has open streams. Returns `nil` if they may stay open.
    ///
    /// Call every few seconds for each session with an open stream, and whenever `directory.version` or the rules
    /// change. It renews the lease and detects what has changed: a token or session that expired, an event or
    /// registration that was deleted, a lease that moved to another session, a different role.
    package func keep(
        _ admitted: Admitted,
        viewer: Viewer,
        address: UInt64,
        now: Milliseconds,
        rules: Rules
    ) -> Refusal? {
        let policy = rules.sessions
        let role: Role
        switch self.role(of: viewer, admitted.session, in: admitted.event, admitted.subject, at: now, rules) {
        case .success(let present): role = present
        case .failure(let refusal): return refusal
        }
        let isHeld = leases.touch(
            admitted.session,
            for: admitted.key,
            isLeased: admitted.key == admitted.subject,
            arrival: Arrival(viewer: viewer, event: admitted.event, role: role),
            address: address,
            now: now,
            policy: policy
        )
        guard isHeld else {
            return switch leases.foresee(admitted.session, for: admitted.key, now: now, policy: policy) {
            case .ended: .viewerRemoved
            // Nobody holds its place and it may come back: it said goodbye.
            case .held(replaced: nil): .sessionLeft
            case .held, .vacant, .left, .replaced, .active: .sessionReplaced
            }
        }
        return role != admitted.role && policy.onRoleChange == .reconnect ? .roleChanged : nil
    }

    /// Releases the lease of a holder that says goodbye. Returns false if it was not the holder; then nothing happens.
    ///
    /// - Parameter lastSeen: does nothing if the holder was seen after this time. Pass `nil` to leave in any case.
    @discardableResult
    package func leave(
        _ session: PresentedSession,
        subject: SubjectKey,
        isLeased: Bool,
        unlessUsedAfter lastSeen: Milliseconds? = nil,
        now: Milliseconds,
        rules: Rules
    ) -> Bool {
        let key = isLeased ? subject : subject.own(of: session.id)
        return session.subject == subject
            && leases.leave(session.id, for: key, unlessUsedAfter: lastSeen, now: now, policy: rules.sessions)
    }

    /// Whether a session has joined and holds its place.
    package func isActive(_ session: PresentedSession, of viewer: Viewer) -> Bool {
        let key = viewer.isLeased ? session.subject : session.subject.own(of: session.id)
        return leases.holder(of: key)?.id == session.id
    }

    /// Ends a session.
    ///
    /// - Parameter mayReturn: whether it may come back by itself once nothing else keeps it out. Otherwise it has ended
    ///   for good.
    package func end(
        _ session: LiveSession,
        _ ending: SessionEnding,
        mayReturn: Bool = false,
        now: Milliseconds
    ) {
        leases.end(session.key, only: session.id, ending, mayReturn: mayReturn, now: now)
    }

    /// Ends the session that holds a lease, and returns that session.
    package func end(
        holderOf subject: SubjectKey,
        _ ending: SessionEnding,
        now: Milliseconds
    ) -> SessionID? {
        leases.end(subject, ending, now: now)
    }

    /// Forgets what has expired. Call about once a second.
    package func expire(now: Milliseconds, rules: Rules) {
        leases.expire(now: now, policy: rules.sessions)
    }
}
