import Admission
import Testing

@Suite("A request that only asks for its session changes nothing")
struct AskingTests {
    private func ask(_ gate: Gate, _ viewer: Viewer, _ session: PresentedSession?) -> Admission.Verdict {
        let event = bytes("launch")
        let request = Admission.Request(
            access: .session,
            presented: session,
            address: 1,
            purpose: .ask,
            now: gate.now
        )
        return gate.admission.decide(request, viewer: viewer, event: event.span, rules: gate.rules) {
            Issue.record("a session was made")
            return nil
        }
    }

    private static let kinds: [ViewerKind] = [.registration, .embed]

    @Test("Without a session, or with one of another subject, the answer is none", arguments: kinds)
    func none(kind: ViewerKind) throws {
        let gate = Gate()
        let other = try #require(gate.session(viewer(kind, userID: "u2", registration: "r2")))
        for session in [nil, other] { #expect(ask(gate, viewer(kind), session) == .outside) }
        #expect(gate.admission.sessions.count == 1)
    }

    @Test("A session that lapsed, left, or is from before a restart is reported, and stays away", arguments: kinds)
    func away(kind: ViewerKind) throws {
        let gate = Gate()
        let person = viewer(kind)
        let session = try #require(gate.session(person))
        let joined = try #require(ask(gate, person, session).admitted)
        gate.admission.leave(
            session,
            subject: joined.subject,
            isLeased: kind == .registration,
            now: gate.now,
            rules: gate.rules
        )
        #expect(ask(gate, person, session).admitted?.session == session.id)
        #expect(gate.admission.sessions.count == 0)
        gate.now += 200_000
        gate.admission.expire(now: gate.now, rules: gate.rules)
        #expect(ask(gate, person, session).admitted?.session == session.id)
        gate.restart()
        #expect(ask(gate, person, session).admitted?.session == session.id)
        #expect(gate.admission.sessions.count == 0 && gate.admission.leases.count == 0)
        // The session itself comes back with its next request for something else.
        #expect(gate.session(person, with: session) == session)
        #expect(gate.admission.sessions.count == 1)
    }

    @Test("A session that was replaced is told so, and its holder stays")
    func replaced() throws {
        let gate = Gate()
        let first = try #require(gate.session(viewer()))
        let second = try #require(gate.session(viewer(), address: 2))
        #expect(ask(gate, viewer(), first).refusal == .sessionReplaced)
        #expect(gate.session(viewer(), with: second) == second)
        #expect(gate.admission.sessions.all().map(\.id) == [second.id])
    }
}
