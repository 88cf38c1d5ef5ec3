package import Basics
import JOSE

/// A viewer's stay at a place, and the rules that apply to it.
struct Stay {
    let viewer: Viewer
    let place: Place
    /// Whether the token has expired; then only a session that was joined with it may go on.
    let isExpired: Bool
    let leeway: Int64
    /// Includes the event's own rule for a second join.
    let policy: SessionPolicy

    init(viewer: Viewer, place: Place, isExpired: Bool, _ rules: Admission.Rules) {
        self.viewer = viewer
        self.place = place
        self.isExpired = isExpired
        leeway = rules.leeway
        var policy = rules.sessions
        if let secondJoin = place.secondJoin { policy.secondJoin = secondJoin }
        self.policy = policy
    }

    func arrival(from source: ArrivalSource) -> Arrival {
        Arrival(viewer: viewer, event: place.event, role: place.listing == nil ? .attendee : .host, source: source)
    }

    /// Whether a session is within its lifetime and, unless it outlives its token, within the token's validity.
    func covers(_ session: SessionID, at now: Milliseconds) -> Bool {
        guard now < after(session.joinedAt, policy.maxLifetime) else { return false }
        guard isExpired, let expires = viewer.validity.expires else { return !isExpired }
        return seconds(session.joinedAt) < after(expires, max(leeway, 0))
    }
}

/// How far in the future a session's join time may lie. Sessions further ahead are not resumed.
private let clockSkew: Milliseconds = 60_000

extension Admission {
    /// Decides under the rule of one session at a time.
    func decideLeased(
        _ request: Request,
        _ stay: Stay,
        mayReturn: (SubjectKey) -> Bool,
        source: () -> ArrivalSource,
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        let subject = stay.place.subject
        var own: SessionID?
        if let presented = request.presented, presented.subject == subject {
            let isCovered = stay.covers(presented.id, at: request.now)
            if isCovered
                && leases.renew(
                    presented.id,
                    for: subject,
                    address: request.address,
                    now: request.now,
                    policy: stay.policy
                )
            {
                return admit(presented.id, key: subject, stay)
            }
            if directory.hasEnded(presented.id, at: request.now) {
                return .refuse(.viewerRemoved, since: nil, retryAfter: nil)
            }
            // A take-over counts as a join, unless there is no session to take over from.
            let isAcceptable = isCovered && presented.id.joinedAt <= after(request.now, clockSkew)
            if presented.isPending {
                if isAcceptable, !request.isTakeOver {
                    return join(.pending(presented.id), request, stay, own: nil, source)
                }
            } else {
                let mayTake = isAcceptable && !request.isTakeOver
                let decision = decideResume(
                    presented,
                    subject,
                    request,
                    stay,
                    isCovered,
                    mayTake: mayTake,
                    mayReturn: mayReturn,
                    source
                )
                let resumption: LeaseTable.Resumption
                switch decision {
                case .settled(let result): resumption = result
                case .claimed(let claim, .held(let replaced)) where isCovered:
                    return .claimed(
                        LeaseClaim(request: claim, admitted: admitted(presented.id, subject, replaced: replaced, stay))
                    )
                case .claimed(let claim, _): return .claimed(LeaseClaim(request: claim, admitted: nil))
                case .waiting: return .waiting(subject)
                }
                switch resumption {
                case .held(let replaced):
                    if isCovered { return admit(presented.id, key: subject, replaced: replaced, stay) }
                    own = presented.id
                case .vacant:
                    break
                case .left:
                    return .refuse(.tooManyJoins, since: nil, retryAfter: nil)
                case .ended:
                    return .refuse(.viewerRemoved, since: nil, retryAfter: nil)
                case .replaced:
                    guard request.isTakeOver else { return .refuse(.sessionReplaced, since: nil, retryAfter: nil) }
                case .active(let since, let retryAt):
                    guard request.isTakeOver else { return refuse(.alreadyActive, since: since, retryAt, request.now) }
                }
            }
        }
        guard !stay.isExpired else { return .refuse(.tokenExpired, since: nil, retryAfter: nil) }
        guard let random = random() else { return .refuse(.tooManyJoins, since: nil, retryAfter: nil) }
        guard request.purpose != .prepare else { return prepare(random, request, stay) }
        return join(.new(random.0, random.1), request, stay, own: own, source)
    }

