package import JOSE

/// Where a viewer stands once its scope is clear: the event, and what follows from it.
struct Place {
    let subject: SubjectKey
    let event: String
    let listing: Listing?
    let isLeased: Bool
    let secondJoin: SecondJoin?
}

/// Why a viewer has no place in an event.
struct Barrier: Error {
    let refusal: Refusal
    /// When it is not in the way any more, where that is known.
    var isGoneAt: Milliseconds?

    init(_ refusal: Refusal, isGoneAt: Milliseconds? = nil) {
        self.refusal = refusal
        self.isGoneAt = isGoneAt
    }
}

extension Admission.Rules {
    /// Whether the time of a viewer's token is over.
    package func isOver(_ viewer: Viewer, at now: Milliseconds) -> Bool {
        viewer.validity.expires.map { seconds(now) - leeway >= $0 } ?? false
    }

    /// Whether nobody can use a session any more, whatever its event says.
    package func isOver(_ sealed: SealedSession, at now: Milliseconds) -> Bool {
        if now >= after(sealed.session.id.joinedAt, sessions.maxLifetime) { return true }
        return !sessions.outlivesToken && isOver(sealed.viewer, at: now)
    }
}

extension Admission {
    /// When the viewer's stay in an event ends, as things stand: with its token, or because the event closes to it.
    package func end(of viewer: Viewer, in event: String) -> Milliseconds? {
        let record = directory.event(event)
        let ends = [
            viewer.validity.expires.map { $0 * 1000 },
            viewer.closesWithEvent ? record?.closesAt : nil,
            record?.listing(of: viewer) == nil ? record?.doors.closesAt : nil,
        ]
        return ends.compactMap { $0 }.min()
    }

    /// Why a viewer is refused at an event whatever the time, the leases and the limits say; nil: it is not.
    package func refusal(of viewer: Viewer, at event: String, now: Milliseconds, _ rules: Rules) -> Refusal? {
        let event = Array(event.utf8)
        guard case .failure(let barrier) = place(of: viewer, event: event.span, access: .token, now: now, rules) else {
            return nil
        }
        return barrier.refusal
    }

    /// When the doors of an event close; the end of time where they stay open.
    package func doorsClose(in event: String) -> Milliseconds { directory.event(event)?.doors.closesAt ?? .max }

    /// Whether the token is good at this moment; nil: it is.
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

    /// The scope table: whether the token is good for the event, and the viewer's role there.
    ///
    /// A viewer of another event passes a `.session` route, as a viewer of its own event.
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

    /// In the token's own event, or in none.
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
        return place(
            of: viewer,
            id: viewer.eventID,
            event: viewer.event ?? "",
            subject: viewer.subject,
            mustBeKnown: false,
            now: now,
            rules
        )
    }

    /// In another event than the token's own: for company-wide tokens, where the directory knows it as the company's.
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
        return place(
            of: viewer,
            id: EventID(bytes),
            event: String(decoding: bytes, as: UTF8.self),
            subject: viewer.subject(for: event),
            mustBeKnown: true,
            now: now,
            rules
        )
    }

    private func place(
        of viewer: Viewer,
        id: EventID,
        event: String,
        subject: SubjectKey,
        mustBeKnown: Bool,
        now: Milliseconds,
        _ rules: Rules
    ) -> Result<Place, Barrier> {
        var listing: Listing?
        var secondJoin: SecondJoin?
        var doors = Doors()
        let entry = directory.entry(ofEvent: id)
        switch entry.standing {
        case .unknown:
            guard !mustBeKnown, rules.events.haveOwn(of: viewer) else { return .failure(Barrier(.wrongEvent)) }
        case .removed(let company):
            return .failure(Barrier(company.hasSameBytes(as: viewer.company) ? .registrationRemoved : .wrongEvent))
        case .known(let record):
            guard record.company.hasSameBytes(as: viewer.company) else { return .failure(Barrier(.wrongEvent)) }
            guard record.isOpen(to: viewer, at: now) else { return .failure(Barrier(.tokenExpired)) }
            listing = record.listing(of: viewer)
            secondJoin = record.secondJoin
            doors = record.doors
        }
        guard !directory.isRemoved(subject) else { return .failure(Barrier(.registrationRemoved)) }
        guard !entry.hasRemoved(viewer, at: now) else { return .failure(Barrier(.viewerRemoved)) }
        if listing == nil, let refusal = doors.refusal(at: now) {
            return .failure(Barrier(refusal, isGoneAt: refusal == .notOpen ? doors.opensAt : nil))
        }
        return .success(
            Place(subject: subject, event: event, listing: listing, isLeased: viewer.isLeased, secondJoin: secondJoin)
        )
    }
}

extension EventRecord {
    /// Whether the event still takes the viewer: what Register makes is good until the event closes.
    func isOpen(to viewer: Viewer, at now: Milliseconds) -> Bool {
        guard viewer.closesWithEvent, let closesAt else { return true }
        return now < closesAt
    }

    /// The list of the event that has the viewer's user id or e-mail.
    func listing(of viewer: Viewer) -> Listing? { listing(of: viewer.identities) }
}

extension Refusal {
    /// What a viewer is told of a token's fault.
    package init(_ fault: TokenFault) {
        switch fault {
        case .expired: self = .tokenExpired
        case .notYetValid: self = .tokenNotYetValid
        case .unchecked: self = .tooManyJoins
        default: self = .tokenInvalid
        }
    }
}

/// Whole seconds since 1970, rounded down.
func seconds(_ moment: Milliseconds) -> Int64 {
    moment >= 0 ? moment / 1000 : (moment - 999) / 1000
}
