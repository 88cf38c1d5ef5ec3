import Admission
import Testing

/// A navigation with a link gets a session that joins when its cookie comes back.
@Suite("Joins in two steps")
struct PendingJoinTests {
    private func prepared(_ gate: Gate, _ viewer: Viewer, address: UInt64 = 1) throws -> PresentedSession {
        let admitted = try #require(gate.ask(viewer, address: address, purpose: .prepare).admitted)
        #expect(admitted.isNew && admitted.isPending && admitted.presented.isPending)
        return admitted.presented
    }

    private static let kinds: [ViewerKind] = [.registration, .embed]

    @Test(
        "Attack: a scanner that follows links and keeps no cookies takes nobody's lease",
        arguments: SecondJoin.allCases
    )
    func scanner(policy: SecondJoin) throws {
        let gate = Gate(rules { $0.sessions.secondJoin = policy })
        let holder = try #require(gate.session(viewer()))
        for _ in 0..<20 { _ = try prepared(gate, viewer(), address: 9) }
        #expect(gate.ask(viewer(), with: holder).admitted?.session == holder.id)
        #expect(gate.admission.sessions.count == 1)
    }

    @Test(
        "The session joins once, with the request that brings it back, and stays the same afterwards",
        arguments: kinds
    )
    func joins(kind: ViewerKind) throws {
        let gate = Gate()
        let person = viewer(kind)
        let pending = try prepared(gate, person)
        #expect(gate.admission.sessions.count == 0)
        let joined = try #require(gate.ask(person, with: pending).admitted)
        #expect(joined.isNew && !joined.isPending && joined.session == pending.id)
        #expect(gate.admission.sessions.count == 1)
        // The answer with the joined session may be lost: then the pending one continues.
        for session in [joined.presented, pending] {
            #expect(gate.ask(person, with: session).admitted?.session == pending.id)
        }
        #expect(gate.admission.sessions.count == 1)
    }

    @Test("It replaces the holder under take_over, and asks first under ask and refuse")
    func policies() throws {
        for policy in SecondJoin.allCases {
            let gate = Gate(rules { $0.sessions.secondJoin = policy })
            let holder = try #require(gate.session(viewer()))
            let pending = try prepared(gate, viewer(), address: 2)
            let verdict = gate.ask(viewer(), with: pending, address: 2)
            if policy == .takeOver {
                #expect(verdict.admitted?.replaced == holder.id)
            } else {
                #expect(verdict.refusal == .alreadyActive)
            }
            let asked = gate.ask(viewer(), with: pending, address: 2, takeOver: true)
            if policy == .ask { #expect(asked.admitted?.replaced == holder.id) }
            if policy == .refuse { #expect(asked.refusal == .alreadyActive) }
        }
    }

    @Test("Attack: a pending session does not win back a lease that was taken since")
    func notWonBack() throws {
        let gate = Gate()
        let pending = try prepared(gate, viewer())
        #expect(gate.ask(viewer(), with: pending).admitted?.isNew == true)
        gate.now += 10
        let second = try #require(gate.session(viewer(), address: 2))
        for _ in 0..<5 { #expect(gate.ask(viewer(), with: pending).refusal == .sessionReplaced) }
        #expect(gate.ask(viewer(), with: second, address: 2).admitted?.session == second.id)
    }

    @Test("Attack: a pending session does not come back after an operator has ended it")
    func notAfterEnd() throws {
        let gate = Gate()
        let pending = try prepared(gate, viewer())
        #expect(gate.ask(viewer(), with: pending).admitted?.isNew == true)
        #expect(gate.admission.leases.end(viewer().subject, now: gate.now) == pending.id)
        #expect(gate.ask(viewer(), with: pending).refusal == .viewerRemoved)
    }

    @Test("Take-overs by links count towards the limit")
    func limit() throws {
        let gate = Gate(rules { $0.sessions.takeOverLimit = 2 })
        _ = try #require(gate.session(viewer(), address: 1))
        for address: UInt64 in 2...3 {
            gate.now += 1
            let pending = try prepared(gate, viewer(), address: address)
            #expect(gate.ask(viewer(), with: pending, address: address).admitted?.isNew == true)
        }
        gate.now += 1
        let pending = try prepared(gate, viewer(), address: 4)
        #expect(gate.ask(viewer(), with: pending, address: 4).refusal == .tooManyJoins)
    }

    @Test("A reload of the link with its session keeps that session")
    func reload() throws {
        let gate = Gate()
        let session = try #require(gate.session(viewer()))
        let again = try #require(gate.ask(viewer(), with: session, purpose: .prepare).admitted)
        #expect(!again.isNew && !again.isPending && again.session == session.id)
    }
}
