import Admission
import Basics
import Testing

@Suite("Leases: one session at a time")
struct LeaseRuleTests {
    @Test("take_over: a join replaces the holder, whose requests are refused until its user asks to take it back")
    func takeOver() throws {
        let gate = Gate()
        let viewer = viewer()
        let first = try #require(gate.session(viewer))
        let verdict = try #require(gate.ask(viewer, address: 2).admitted)
        #expect(verdict.replaced == first.id)
        let second = verdict.presented
        for _ in 0..<100 {
            gate.now += 1000
            #expect(gate.ask(viewer, with: first).refusal == .sessionReplaced)
            #expect(gate.ask(viewer, with: second, address: 2).admitted?.session == second.id)
        }
        let back = try #require(gate.ask(viewer, with: first, takeOver: true).admitted)
        #expect(back.isNew && back.replaced == second.id)
        #expect(gate.ask(viewer, with: second, address: 2).refusal == .sessionReplaced)
    }

    @Test("refuse: a join, and its user's POST, are refused with the holder's join time until the holder is gone")
    func refuse() throws {
        let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
        let viewer = viewer()
        let first = try #require(gate.session(viewer))
        gate.now += 10_000
        for takeOver in [false, true] {
            #expect(
                gate.ask(viewer, address: 2, takeOver: takeOver)
                    == .refuse(.alreadyActive, since: start, retryAfter: 80_000)
            )
        }
        #expect(gate.admission.leave(first, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules))
        #expect(gate.ask(viewer, address: 2).admitted?.replaced == nil)
        #expect(gate.ask(viewer, with: first).refusal == .alreadyActive)
    }

    @Test("ask: a join is refused, and the user's POST takes over")
    func ask() throws {
        let gate = Gate(rules { $0.sessions.secondJoin = .ask })
        let viewer = viewer()
        let first = try #require(gate.session(viewer))
        #expect(gate.ask(viewer, address: 2).refusal == .alreadyActive)
        #expect(gate.ask(viewer, address: 2, takeOver: true).admitted?.replaced == first.id)
        #expect(gate.ask(viewer, with: first).refusal == .sessionReplaced)
    }

    @Test("The event's own rule for a second join takes precedence over the configured one")
    func eventRule() throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme", secondJoin: .refuse), for: "launch")
        _ = try #require(gate.session(viewer()))
        #expect(gate.ask(viewer(), address: 2).refusal == .alreadyActive)
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        #expect(gate.ask(viewer(), address: 2).refusal == nil)
    }

    @Test(
        "Past the limit, joins from elsewhere are refused; the newest holder stays, and may join from its own address"
    )
    func takeOverLimit() throws {
        let gate = Gate()
        let viewer = viewer()
        _ = try #require(gate.session(viewer, address: 100))
        for number in 0..<6 {
            gate.now += 1000
            #expect(gate.ask(viewer, address: UInt64(number)).refusal == nil)
        }
        gate.now += 1000
        for takeOver in [false, true] {
            #expect(
                gate.ask(viewer, address: 77, takeOver: takeOver)
                    == .refuse(.tooManyJoins, since: nil, retryAfter: 594_000)
            )
        }
        var newest = try #require(gate.session(viewer, address: 5))
        for _ in 0..<594 {
            #expect(gate.ask(viewer, with: newest, address: 5).admitted?.session == newest.id)
            #expect(gate.ask(viewer, address: 77).refusal == .tooManyJoins)
            gate.now += 1000
        }
        newest = try #require(gate.session(viewer, address: 77))
        #expect(gate.ask(viewer, with: newest, address: 77).refusal == nil)
    }

    @Test("Joins from the holder's own address never count, even if it moved since it joined")
    func ownAddress() throws {
        let gate = Gate(rules { $0.sessions.takeOverLimit = 0 })
        let viewer = viewer()
        for _ in 0..<50 { _ = try #require(gate.session(viewer, address: 5)) }
        #expect(gate.ask(viewer, address: 6).refusal == .tooManyJoins)
        let newest = try #require(gate.session(viewer, address: 5))
        #expect(gate.ask(viewer, with: newest, address: 6).refusal == nil)
        #expect(gate.ask(viewer, address: 5).refusal == .tooManyJoins)
        #expect(gate.ask(viewer, address: 6).refusal == nil)
    }

    @Test("Attack: joins without an address, as over a Unix socket, never count as the holder's own")
    func withoutAddress() throws {
        let gate = Gate(rules { $0.sessions.takeOverLimit = 1 })
        let viewer = viewer()
        let first = try #require(gate.session(viewer, address: 0))
        let second = try #require(gate.session(viewer, address: 0))
        #expect(gate.ask(viewer, address: 0).refusal == .tooManyJoins)
        #expect(gate.ask(viewer, with: first, address: 0).refusal == .sessionReplaced)
        #expect(gate.ask(viewer, with: second, address: 0).refusal == nil)
    }

    @Test("Joins within one millisecond, or after the clock was set back, still come out later than the holder")
    func clock() throws {
        let gate = Gate()
        let viewer = viewer()
        var sessions = [try #require(gate.session(viewer))]
        for step: Milliseconds in [0, 0, 0, -5000, -5000, 1] {
            gate.now += step
            sessions.append(try #require(gate.session(viewer)))
        }
        #expect(zip(sessions, sessions.dropFirst()).allSatisfy { $0.id.joinedAt < $1.id.joinedAt })
        for session in sessions.dropLast() {
            #expect(gate.ask(viewer, with: session).refusal == .sessionReplaced)
        }
        let newest = try #require(sessions.last)
        #expect(gate.ask(viewer, with: newest).admitted?.isNew == false)
    }

    @Test(
        "After a restart, the later of two sessions wins in whatever order, or under refuse the earlier",
        arguments: [
            SecondJoin.takeOver, .ask, .refuse,
        ]
    )
    func restart(secondJoin: SecondJoin) throws {
        for laterFirst in [false, true] {
            let gate = Gate()
            let viewer = viewer()
            let earlier = try #require(gate.session(viewer))
            gate.now += 5000
            let later = try #require(gate.session(viewer))
            gate.rules.sessions.secondJoin = secondJoin
            gate.now += 5000
            gate.restart()
            let winner = secondJoin == .refuse ? earlier : later
            let loser = secondJoin == .refuse ? later : earlier
            for session in laterFirst ? [later, earlier] : [earlier, later] {
                _ = gate.ask(viewer, with: session)
                gate.now += 1000
            }
            for _ in 0..<3 {
                #expect(gate.ask(viewer, with: winner).admitted?.session == winner.id)
                #expect(
                    gate.ask(viewer, with: loser).refusal == (secondJoin == .refuse ? .alreadyActive : .sessionReplaced)
                )
                gate.now += 40_000
            }
        }
    }

    @Test("refuse: right after a restart the old holder precedes one who joined meanwhile; later on it does not")
    func restartWindow() throws {
        for (delay, wins) in [(89_999, true), (90_000, false)] as [(Milliseconds, Bool)] {
            let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
            let viewer = viewer()
            let old = try #require(gate.session(viewer))
            gate.now += 1000
            gate.restart()
            let new = try #require(gate.session(viewer, address: 2))
            gate.now += delay / 2
            #expect(gate.ask(viewer, with: new, address: 2).refusal == nil)
            gate.now = start + 1000 + delay
            #expect((gate.ask(viewer, with: old).admitted?.replaced == new.id) == wins)
            #expect(gate.ask(viewer, with: new, address: 2).refusal == (wins ? .alreadyActive : nil))
        }
    }

    @Test("refuse: a session that idled out or left does not push out one that joined since")
    func refuseAfterIdle() throws {
        for leaves in [false, true] {
            let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
            let viewer = viewer()
            gate.now += 200_000
            let first = try #require(gate.session(viewer))
            if leaves {
                gate.admission.leave(first, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules)
            } else {
                gate.now += 90_000
            }
            let second = try #require(gate.session(viewer, address: 2))
            #expect(gate.ask(viewer, with: first).refusal == .alreadyActive)
            #expect(gate.ask(viewer, with: second, address: 2).admitted?.session == second.id)
        }
    }

    @Test("A delayed goodbye counts only if the holder was not seen since")
    func lateGoodbye() throws {
        let (table, subject) = (LeaseTable(startedAt: 0, seed: 1, shards: 1), SubjectKey(high: 1, low: 2))
        guard
            case .joined(let session, _) = table.join(
                subject,
                as: .new(1, 2),
                address: 7,
                now: 1000,
                policy: SessionPolicy()
            )
        else { return }
        func leave(unlessUsedAfter moment: Milliseconds) -> Bool {
            table.leave(session, for: subject, unlessUsedAfter: moment, now: 5000, policy: SessionPolicy())
        }
        #expect(table.renew(session, for: subject, address: 7, now: 2001, policy: SessionPolicy()))
        #expect(!leave(unlessUsedAfter: 2000))
        #expect(leave(unlessUsedAfter: 2001))
        #expect(!leave(unlessUsedAfter: 9000), "it has left already")
    }

    @Test("After the holder left, an earlier session cannot come back by itself; the one that left may")
    func leave() throws {
        let gate = Gate()
        let viewer = viewer()
        let first = try #require(gate.session(viewer))
        let second = try #require(gate.session(viewer, address: 2))
        #expect(!gate.admission.leave(first, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules))
        #expect(gate.admission.leave(second, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules))
        #expect(
            !gate.admission.leave(second, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules)
        )
        gate.now += 89_999
        #expect(gate.ask(viewer, with: first).refusal == .sessionReplaced)
        #expect(gate.ask(viewer, with: second).admitted?.isNew == false)
    }

    @Test("Attack: end another's session with its id but another subject")
    func leaveForged() throws {
        let gate = Gate()
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        let forged = PresentedSession(id: session.id, subject: SubjectKey(high: 0, low: 0))
        #expect(
            !gate.admission.leave(forged, subject: viewer.subject, isLeased: true, now: gate.now, rules: gate.rules)
        )
        #expect(gate.ask(viewer, with: session).admitted?.isNew == false)
    }

    @Test("A session that an operator ended stays out for its whole lifetime; a new join may enter")
    func end() throws {
        let gate = Gate()
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        #expect(gate.admission.leases.end(viewer.subject, now: gate.now) == session.id)
        #expect(gate.admission.leases.end(viewer.subject, now: gate.now) == nil)
        for _ in 0..<40 {
            gate.now += 1_000_000
            gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions)
            #expect(gate.ask(viewer, with: session).refusal == .viewerRemoved)
        }
        #expect(gate.ask(viewer).admitted?.isNew == true)
    }

    @Test("Attack: a session of another subject is treated like any join")
    func forgedSession() throws {
        let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        for other in [AdmissionTests.viewer(registration: "r2"), AdmissionTests.viewer(event: "summit")] {
            let moved = PresentedSession(id: session.id, subject: other.subject)
            #expect(gate.ask(viewer, with: moved).refusal == .alreadyActive)
        }
        #expect(gate.ask(viewer, with: session).admitted?.isNew == false)
    }

    @Test("A session from the future is not resumed, but the one that holds the lease continues")
    func future() throws {
        let gate = Gate()
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        gate.now -= 3_600_000
        #expect(gate.ask(viewer, with: session).admitted?.isNew == false)
        gate.restart()
        #expect(gate.ask(viewer, with: session).admitted?.isNew == true)
        #expect(gate.ask(viewer, with: session).refusal == .sessionReplaced)
    }

    @Test("A session past its maximum age is succeeded by a new one, under every rule", arguments: SecondJoin.allCases)
    func maxLifetime(secondJoin: SecondJoin) throws {
        let gate = Gate(
            rules {
                $0.sessions.secondJoin = secondJoin; $0.sessions.takeOverLimit = 0
            }
        )
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        while gate.now < start + 12 * 3_600_000 - 60_000 {
            gate.now += 60_000
            #expect(gate.ask(viewer, with: session).admitted?.isNew == false)
        }
        gate.now = start + 12 * 3_600_000
        let next = gate.ask(viewer, with: session).admitted
        #expect(next?.isNew == true && next?.replaced == session.id)
        #expect(gate.ask(viewer, with: session).refusal == (secondJoin == .refuse ? .alreadyActive : .sessionReplaced))
    }

    @Test("A lease ends at the idle timeout to the millisecond, swept or not, and the sweep reports who is gone")
    func idle() throws {
        for isSwept in [false, true] {
            let gate = Gate(rules { $0.sessions.secondJoin = .refuse })
            let viewer = viewer()
            let session = try #require(gate.session(viewer))
            gate.now += 89_999
            if isSwept { #expect(gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions) == []) }
            #expect(gate.ask(viewer, address: 2).refusal == .alreadyActive)
            gate.now += 1
            if isSwept {
                let lapses = gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions)
                #expect(lapses.map(\.subject) == [viewer.subject])
                #expect(lapses.map(\.session) == [session.id])
                #expect(lapses.map(\.lastUsed) == [start])
                #expect(gate.admission.leases.count == 0)
            }
            #expect(gate.ask(viewer, address: 2).refusal == nil)
        }
    }

    @Test("An open stream keeps its lease, and learns that it was replaced")
    func openStream() throws {
        let gate = Gate()
        let viewer = viewer()
        let admitted = try #require(gate.ask(viewer).admitted)
        for _ in 0..<100 {
            gate.now += 15_000
            gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions)
            #expect(gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules) == nil)
        }
        // The machine slept: the lease was swept, and nobody else joined.
        gate.now += 1_000_000
        gate.admission.leases.expire(now: gate.now, policy: gate.rules.sessions)
        #expect(gate.admission.leases.count == 0)
        #expect(gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules) == nil)
        #expect(gate.ask(viewer, address: 2).admitted?.replaced == admitted.session)
        #expect(
            gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
                == .sessionReplaced
        )
    }
}
