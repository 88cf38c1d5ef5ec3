import Admission
import Basics
import Testing

@Suite("Doors: when an event lets attendees in")
struct DoorsTests {
    private func gate(_ doors: Doors, presenters: [String] = [], secondJoin: SecondJoin? = nil) -> Gate {
        let gate = Gate()
        let record = EventRecord(company: "acme", presenters: presenters, secondJoin: secondJoin, doors: doors)
        gate.directory.set(record, for: "launch")
        return gate
    }

    @Test(
        "They hold to the millisecond, for joins and for open sessions; without them there is no rule",
        arguments: [
            (start, start + 1000, Refusal.notOpen, Refusal.eventOver), (start, nil, .notOpen, nil),
            (nil, start + 1000, nil, .eventOver), (nil, nil, nil, nil),
        ] as [(Milliseconds?, Milliseconds?, Refusal?, Refusal?)],
        [ViewerKind.embed, .registration]
    )
    func times(
        _ row: (opensAt: Milliseconds?, closesAt: Milliseconds?, before: Refusal?, after: Refusal?),
        _ kind: ViewerKind
    ) throws {
        let gate = gate(Doors(opensAt: row.opensAt, closesAt: row.closesAt))
        let viewer = viewer(kind)
        gate.now = start - 1
        for purpose in [Admission.Purpose.join, .prepare, .takeOver, .ask] {
            #expect(gate.ask(viewer, purpose: purpose).refusal == row.before, "\(purpose)")
        }
        gate.now = start
        let admitted = try #require(gate.ask(viewer, address: 2).admitted)
        func keep() -> Refusal? {
            gate.admission.keep(admitted, viewer: viewer, address: 2, now: gate.now, rules: gate.rules)
        }
        gate.now = start + 999
        #expect(keep() == nil && gate.ask(viewer, with: admitted.presented).refusal == nil)
        gate.now = start + 1000
        #expect(keep() == row.after && gate.ask(viewer, with: admitted.presented).refusal == row.after)
        #expect(gate.ask(viewer).refusal == row.after)
        #expect(gate.admission.doorsClose(in: "launch") == row.closesAt ?? .max)
    }

    @Test("A viewer who is early learns how long to wait")
    func countdown() {
        let gate = gate(Doors(opensAt: start + 90_000, closesAt: start + 200_000))
        guard case .refuse(.notOpen, nil, 90_000?) = gate.ask(viewer()) else {
            Issue.record("\(gate.ask(viewer()))")
            return
        }
        gate.now = start + 200_000
        guard case .refuse(.eventOver, nil, nil) = gate.ask(viewer()) else {
            Issue.record("\(gate.ask(viewer()))")
            return
        }
    }

    @Test("A session ends with its token, and at the latest with its lifetime")
    func ends() {
        let gate = gate(Doors())
        var rules = gate.rules
        rules.leeway = 30
        rules.sessions.maxLifetime = 7_200_000
        let session = SessionID(joinedAt: start, random0: 1, random1: 2)
        func end(_ expires: Int64?) -> Milliseconds {
            rules.end(of: session, viewer(.embed, expires: expires))
        }
        #expect(end(start / 1000 + 3600) == start + 3_600_000)
        for expires in [start / 1000 + 86_400, .max, nil] { #expect(end(expires) == start + 7_200_000) }
        rules.sessions.outlivesToken = true
        #expect(end(start / 1000 + 3600) == start + 7_200_000)
    }

    @Test("Hosts come in before and after, and stay; a viewer who is no longer host has to go")
    func hosts() throws {
        let gate = gate(Doors(opensAt: start + 1000, closesAt: start + 2000), presenters: ["u1"])
        let host = viewer(.embed)
        let admitted = try #require(gate.ask(host).admitted)
        #expect(admitted.role == .host)
        #expect(gate.ask(viewer(.embed, userID: "u2")).refusal == .notOpen)
        gate.now = start + 2000
        func keep() -> Refusal? {
            gate.admission.keep(admitted, viewer: host, address: 1, now: gate.now, rules: gate.rules)
        }
        #expect(keep() == nil)
        let end = gate.admission.end(of: admitted.session, host, in: "launch", gate.rules)
        #expect(end == gate.rules.end(of: admitted.session, host) && end > start + 2000)
        let guest = viewer(userID: "u2")
        #expect(gate.admission.end(of: admitted.session, guest, in: "launch", gate.rules) == start + 2000)
        gate.directory.set(EventRecord(company: "acme", doors: Doors(closesAt: start + 2000)), for: "launch")
        #expect(keep() == .eventOver)
    }

    @Test("The doors are those of the requested event, not of the token's own")
    func otherEvent() {
        let gate = gate(Doors(opensAt: start + 1000))
        gate.directory.set(EventRecord(company: "acme"), for: "other")
        let viewer = viewer(.embed, eventSpecific: false)
        #expect(gate.ask(viewer, event: "launch").refusal == .notOpen)
        #expect(gate.ask(viewer, event: "other").admitted != nil)
        gate.directory.removeEvent("launch", company: "acme")
        #expect(gate.ask(viewer, event: "launch").refusal == .registrationRemoved)
    }

    @Test("A removed viewer is told about the removal, and not to come back when the doors open")
    func removed() {
        let gate = gate(Doors(opensAt: start + 1000))
        gate.directory.add(
            Removal(
                id: "id",
                company: "acme",
                event: "launch",
                person: RemovedPerson(.registration, "r1"),
                until: nil,
                reason: nil,
                createdAt: start
            )
        )
        #expect(gate.ask(viewer()).refusal == .viewerRemoved)
    }
}
