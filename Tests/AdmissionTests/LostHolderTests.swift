import Admission
import Basics
import Testing

/// A registration's viewer opens a good link while a session of theirs holds the lease that nobody can use any more.
@Suite("A session that can no longer go on does not keep its viewer out")
struct LostHolderTests {
    enum Loss: String, CaseIterable {
        /// The key of its token has left the configuration.
        case key
        case token, lifetime, removal, closingEvent, ended
        /// Its event is another company's by now.
        case foreignEvent
    }

    /// Loses the session of `viewer`, but not the registration.
    private func lose(_ viewer: Viewer, _ session: PresentedSession, by loss: Loss, at gate: Gate) {
        switch loss {
        case .key: break
        case .token: gate.now += 61_000 + gate.rules.leeway * 1000
        case .lifetime: gate.now += gate.rules.sessions.maxLifetime
        case .removal:
            gate.directory.add(
                Removal(
                    id: "1",
                    company: "acme",
                    event: "launch",
                    person: RemovedPerson(.user, "u1"),
                    until: nil,
                    reason: nil,
                    createdAt: gate.now
                )
            )
        case .closingEvent:
            gate.directory.set(EventRecord(company: "acme", closesAt: gate.now), for: "launch")
        case .ended: gate.directory.end(EndedSession(session.id, gate.rules.sessions))
        case .foreignEvent: gate.rules.events = EventOwners([("acme", [])])
        }
    }

    private func join(
        _ viewer: Viewer,
        _ gate: Gate,
        isAccepted: (Viewer) -> Bool
    ) -> Admission.Verdict {
        let event = bytes("launch")
        return gate.admission.decide(
            Admission.Request(access: .token, presented: nil, address: 2, now: gate.now),
            viewer: viewer,
            event: event.span,
            rules: gate.rules,
            isAccepted: isAccepted,
            random: { gate.numbers.pair() }
        )
    }

    @Test(
        "With a good link they join, whatever ended it; before, they are refused",
        arguments: [SecondJoin.refuse, .ask],
        [Loss.key, .token, .lifetime, .removal, .closingEvent, .ended]
    )
    func joins(secondJoin: SecondJoin, loss: Loss) throws {
        let gate = Gate(
            rules {
                $0.sessions.secondJoin = secondJoin
                $0.sessions.idleTimeout = 1 << 40
            }
        )
        let former = viewer(expires: start / 1000 + (loss == .token ? 60 : 1 << 30), closesWithEvent: true)
        let session = try #require(gate.session(former))
        let later = viewer(userID: "u2", expires: start / 1000 + 1 << 30)
        func isAccepted(_ other: Viewer) -> Bool { loss != .key || other !== former }
        #expect(join(later, gate, isAccepted: { _ in true }).refusal == .alreadyActive)
        gate.admission.sessions.keepChanges()
        lose(former, session, by: loss, at: gate)
        let admitted = try #require(join(later, gate, isAccepted: isAccepted).admitted, "\(loss)")
        #expect(admitted.isNew && admitted.session != session.id)
        let listed = gate.admission.sessions.all()
        #expect(listed.map(\.id) == [admitted.session])
        let endings = gate.admission.sessions.takeChanges().compactMap { change -> String? in
            if case .departed(let live, let ending, _) = change { "\(live.id == session.id) \(ending)" } else { nil }
        }
        #expect(endings == ["true lapsed"])
        #expect(join(later, gate, isAccepted: isAccepted).refusal == .alreadyActive, "the new one counts")
    }

    @Test("A link that is itself no good gets nothing, and a holder that may go on stays")
    func others() throws {
        let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        lose(viewer, session, by: .foreignEvent, at: gate)
        #expect(join(viewer, gate, isAccepted: { _ in true }).refusal == .wrongEvent)
        gate.rules = rules { $0.sessions.secondJoin = .refuse }
        for _ in 0..<3 { #expect(join(viewer, gate, isAccepted: { _ in true }).refusal == .alreadyActive) }
        #expect(gate.ask(viewer, with: session).admitted?.session == session.id)
    }

    @Test("take_over: joins past the limit are not counted against a holder that can no longer go on")
    func limit() throws {
        let gate = Gate(rules { $0.sessions.takeOverLimit = 0 })
        let former = viewer()
        _ = try #require(gate.session(former))
        #expect(join(viewer(), gate, isAccepted: { _ in true }).refusal == .tooManyJoins)
        #expect(join(viewer(), gate, isAccepted: { $0 !== former }).admitted != nil)
    }

    @Test("Once its key is back it comes back, unless somebody took its place")
    func returns() throws {
        for isTaken in [false, true] {
            let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
            let former = viewer()
            let session = try #require(gate.session(former))
            let successor = try #require(join(viewer(), gate, isAccepted: { $0 !== former }).admitted)
            if !isTaken {
                let subject = former.subject
                gate.admission.leave(
                    successor.presented,
                    subject: subject,
                    isLeased: true,
                    now: gate.now,
                    rules: gate.rules
                )
            }
            let verdict = gate.ask(former, with: session)
            #expect(isTaken ? verdict.refusal == .alreadyActive : verdict.admitted?.session == session.id)
        }
    }
}
