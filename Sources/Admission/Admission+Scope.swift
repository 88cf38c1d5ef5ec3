package import Basics
package import JOSE

/// A viewer's place once its scope is decided: the event, and what follows from it.
struct Place {
    let subject: SubjectKey
    let event: String
    let listing: Listing?
    let isLeased: Bool
    let secondJoin: SecondJoin?
}

extension Place {
    fileprivate init(of viewer: Viewer, subject: SubjectKey, event: String, _ standing: ViewerStanding?) {
        self.init(
            subject: subject,
            event: event,
            listing: standing?.listing,
            isLeased: viewer.isLeased,
            secondJoin: standing?.secondJoin
        )
    }
}

/// Why a viewer has no place in an event.
struct Barrier: Error {
    let refusal: Refusal
    /// When the reason no longer applies, if known.
    var isGoneAt: Milliseconds?

    init(_ refusal: Refusal, isGoneAt: Milliseconds? = nil) {
        self.refusal = refusal
        self.isGoneAt = isGoneAt
    }
}

extension Admission.Rules {
    /// Whether a viewer's token has expired.
    package func isOver(_ viewer: Viewer, at now: Milliseconds) -> Bool {
        viewer.validity.expires.map { seconds(now) - leeway >= $0 } ?? false
    }

    /// Whether a session has lasted as long as any may. Its viewer needs a link to join again.
    package func isPastLifetime(_ session: SessionID, at now: Milliseconds) -> Bool {
        now >= after(session.joinedAt, sessions.maxLifetime)
    }

    /// When a session that was joined with a viewer's token ends, whatever its event says. Requests are let in for the
    /// leeway longer, which is for clocks that disagree.
    package func end(of session: SessionID, _ viewer: Viewer) -> Milliseconds {
        let lifetime = after(session.joinedAt, sessions.maxLifetime)
        guard !sessions.outlivesToken, let expires = viewer.validity.expires else { return lifetime }
        let (moment, isFar) = expires.multipliedReportingOverflow(by: 1000)
        return isFar ? lifetime : min(lifetime, moment)
    }

    /// Whether a session can no longer be used at all, whatever its event says.
    package func isOver(_ sealed: SealedSession, at now: Milliseconds) -> Bool {
        if isPastLifetime(sealed.session.id, at: now) { return true }
        return !sessions.outlivesToken && isOver(sealed.viewer, at: now)
    }
}

extension Admission {
    /// When a viewer's session in an event ends as things stand: by itself, or when the event closes to the viewer.
    package func end(of session: SessionID, _ viewer: Viewer, in event: String, _ rules: Rules) -> Milliseconds {
        let record = directory.event(event)
        let ends = [
            viewer.closesWithEvent ? record?.closesAt : nil,
            record?.listing(of: viewer) == nil ? record?.doors.closesAt : nil,
        ]
        return ends.compactMap { $0 }.reduce(rules.end(of: session, viewer), min)
    }

    /// Why a viewer is refused at an event regardless of time, leases and limits. Returns `nil` if it is not.
    package func refusal(of viewer: Viewer, at event: String, now: Milliseconds, _ rules: Rules) -> Refusal? {
        let event = Array(event.utf8)
        guard case .failure(let barrier) = place(of: viewer, event: event.span, access: .token, now: now, rules) else {
            return nil
        }
        return barrier.refusal
    }

    /// When the doors of an event close; the end of time if they stay open.
    package func doorsClose(in event: String) -> Milliseconds { directory.event(event)?.doors.closesAt ?? .max }

    /// Why the token is not valid at this moment. Returns `nil` if it is.
    func time(of viewer: Viewer, at now: Milliseconds, _ rules: Rules) -> Refusal? {
        do throws(TokenFault) {
            try viewer.validity.check(
                now: seconds(now),
                leeway: rules.leeway,
                requireExpiry: rules.requireExpiry
            )
            return nil
        } catch {
            return Refusal(error)
        }
    }

    /// When a token that is not yet valid begins. `nil` if it has ended by then.
    func begins(_ viewer: Viewer, _ rules: Rules) -> Milliseconds? {
        guard let start = viewer.validity.notBefore, start <= Int64.max / 1000, !rules.isOver(viewer, at: start * 1000)
        else { return nil }
        return start * 1000
    }

    /// The scope table: whether the token covers the event, and which role the viewer has there.
    ///
    /// On a `.session` route, a viewer of another event passes as a viewer of its own event.
    func place(
        of viewer: Viewer,
        event: Span<UInt8>?,
        access: Access,
        now: Milliseconds,
        _ rules: Rules
    ) -> Result<Place, Barrier> {
        let barrier: Barrier
        if let event, event.count > 0, !event.hasSameBytes(as: viewer.eventBytes.span) {
            switch otherPlace(of: viewer, event: event, now: now, rules) {
            case .success(let place): return .success(place)
            case .failure(let reason): barrier = reason
            }
        } else {
            switch ownPlace(of: viewer, access: access, now: now, rules) {
            case .success(let place): return .success(place)
            case .failure(let reason): return .failure(reason)
            }
        }
        return access == .token ? .failure(barrier) : ownPlace(of: viewer, access: access, now: now, rules)
    }

    /// The place in the token's own event, or in none.
    private func ownPlace(
        of viewer: Viewer,
        access: Access,
        now: Milliseconds,
        _ rules: Rules
    ) -> Result<Place, Barrier> {
        if viewer.eventBytes.isEmpty {
            guard access != .token else { return .failure(Barrier(.wrongEvent)) }
            return .success(
                Place(subject: viewer.subject, event: "", listing: nil, isLeased: false, secondJoin: nil)
            )
        }
        let standing = directory.standing(of: viewer)
        if standing?.isOfKnownEvent != true, !rules.events.haveOwn(of: viewer) { return .failure(Barrier(.wrongEvent)) }
        if let barrier = standing?.barrier(at: now) { return .failure(barrier) }
        return .success(Place(of: viewer, subject: viewer.subject, event: viewer.event ?? "", standing))
    }

    /// The place in an event other than the token's own: only for company-wide tokens, and only if the directory lists
    /// the event as the company's.
    private func otherPlace(
        of viewer: Viewer,
        event: Span<UInt8>,
        now: Milliseconds,
        _ rules: Rules
    ) -> Result<Place, Barrier> {
        guard !viewer.eventSpecific else { return .failure(Barrier(.wrongEvent)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(event.count)
        for index in event.indices { bytes.append(event[index]) }
        let subject = viewer.subject(for: event)
        let standing = directory.standing(of: viewer, at: EventID(bytes), subject)
        guard standing.isOfKnownEvent else { return .failure(Barrier(.wrongEvent)) }
        if let barrier = standing.barrier(at: now) { return .failure(barrier) }
        return .success(Place(of: viewer, subject: subject, event: String(decoding: bytes, as: UTF8.self), standing))
    }
}

extension EventRecord {
    /// The list of the event that contains the viewer's user id or e-mail.
    func listing(of viewer: Viewer) -> Listing? { listing(of: viewer.identities) }
}

extension Refusal {
    /// The refusal that tells a viewer about a token's fault.
    package init(_ fault: TokenFault) {
        switch fault {
        case .expired: self = .tokenExpired
        case .notYetValid: self = .tokenNotYetValid
        case .unchecked: self = .tooManyJoins
        case .keysAwaited: self = .tryAgain
        default: self = .tokenInvalid
        }
    }
}

/// Whole seconds since 1970, rounded down.
func seconds(_ moment: Milliseconds) -> Int64 {
    moment >= 0 ? moment / 1000 : (moment - 999) / 1000
}