    private func join(
        _ candidate: LeaseTable.Candidate,
        _ request: Request,
        _ stay: Stay,
        own: SessionID?,
        _ source: () -> ArrivalSource
    ) -> Verdict {
        let subject = stay.place.subject
        let decision = leases.decideJoin(
            subject,
            as: candidate,
            own: own,
            isTakeOver: request.isTakeOver,
            arrival: stay.arrival(from: source()),
            address: request.address,
            now: request.now,
            policy: stay.policy
        )
        let join: LeaseTable.Join
        switch decision {
        case .settled(let result): join = result
        case .claimed(let claim, .joined(let session, let replaced)):
            let admitted = admitted(session, subject, isNew: true, replaced: replaced, stay)
            return .claimed(LeaseClaim(request: claim, admitted: admitted))
        case .claimed(let claim, _): return .claimed(LeaseClaim(request: claim, admitted: nil))
        case .waiting: return .waiting(subject)
        }
        switch join {
        case .joined(let session, let replaced):
            return admit(session, key: subject, isNew: true, replaced: replaced, stay)
        case .replaced:
            return .refuse(.sessionReplaced, since: nil, retryAfter: nil)
        case .ended:
            return .refuse(.viewerRemoved, since: nil, retryAfter: nil)
        case .active(let since, let retryAt):
            return refuse(.alreadyActive, since: since, retryAt, request.now)
        case .tooMany(let retryAt):
            return refuse(.tooManyJoins, since: nil, retryAt, request.now)
        }
    }

    /// Makes a session that has not joined yet, for a link's redirect.
    private func prepare(_ random: (UInt64, UInt64), _ request: Request, _ stay: Stay) -> Verdict {
        let joinedAt = leases.nextJoin(of: stay.place.subject, now: request.now)
        let session = SessionID(joinedAt: joinedAt, random0: random.0, random1: random.1)
        return admit(session, key: stay.place.subject, isNew: true, isPending: true, stay)
    }

    /// Whether a session would be let in now to the event that it joined. Changes nothing.
    package func stands(_ sealed: SealedSession, at now: Milliseconds, _ rules: Rules) -> Bool {
        let (session, viewer, event) = (sealed.session, sealed.viewer, sealed.event)
        let isExpired = time(of: viewer, at: now, rules) != nil
        guard !isExpired || rules.sessions.outlivesToken,
            case .success(let place) = place(of: viewer, event: event.span, access: .session, now: now, rules),
            place.subject == session.subject
        else { return false }
        let stay = Stay(viewer: viewer, place: place, isExpired: isExpired, rules)
        guard stay.covers(session.id, at: now), !directory.hasEnded(session.id, at: now) else { return false }
        let key = place.isLeased ? place.subject : place.subject.own(of: session.id)
        switch leases.foresee(session.id, for: key, now: now, policy: stay.policy) {
        case .held, .left: return true
        case .active: return session.isPending
        case .vacant, .replaced, .ended: return false
        }
    }

    /// Says what would happen to the presented session if it came back. The holder of the lease renews it.
    func decideAsked(_ request: Request, _ stay: Stay) -> Verdict {
        let subject = stay.place.subject
        guard let presented = request.presented, presented.subject == subject else {
            return stay.isExpired ? .refuse(.tokenExpired, since: nil, retryAfter: nil) : .outside
        }
        guard stay.covers(presented.id, at: request.now), presented.id.joinedAt <= after(request.now, clockSkew) else {
            return .refuse(stay.isExpired ? .tokenExpired : .tokenMissing, since: nil, retryAfter: nil)
        }
        let key = stay.place.isLeased ? subject : subject.own(of: presented.id)
        let (now, policy) = (request.now, stay.policy)
        if leases.renew(presented.id, for: key, address: request.address, now: now, policy: policy) {
            return admit(presented.id, key: key, stay)
        }
        if directory.hasEnded(presented.id, at: now) { return .refuse(.viewerRemoved, since: nil, retryAfter: nil) }
        guard !presented.isPending else { return .outside }
        switch leases.foresee(presented.id, for: key, now: now, policy: policy) {
        case .held, .left: return admit(presented.id, key: key, stay)
        case .vacant: return .refuse(.tokenMissing, since: nil, retryAfter: nil)
        case .replaced: return .refuse(.sessionReplaced, since: nil, retryAfter: nil)
        case .ended: return .refuse(.viewerRemoved, since: nil, retryAfter: nil)
        case .active(let since, let retryAt): return refuse(.alreadyActive, since: since, retryAt, now)
        }
    }

