import Admission
import Testing

@Suite("Sessions ended from outside")
struct EndingTests {
    @Test(
        "An ended session is over at once and for good; its viewer may join with another one",
        arguments: ViewerKind.both
    )
    func end(_ kind: ViewerKind) throws {
        let gate = Gate()
        let viewer = viewer(kind)
        let session = try #require(gate.session(viewer))
        let live = try #require(gate.admission.sessions.all().first)
        #expect(live.id == session.id)
        gate.admission.end(live, .ended, now: gate.now)
        #expect(gate.admission.sessions.count == 0)
        for purpose in [Admission.Purpose.join, .prepare, .takeOver, .ask] {
            #expect(gate.ask(viewer, with: session, purpose: purpose).refusal == .viewerRemoved, "\(purpose)")
        }
        gate.now += gate.rules.sessions.idleTimeout * 2
        gate.admission.expire(now: gate.now, rules: gate.rules)
        #expect(gate.ask(viewer, with: session).refusal == .viewerRemoved)
        #expect(gate.ask(viewer, address: 2).admitted != nil)
        #expect(gate.admission.sessions.count == 1)
    }

    @Test("An open stream of an ended session ends as removed, however it learns of it")
    func endOpen() throws {
        let gate = Gate()
        let viewer = viewer()
        let admitted = try #require(gate.ask(viewer).admitted)
        gate.admission.end(try #require(gate.admission.sessions.all().first), .ended, now: gate.now)
        let refusal = gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
        #expect(refusal == .viewerRemoved)
    }

    @Test("An open stream ends as left after a goodbye, and as replaced after a take-over")
    func leaveOpen() throws {
        for isReplaced in [false, true] {
            let gate = Gate()
            let viewer = viewer()
            let admitted = try #require(gate.ask(viewer).admitted)
            gate.now += 1
            #expect(
                gate.admission.leave(
                    admitted.presented,
                    subject: viewer.subject,
                    isLeased: true,
                    now: gate.now,
                    rules: gate.rules
                )
            )
            if isReplaced { #expect(gate.ask(viewer, address: 2).admitted?.isNew == true) }
            let refusal = gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
            #expect(refusal == (isReplaced ? .sessionReplaced : .sessionLeft))
        }
    }

    @Test("Attack: an ended session waits for a restart; its viewer may join again", arguments: ViewerKind.both)
    func endThenRestart(_ kind: ViewerKind) throws {
        let gate = Gate()
        let viewer = viewer(kind)
        let session = try #require(gate.session(viewer))
        let other = try #require(gate.session(AdmissionTests.viewer(kind, userID: "u2", registration: "r2")))
        gate.directory.end(EndedSession(session.id, gate.rules.sessions))
        gate.restart()
        for purpose in [Admission.Purpose.join, .prepare, .takeOver, .ask] {
            #expect(gate.ask(viewer, with: session, purpose: purpose).refusal == .viewerRemoved, "\(purpose)")
        }
        let own = AdmissionTests.viewer(kind, userID: "u2", registration: "r2")
        #expect(gate.ask(own, with: other).admitted?.session == other.id)
        #expect(gate.ask(viewer).admitted?.isNew == true)
    }

    @Test("Ending a session that was replaced meanwhile does not affect its successor")
    func endReplaced() throws {
        let gate = Gate()
        let viewer = viewer()
        _ = gate.session(viewer)
        let live = try #require(gate.admission.sessions.all().first)
        gate.now += 1
        let second = try #require(gate.session(viewer, address: 2))
        gate.admission.end(live, .ended, now: gate.now)
        #expect(gate.ask(viewer, with: second).admitted?.session == second.id)
        #expect(gate.admission.sessions.all().map(\.id) == [second.id])
    }

    @Test("A session that had expired but was still listed when it was ended does not come back by itself")
    func endLapsed() throws {
        let gate = Gate()
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        let live = try #require(gate.admission.sessions.all().first)
        gate.now += gate.rules.sessions.idleTimeout
        gate.admission.end(live, .ended, now: gate.now)
        #expect(gate.admission.sessions.count == 0)
        #expect(gate.ask(viewer, with: session).refusal == .viewerRemoved)
    }

    @Test("The holder of a lease is ended through its registration; without a holder, nothing ends")
    func endHolder() throws {
        let gate = Gate()
        let viewer = viewer()
        #expect(gate.admission.end(holderOf: viewer.subject, .removed, now: gate.now) == nil)
        let session = try #require(gate.session(viewer))
        #expect(
            gate.admission.end(holderOf: viewer.subject, .removed, now: gate.now) == session.id
        )
        #expect(gate.admission.sessions.count == 0)
    }
}

extension ViewerKind {
    fileprivate static let both: [ViewerKind] = [.embed, .registration]
}
