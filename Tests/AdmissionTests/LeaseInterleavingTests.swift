import Admission
import Testing

/// Runs every order of the actions of two and three holders, and compares with the model after each step.
@Suite("Leases: every order of events")
struct LeaseInterleavingTests {
    /// Runs one order of steps. Returns `nil`, or the first difference from the model.
    private func disagreement(_ steps: [Step], holders: Int, rule: SecondJoin) -> String? {
        let gate = Gate(
            rules {
                $0.sessions.secondJoin = rule; $0.sessions.maxLifetime = .max / 4
            }
        )
        let viewer = viewer(expires: start / 1000 * 2)
        var model = LeaseModel(rule: rule, holders: holders)
        var sessions = [PresentedSession?](repeating: nil, count: holders)
        var made: [SessionID] = []
        for (number, step) in steps.enumerated() {
            let isRight: Bool
            switch step {
            case .request(let holder), .takeOver(let holder):
                let isTakeOver = step == .takeOver(holder)
                let expected = model.request(holder, isTakeOver: isTakeOver)
                let verdict = gate.ask(viewer, with: sessions[holder], takeOver: isTakeOver)
                switch verdict {
                case .outside, .claimed, .waiting: isRight = false
                case .refuse(let refusal, _, _):
                    isRight = expected == .refused(refusal)
                case .admit(let admitted):
                    if admitted.isNew {
                        made.append(admitted.session)
                        sessions[holder] = admitted.presented
                    }
                    let session = made.firstIndex(of: admitted.session) ?? -1
                    let replaced = admitted.replaced.map { made.firstIndex(of: $0) ?? -1 }
                    isRight =
                        expected
                        == (admitted.isNew
                            ? .new(session, replaced: replaced) : .same(session, replaced: replaced))
                }
            case .leave(let holder):
                gate.now += 100
                let left = sessions[holder].map {
                    gate.admission.leave($0, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules)
                }
                isRight = model.leave(holder) == (left ?? false)
            case .wait:
                gate.now += gate.rules.sessions.idleTimeout / 2
                model.pass(halves: 1)
                isRight = true
            case .idle:
                gate.now += gate.rules.sessions.idleTimeout * 3 / 2
                model.pass(halves: 3)
                isRight = true
            case .sweep:
                // Sweeping never changes a decision.
                gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions)
                // An expired entry may be swept up to a tick later; a live one never is.
                isRight = gate.admission.leases.count == 1 || model.remembered == nil
            case .restart:
                // Joins may share a millisecond, but a start takes time, and so does leaving and returning.
                gate.now += 1000
                gate.restart()
                model.restart()
                isRight = true
            }
            let lease = gate.admission.leases.lease(of: viewer.subject, now: gate.now, policy: gate.rules.sessions)
            guard isRight, lease?.session == model.active.map({ made[$0] }) else {
                return "\(rule): \(steps[...number])"
            }
        }
        return nil
    }

    @Test(
        "Every order of two holders' joins, renewals, leaves, idling, sweeps and restarts",
        arguments: SecondJoin.allCases
    )
    func twoHolders(rule: SecondJoin) {
        everyOrder(of: Step.all(holders: 2), length: 4, holders: 2, rule: rule)
    }

    @Test("Every order of three holders' joins and renewals, with a restart anywhere", arguments: SecondJoin.allCases)
    func threeHolders(rule: SecondJoin) {
        let steps: [Step] = [.request(0), .request(1), .request(2), .takeOver(2), .leave(1), .wait, .restart]
        everyOrder(of: steps, length: 5, holders: 3, rule: rule)
    }

    @Test("Long random orders of three holders", arguments: SecondJoin.allCases)
    func longOrders(rule: SecondJoin) {
        var numbers = Numbers(seed: 99)
        let all = Step.all(holders: 3)
        for _ in 0..<400 {
            let steps = (0..<60).map { _ in all[Int(numbers.next() % UInt64(all.count))] }
            if let disagreement = disagreement(steps, holders: 3, rule: rule) {
                Issue.record("\(disagreement)")
                return
            }
        }
    }

    private func everyOrder(of steps: [Step], length: Int, holders: Int, rule: SecondJoin) {
        var places = [Int](repeating: 0, count: length)
        var count = 0
        while true {
            if let disagreement = disagreement(places.map { steps[$0] }, holders: holders, rule: rule) {
                Issue.record("\(disagreement)")
                return
            }
            count += 1
            guard let place = places.lastIndex(where: { $0 + 1 < steps.count }) else { break }
            places[place] += 1
            for later in (place + 1)..<max(length, place + 1) { places[later] = 0 }
        }
        #expect(count > 1000)
    }
}