    /// Decides for viewers who may have any number of sessions: each session has its own place in the table.
    func decideUnleased(
        _ request: Request,
        _ stay: Stay,
        mayReturn: (SubjectKey) -> Bool,
        source: () -> ArrivalSource,
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        if let presented = request.presented, presented.subject == stay.place.subject,
            stay.covers(presented.id, at: request.now), presented.id.joinedAt <= after(request.now, clockSkew)
        {
            let key = stay.place.subject.own(of: presented.id)
            let (address, now) = (request.address, request.now)
            if leases.renew(presented.id, for: key, address: address, now: now, policy: stay.policy) {
                return admit(presented.id, key: key, stay)
            }
            if directory.hasEnded(presented.id, at: now) { return .refuse(.viewerRemoved, since: nil, retryAfter: nil) }
            switch resume(presented, key, request, stay, mayReturn: mayReturn, source) {
            case .held:
                return admit(presented.id, key: key, isNew: presented.isPending, stay)
            case .left:
                return .refuse(.tooManyJoins, since: nil, retryAfter: nil)
            case .ended:
                return .refuse(.viewerRemoved, since: nil, retryAfter: nil)
            case .vacant, .replaced, .active:
                // Its place is its own, so nothing can have replaced it. If that happens anyway, let the user ask to
                // join again.
                guard request.isTakeOver else { return .refuse(.sessionReplaced, since: nil, retryAfter: nil) }
            }
        }
        guard !stay.isExpired else { return .refuse(.tokenExpired, since: nil, retryAfter: nil) }
        guard let random = random() else { return .refuse(.tooManyJoins, since: nil, retryAfter: nil) }
        let session = SessionID(joinedAt: request.now, random0: random.0, random1: random.1)
        let key = stay.place.subject.own(of: session)
        guard request.purpose != .prepare else { return admit(session, key: key, isNew: true, isPending: true, stay) }
        _ = leases.join(
            key,
            as: .new(random.0, random.1),
            arrival: stay.arrival(from: source()),
            address: request.address,
            now: request.now,
            policy: stay.policy
        )
        return admit(session, key: key, isNew: true, stay)
    }

    /// Resumes a proven session for which there is a lease. Asks `mayReturn` only for a session that said goodbye, which
    /// returns only if allowed.
    private func decideResume(
        _ presented: PresentedSession,
        _ key: SubjectKey,
        _ request: Request,
        _ stay: Stay,
        _ isCovered: Bool,
        mayTake: Bool,
        mayReturn: (SubjectKey) -> Bool,
        _ source: () -> ArrivalSource
    ) -> LeaseDecision<LeaseTable.Resumption> {
        let arrival = stay.arrival(from: source())
        func attempt(_ mayReturn: Bool) -> LeaseDecision<LeaseTable.Resumption> {
            leases.decideResume(
                presented.id,
                for: key,
                isCovered: isCovered,
                mayTake: mayTake,
                mayReturn: mayReturn,
                arrival: arrival,
                address: request.address,
                now: request.now,
                policy: stay.policy
            )
        }
        let decision = attempt(false)
        if case .settled(.left) = decision, mayReturn(key) { return attempt(true) }
        return decision
    }

    /// Resumes a proven session that has its own place. Asks `mayReturn` only for a session that said goodbye.
    private func resume(
        _ presented: PresentedSession,
        _ key: SubjectKey,
        _ request: Request,
        _ stay: Stay,
        mayReturn: (SubjectKey) -> Bool,
        _ source: () -> ArrivalSource
    ) -> LeaseTable.Resumption {
        let arrival = stay.arrival(from: source())
        func attempt(_ mayReturn: Bool) -> LeaseTable.Resumption {
            leases.resume(
                presented.id,
                for: key,
                mayTake: true,
                mayReturn: mayReturn,
                arrival: arrival,
                address: request.address,
                now: request.now,
                policy: stay.policy
            )
        }
        let resumption = attempt(false)
        return resumption == .left && mayReturn(key) ? attempt(true) : resumption
    }

    private func admit(
        _ session: SessionID,
        key: SubjectKey,
        isNew: Bool = false,
        isPending: Bool = false,
        replaced: SessionID? = nil,
        _ stay: Stay
    ) -> Verdict {
        .admit(admitted(session, key, isNew: isNew, isPending: isPending, replaced: replaced, stay))
    }

    private func admitted(
        _ session: SessionID,
        _ key: SubjectKey,
        isNew: Bool = false,
        isPending: Bool = false,
        replaced: SessionID? = nil,
        _ stay: Stay
    ) -> Admitted {
        Admitted(
            session: session,
            isNew: isNew,
            isPending: isPending,
            replaced: replaced,
            listing: stay.place.listing,
            subject: stay.place.subject,
            key: key,
            event: stay.place.event
        )
    }

    private func refuse(
        _ refusal: Refusal,
        since: Milliseconds?,
        _ retryAt: Milliseconds,
        _ now: Milliseconds
    ) -> Verdict {
        .refuse(refusal, since: since, retryAfter: max(retryAt - now, 0))
    }
}
