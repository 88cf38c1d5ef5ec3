import Admission
import JOSE
import Testing

@Suite("A session that said goodbye may come back a limited number of times")
struct ReturnTests {
    /// A gate at which each subject may return so often.
    private final class Limited {
        let gate: Gate
        var left: Int
        private(set) var asked = 0

        init(_ rules: Admission.Rules, _ left: Int) {
            gate = Gate(rules)
            self.left = left
        }

        func ask(_ viewer: Viewer, _ session: PresentedSession?, takeOver: Bool = false) -> Admission.Verdict {
            let event = bytes("launch")
            return gate.admission.decide(
                Admission.Request(
                    access: .token,
                    presented: session,
                    address: 1,
                    purpose: takeOver ? .takeOver : .join,
                    now: gate.now
                ),
                viewer: viewer,
                event: event.span,
                rules: gate.rules,
                mayReturn: { place in
                    // Many may share a user's id, but nobody shares a registration.
                    #expect((place == viewer.subject) == viewer.isLeased)
                    asked += 1
                    left -= 1
                    return left >= 0
                },
                random: { gate.numbers.pair() }
            )
        }

        func leave(_ viewer: Viewer, _ session: PresentedSession) -> Bool {
            gate.admission.leave(
                session,
                subject: viewer.subject,
                isLeased: viewer.isLeased,
                now: gate.now,
                rules: gate.rules
            )
        }
    }

    private static let policies: [SecondJoin] = [.takeOver, .ask, .refuse]

    @Test(
        "Attack: leaving and returning in a loop is refused once the returns are used up, and changes nothing",
        arguments: [ViewerKind.registration, .embed],
        policies
    )
    func loop(kind: ViewerKind, secondJoin: SecondJoin) throws {
        let limited = Limited(rules { $0.sessions.secondJoin = secondJoin }, 5)
        let viewer = viewer(kind)
        let live = limited.gate.admission.sessions
        live.keepChanges()
        let session = try #require(limited.gate.session(viewer))
        for _ in 0..<5 {
            #expect(limited.leave(viewer, session))
            #expect(limited.ask(viewer, session).admitted?.session == session.id)
        }
        #expect(limited.leave(viewer, session))
        let changes = live.takeChanges().count
        #expect(changes == 12)
        for takeOver in [false, true, false] {
            #expect(limited.ask(viewer, session, takeOver: takeOver).refusal == .tooManyJoins)
            #expect(!limited.leave(viewer, session))
        }
        #expect(live.takeChanges().isEmpty)
        limited.left = 1
        #expect(limited.ask(viewer, session).admitted?.session == session.id)
        #expect(limited.gate.ask(viewer, with: session).admitted?.session == session.id)
    }

    @Test("Only a return counts: renewals, a resumption after a restart and questions do not")
    func others() throws {
        let limited = Limited(rules(), 0)
        let viewer = viewer()
        let session = try #require(limited.gate.session(viewer))
        for _ in 0..<3 { #expect(limited.ask(viewer, session).admitted != nil) }
        limited.gate.restart()
        #expect(limited.ask(viewer, session).admitted?.session == session.id)
        limited.gate.now += limited.gate.rules.sessions.idleTimeout + 1
        #expect(limited.ask(viewer, session).admitted?.session == session.id)
        #expect(limited.asked == 0)
    }
}
