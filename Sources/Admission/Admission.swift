import JOSE

/// Who may pass: from a verified viewer and its request to a verdict.
///
/// The order is time, scope, role, lease. All of it is decided on every request; only the token's signature and claims
/// are remembered. See `Admission+Scope.swift` and `Admission+Lease.swift` for the steps.
package final class Admission: Sendable {
    package let leases: LeaseTable
    package let sessions: LiveSessions
    package let directory: DirectoryView

    package init(leases: LeaseTable, directory: DirectoryView) {
        self.leases = leases
        sessions = LiveSessions(leases: leases, directory: directory)
        self.directory = directory
    }

    /// The configured rules; swapped whole by a reload.
    package struct Rules: Sendable, Equatable {
        package var sessions = SessionPolicy()
        /// How far the clocks of signers may be off, in seconds.
        package var leeway: Int64 = 5
        package var requireExpiry = true
        /// Whose the events are that the directory does not know; nobody's by default.
        package var events = EventOwners()
        package init() {}
    }

    /// What a request brings besides its viewer and its event.
    package struct Request: Sendable {
        /// What the route asks for; `.public` is decided as `.session`.
        package var access: Access
        /// The session that the client sent.
        package var presented: PresentedSession?
        /// A hash of the client's address; 0 where it is not known.
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
        /// A person or a program meant it: without a session that counts, it joins.
        case join
        /// A navigation with a link: without a session that counts it is given one, which joins when it is brought back.
        case prepare
        /// The user asked to use it here: a POST to the take-over endpoint, never a script's request for something else.
        case takeOver
        /// Nothing is joined, resumed or replaced: the client only asks, or nobody may have meant it.
        case ask
    }

    package enum Verdict: Equatable, Sendable {
        case admit(Admitted)
        /// - since: when the session that is active joined (`already_active`).
        /// - retryAfter: how long to wait, if that is known.
        case refuse(Refusal, since: Milliseconds?, retryAfter: Milliseconds?)
        /// The viewer would be let in, and has no session; who only asks gets none.
        case outside
    }

    /// What the exchange goes on with.
    package struct Admitted: Equatable, Sendable {
        package let session: SessionID
        /// The session is new: its holder must be given it.
        package let isNew: Bool
        /// It was made by `prepare`, and has not joined.
        package let isPending: Bool
        /// The session that lost the lease to this one: its streams end.
        package let replaced: SessionID?
        package var role: Role { listing == nil ? .attendee : .host }
        /// The list of the event that has the viewer.
        package let listing: Listing?
        /// What the session is bound to.
        package let subject: SubjectKey
        /// The session's place in the lease table.
        let key: SubjectKey
        /// The event that counts; empty for a company-wide token where neither it nor the route names one.
        package let event: String

        /// What the holder is given, sealed.
        package var presented: PresentedSession {
            PresentedSession(id: session, subject: subject, isPending: isPending)
        }
    }

    /// Decides on a request.
    ///
    /// A holder's renewal allocates nothing and computes no hash, except that a company-wide token in another event than
    /// its own needs that subject's hash.
    ///
    /// - Parameters:
    ///   - event: the event that the path names; where it names none, the one that the session belongs to, if known.
    ///   - mayReturn: whether a session that said goodbye may come back to its place in the lease table; true counts as a
    ///     join there, so that leaving and returning in turn, each of which is announced and attended to, has a limit.
    ///   - random: 128 random bits for a new session; nothing when the viewer has used up its joins.
    package func decide(
        _ request: Request,
        viewer: Viewer,
        event: Span<UInt8>?,
        rules: Rules,
        mayReturn: (SubjectKey) -> Bool = { _ in true },
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        let isExpired: Bool
        switch time(of: viewer, at: request.now, rules) {
        case nil: isExpired = false
        case .tokenExpired? where rules.sessions.outlivesToken && request.presented != nil: isExpired = true
        case let refusal?: return .refuse(refusal, since: nil, retryAfter: nil)
        }

        let place: Place
        switch self.place(of: viewer, event: event, access: request.access, now: request.now, rules) {
        case .success(let found): place = found
        case .failure(let barrier):
            let retryAfter = barrier.isGoneAt.map { $0 - request.now }
            return .refuse(barrier.refusal, since: nil, retryAfter: retryAfter)
        }

        let stay = Stay(viewer: viewer, place: place, isExpired: isExpired, rules)
        guard request.purpose != .ask else { return decideAsked(request, stay) }
        return place.isLeased
            ? decideLeased(request, stay, mayReturn: mayReturn, random: random)
            : decideUnleased(request, stay, mayReturn: mayReturn, random: random)
    }

    /// Looks after an admitted session's open streams; nil: they may stay open.
    ///
    /// To be called every few seconds for each session with an open stream, and whenever `directory.changeCount` or the
    /// rules are not what they were. It renews the lease, and finds what has changed since: a token or a session whose time
    /// is over, an event or registration that was deleted, a lease that went to somebody else, another role.
    package func keep(
        _ admitted: Admitted,
        viewer: Viewer,
        address: UInt64,
        now: Milliseconds,
        rules: Rules
    ) -> Refusal? {
        let policy = rules.sessions
        if let refusal = time(of: viewer, at: now, rules) {
            guard refusal == .tokenExpired, policy.outlivesToken else { return refusal }
        }
        guard now < after(admitted.session.joinedAt, policy.maxLifetime) else { return .tokenExpired }
        var role = Role.attendee
        var barrier: Refusal?
        let entry = directory.entry(ofEvent: EventID(Array(admitted.event.utf8)))
        switch entry.standing {
        case .removed: return .registrationRemoved
        case .known(let record) where !record.company.hasSameBytes(as: viewer.company): return .wrongEvent
        case .known(let record) where !record.isOpen(to: viewer, at: now): return .tokenExpired
        case .known(let record):
            if record.listing(of: viewer) != nil { role = .host } else { barrier = record.doors.refusal(at: now) }
        case .unknown where admitted.event.isEmpty: break
        case .unknown:
            let isOwn = viewer.event.hasSameBytes(as: admitted.event)
            guard isOwn, rules.events.haveOwn(of: viewer) else { return .wrongEvent }
        }
        if directory.isRemoved(admitted.subject) { return .registrationRemoved }
        if entry.hasRemoved(viewer, at: now) { return .viewerRemoved }
        if let barrier { return barrier }
        let isHeld = leases.touch(
            admitted.session,
            for: admitted.key,
            arrival: Arrival(viewer: viewer, event: admitted.event, role: role),
            address: address,
            now: now,
            policy: policy
        )
        guard isHeld else {
            return switch leases.foresee(admitted.session, for: admitted.key, now: now, policy: policy) {
            case .ended: .viewerRemoved
            // Nobody has its place, and it may come back: it said goodbye.
            case .held(replaced: nil): .sessionLeft
            case .held, .vacant, .left, .replaced, .active: .sessionReplaced
            }
        }
        return role != admitted.role && policy.onRoleChange == .reconnect ? .roleChanged : nil
    }

    /// The holder says goodbye. False: it was not the holder, and nothing happened.
    ///
    /// - Parameter lastSeen: nothing happens where the holder has been there after it; nil: it goes in any case.
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

    /// Ends a session.
    ///
    /// - Parameter mayReturn: whether it may come back by itself, once nothing else keeps it out; otherwise it is over for good.
    package func end(
        _ session: LiveSession,
        _ ending: SessionEnding,
        mayReturn: Bool = false,
        now: Milliseconds
    ) {
        leases.end(session.key, only: session.id, ending, mayReturn: mayReturn, now: now)
    }

    /// Ends the session that holds a lease; returns which that was.
    package func end(
        holderOf subject: SubjectKey,
        _ ending: SessionEnding,
        now: Milliseconds
    ) -> SessionID? {
        leases.end(subject, ending, now: now)
    }

    /// Forgets what is over. To be called about once a second.
    package func expire(now: Milliseconds, rules: Rules) {
        leases.expire(now: now, policy: rules.sessions)
    }
}
