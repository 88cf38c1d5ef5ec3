import JOSE

/// Who stays where, under which rules.
struct Stay {
    let viewer: Viewer
    let place: Place
    /// The token is past its expiry, and only a session that was joined with it may go on.
    let isExpired: Bool
    let leeway: Int64
    /// With the event's own rule for a second join.
    let policy: SessionPolicy

    var arrival: Arrival {
        Arrival(viewer: viewer, event: place.event, role: place.listing == nil ? .attendee : .host)
    }

    /// Whether a session's time is not over: neither its own nor, where it outlives its token, what the token covers.
    func covers(_ session: SessionID, at now: Milliseconds) -> Bool {
        guard now < after(session.joinedAt, policy.maxLifetime) else { return false }
        guard isExpired, let expires = viewer.validity.expires else { return !isExpired }
        return seconds(session.joinedAt) < after(expires, max(leeway, 0))
    }
}

/// How far ahead of the clock a session may have joined; later ones are not resumed.
private let clockSkew: Milliseconds = 60_000

extension Admission {
    /// One session at a time.
    func decideLeased(
        _ request: Request,
        _ stay: Stay,
        mayReturn: (SubjectKey) -> Bool,
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        let subject = stay.place.subject
        var own: SessionID?
        if let presented = request.presented {
            let isCovered = stay.covers(presented.id, at: request.now)
            if isCovered
                && leases.renew(
                    presented,
                    for: subject,
                    address: request.address,
                    now: request.now,
                    policy: stay.policy
                )
            {
                return admit(presented.id, key: subject, isNew: false, replaced: nil, stay)
            }
            if signer.verifies(presented, for: subject) {
                // A take-over is a join, unless there is nobody to take over from.
                let mayTake =
                    isCovered && !request.isTakeOver && presented.id.joinedAt <= after(request.now, clockSkew)
                switch resume(presented, subject, request, stay, isCovered, mayTake: mayTake, mayReturn: mayReturn) {
                case .held(let replaced):
                    if isCovered {
                        return admit(presented.id, key: subject, isNew: false, replaced: replaced, stay)
                    }
                    own = presented.id
                case .vacant:
                    break
                case .left:
                    return .refuse(.tooManyJoins, since: nil, retryAfter: nil)
                case .replaced:
                    guard request.isTakeOver else { return .refuse(.sessionReplaced, since: nil, retryAfter: nil) }
                case .active(let since, let retryAt):
                    guard request.isTakeOver else { return refuse(.alreadyActive, since: since, retryAt, request.now) }
                }
            }
        }
        guard !stay.isExpired else { return .refuse(.tokenExpired, since: nil, retryAfter: nil) }
        guard let random = random() else { return .refuse(.tooManyJoins, since: nil, retryAfter: nil) }
        let join = leases.join(
            subject,
            random: random,
            own: own,
            isTakeOver: request.isTakeOver,
            arrival: stay.arrival,
            address: request.address,
            now: request.now,
            policy: stay.policy
        )
        switch join {
        case .joined(let session, let replaced):
            return admit(session, key: subject, isNew: true, replaced: replaced, stay)
        case .active(let since, let retryAt):
            return refuse(.alreadyActive, since: since, retryAt, request.now)
        case .tooMany(let retryAt):
            return refuse(.tooManyJoins, since: nil, retryAt, request.now)
        }
    }

    /// What becomes of the session that was presented, should it come back. Who holds the lease renews it.
    func decideAsked(_ request: Request, _ stay: Stay) -> Verdict {
        guard let presented = request.presented, signer.verifies(presented, for: stay.place.subject),
            stay.covers(presented.id, at: request.now), presented.id.joinedAt <= after(request.now, clockSkew)
        else { return .refuse(stay.isExpired ? .tokenExpired : .tokenMissing, since: nil, retryAfter: nil) }
        let (subject, now, policy) = (stay.place.subject, request.now, stay.policy)
        let key = stay.place.isLeased ? subject : subject.own(of: presented.id)
        if leases.renew(presented, for: key, address: request.address, now: now, policy: policy) {
            return admit(presented.id, key: key, isNew: false, replaced: nil, stay)
        }
        switch leases.foresee(presented.id, for: key, now: now, policy: policy) {
        case .held, .left: return admit(presented.id, key: key, isNew: false, replaced: nil, stay)
        case .vacant: return .refuse(.tokenMissing, since: nil, retryAfter: nil)
        case .replaced: return .refuse(.sessionReplaced, since: nil, retryAfter: nil)
        case .active(let since, let retryAt): return refuse(.alreadyActive, since: since, retryAt, now)
        }
    }

    /// Any number of sessions at a time: each has a place of its own in the table.
    func decideUnleased(
        _ request: Request,
        _ stay: Stay,
        mayReturn: (SubjectKey) -> Bool,
        random: () -> (UInt64, UInt64)?
    ) -> Verdict {
        if let presented = request.presented, stay.covers(presented.id, at: request.now),
            presented.id.joinedAt <= after(request.now, clockSkew)
        {
            let key = stay.place.subject.own(of: presented.id)
            let (address, now) = (request.address, request.now)
            if leases.renew(presented, for: key, address: address, now: now, policy: stay.policy) {
                return admit(presented.id, key: key, isNew: false, replaced: nil, stay)
            }
            if signer.verifies(presented, for: stay.place.subject) {
                switch resume(presented, key, request, stay, true, mayTake: true, mayReturn: mayReturn) {
                case .held:
                    return admit(presented.id, key: key, isNew: false, replaced: nil, stay)
                case .left:
                    return .refuse(.tooManyJoins, since: nil, retryAfter: nil)
                case .vacant, .replaced, .active:
                    // Ended by an operator: the user may ask to be let in anew.
                    guard request.isTakeOver else { return .refuse(.sessionReplaced, since: nil, retryAfter: nil) }
                }
            }
        }
        guard !stay.isExpired else { return .refuse(.tokenExpired, since: nil, retryAfter: nil) }
        guard let random = random() else { return .refuse(.tooManyJoins, since: nil, retryAfter: nil) }
        let session = SessionID(joinedAt: request.now, random0: random.0, random1: random.1)
        let key = stay.place.subject.own(of: session)
        _ = leases.join(
            key,
            random: random,
            arrival: stay.arrival,
            address: request.address,
            now: request.now,
            policy: stay.policy
        )
        return admit(session, key: key, isNew: true, replaced: nil, stay)
    }

    /// Has a proven session come back. One that said goodbye does only if it may return, which is asked only then.
    private func resume(
        _ presented: PresentedSession,
        _ key: SubjectKey,
        _ request: Request,
        _ stay: Stay,
        _ isCovered: Bool,
        mayTake: Bool,
        mayReturn: (SubjectKey) -> Bool
    ) -> LeaseTable.Resumption {
        func attempt(_ mayReturn: Bool) -> LeaseTable.Resumption {
            leases.resume(
                presented.id,
                tag: presented.tag,
                for: key,
                isCovered: isCovered,
                mayTake: mayTake,
                mayReturn: mayReturn,
                arrival: stay.arrival,
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
        isNew: Bool,
        replaced: SessionID?,
        _ stay: Stay
    ) -> Verdict {
        .admit(
            Admitted(
                session: session,
                isNew: isNew,
                replaced: replaced,
                listing: stay.place.listing,
                subject: stay.place.subject,
                key: key,
                event: stay.place.event
            )
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
