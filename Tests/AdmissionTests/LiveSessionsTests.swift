import Basics
import Testing

@testable import Admission

@Suite("Live sessions: who is there, and what happened to them")
struct LiveSessionsTests {
    let directory = DirectoryView()
    let leases = LeaseTable(startedAt: start, seed: 1, shards: 4)
    let sessions: LiveSessions
    let policy = SessionPolicy()

    init() { sessions = LiveSessions(leases: leases, directory: directory) }

    /// Joins as the holder of its own lease; the number names the session.
    @discardableResult
    private func join(
        _ number: UInt64,
        company: String = "acme",
        event: String = "launch",
        userID: String = "u1",
        at now: Milliseconds = start
    ) -> SessionID? {
        let viewer = viewer(.embed, company: company, event: event, userID: userID)
        let result = leases.join(
            subject(number),
            as: .new(number, number),
            arrival: Arrival(viewer: viewer, event: event, role: .attendee),
            address: 1,
            now: now,
            policy: policy
        )
        if case .joined(let session, _) = result { return session }
        return nil
    }

    private func subject(_ number: UInt64) -> SubjectKey {
        SubjectKey(high: number, low: number &* 0x9E37_79B9_7F4A_7C15)
    }

    private func words() -> [String] {
        sessions.takeChanges().map { change in
            switch change {
            case .arrived(let session): "arrived \(session.id.random0)"
            case .departed(let session, let ending, let moment):
                "departed \(session.id.random0) \(ending.rawValue) \(moment - start)"
            }
        }
    }

    @Test("A list has the sessions of a company's event, earliest first")
    func list() throws {
        for number in (UInt64(1)...200).reversed() { join(number, at: start + Int64(number)) }
        join(500, company: "globex")
        join(501, event: "other")
        join(502, event: "Launch")
        #expect(sessions.list(company: "acme", event: "launch").map(\.id.random0) == Array(1...200))
        #expect(sessions.list(company: "globex", event: "launch").map(\.id.random0) == [500])
        #expect(sessions.list(company: "globex", event: "other").isEmpty)
        #expect(sessions.count == 203)
        #expect(sessions.all { $0.company == "acme" }.count == 202)
        let seventh = try #require(sessions.all { $0.id.random0 == 7 }.first)
        #expect(leases.leave(seventh.id, for: seventh.key, now: start + 300, policy: policy))
        #expect(sessions.count == 202)
        #expect(!sessions.list(company: "acme", event: "launch").contains { $0.id.random0 == 7 })
    }

    @Test("The latest are the same whatever order shards have them in, and pages have each session once")
    func latest() {
        // Joined in an order that is neither that of time nor its reverse.
        for number in 0..<500 as Range<UInt64> { join(number * 211 % 500 + 1, at: start + Int64(number * 211 % 500)) }
        join(900, company: "globex", at: start + 1000)
        var (found, place): ([UInt64], SessionID?) = ([], nil)
        while true {
            let (page, total) = sessions.latest(60, before: place) { $0.company == "acme" }
            #expect(total == 500)
            guard let last = page.last else { break }
            #expect(page.count == 60 || page.count == 500 % 60)
            found += page.map(\.id.random0)
            place = last.id
        }
        #expect(found == (1...500).reversed())
        #expect(sessions.latest(1).sessions.map(\.id.random0) == [900])
        #expect(sessions.latest(60) { _ in false }.sessions.isEmpty)
    }

    @Test("A session is found by its public name, exactly")
    func named() throws {
        for number in 1...20 as ClosedRange<UInt64> { join(number) }
        #expect(sessions.session(named: "0000000000000011")?.id.random0 == 17)
        for name in ["", "11", "0000000000000099", "000000000000000B"] { #expect(sessions.session(named: name) == nil) }
    }

    @Test("Ids that look the same but have other bytes are other events")
    func lookAlikes() {
        join(1, event: "\u{E9}")
        #expect(sessions.list(company: "acme", event: "e\u{301}").isEmpty)
        #expect(sessions.list(company: "acme", event: "\u{E9}").count == 1)
    }

    @Test("Changes are reported once, in order, and only to a caller who asked to keep them")
    func changes() throws {
        join(1)
        #expect(words().isEmpty)
        sessions.keepChanges()
        #expect(words().isEmpty)
        let two = try #require(join(2))
        #expect(words() == ["arrived 2"])
        // Another one joins in its place, leaves, and comes back.
        let second = leases.join(
            subject(2),
            as: .new(3, 3),
            arrival: Arrival(viewer: viewer(.embed), event: "launch", role: .attendee),
            address: 2,
            now: start + 5,
            policy: policy
        )
        guard case .joined(let three, two) = second else {
            Issue.record("\(second)")
            return
        }
        #expect(!leases.leave(two, for: subject(2), now: start + 6, policy: policy))
        #expect(leases.leave(three, for: subject(2), now: start + 7, policy: policy))
        #expect(leases.end(subject(2), .ended, now: start + 8) == nil)
        for moment in [9, 10] {
            let resumption = leases.resume(
                three,
                for: subject(2),
                mayTake: true,
                arrival: Arrival(viewer: viewer(.embed), event: "launch", role: .attendee),
                address: 2,
                now: start + Milliseconds(moment),
                policy: policy
            )
            #expect(resumption == .held(replaced: nil))
        }
        #expect(leases.end(subject(2), .removed, now: start + 11) == three)
        #expect(
            words() == [
                "departed 2 replaced 5", "arrived 3", "departed 3 left 7", "arrived 3", "departed 3 removed 11",
            ]
        )
        #expect(words().isEmpty)
        // Sessions from before that request still depart.
        leases.expire(now: start + 2 * policy.idleTimeout, policy: policy)
        #expect(words() == ["departed 1 lapsed 0"])
        #expect(sessions.count == 0)
        // All of them are counted, also the first one, which was not reported.
        #expect(sessions.tally.begun == 4)
        #expect(SessionEnding.allCases.map { sessions.tally.ended($0) } == [1, 1, 1, 0, 1, 0])
    }

    @Test("A join after a lapsed session that was not swept yet ends it when it was last seen, and replaces nobody")
    func lapsedBeforeSweep() {
        sessions.keepChanges()
        join(1)
        let second = leases.join(
            subject(1),
            as: .new(2, 2),
            arrival: Arrival(viewer: viewer(.embed), event: "launch", role: .attendee),
            address: 2,
            now: start + policy.idleTimeout,
            policy: policy
        )
        guard case .joined(_, nil) = second else {
            Issue.record("\(second)")
            return
        }
        #expect(words() == ["arrived 1", "departed 1 lapsed 0", "arrived 2"])
        #expect(sessions.all().map(\.id.random0) == [2])
    }

    @Test("A stream that lives on after its session was taken for gone is listed again")
    func touched() throws {
        sessions.keepChanges()
        let session = try #require(join(1))
        leases.expire(now: start + 2 * policy.idleTimeout, policy: policy)
        let now = start + 3 * policy.idleTimeout
        let arrival = Arrival(viewer: viewer(.embed), event: "launch", role: .attendee)
        for _ in 0..<2 {
            #expect(leases.touch(session, for: subject(1), arrival: arrival, address: 1, now: now, policy: policy))
        }
        #expect(words() == ["arrived 1", "departed 1 lapsed 0", "arrived 1"])
    }

    @Test("A list shows the role that the event gives now")
    func roles() {
        join(1, userID: "Kim")
        func roles() -> [Role] { sessions.list(company: "acme", event: "launch").map(\.role) }
        #expect(roles() == [.attendee])
        directory.set(EventRecord(company: "acme", organizers: [" Kim"]), for: "launch")
        #expect(roles() == [.host])
        directory.set(EventRecord(company: "acme"), for: "launch")
        #expect(roles() == [.attendee])
    }

    @Test("Where a viewer joins from is asked only when a session begins, and kept with it")
    func sources() throws {
        let gate = Gate()
        gate.admission.sessions.keepChanges()
        let viewer = viewer(registration: "r1")
        var asked = 0
        func ask(_ session: PresentedSession?) -> PresentedSession? {
            let request = Admission.Request(access: .token, presented: session, address: 1, now: gate.now)
            let event = bytes(viewer.event ?? "")
            let verdict = gate.admission.decide(
                request,
                viewer: viewer,
                event: event.span,
                rules: gate.rules,
                source: {
                    asked += 1
                    return ArrivalSource(device: .mobile, browser: .safari, site: "www.acme.example")
                },
                random: { gate.numbers.pair() }
            )
            guard case .admit(let admitted) = verdict else { return nil }
            return admitted.presented
        }
        let session = try #require(ask(nil))
        #expect(asked == 1)
        for _ in 0..<10 { #expect(ask(session) != nil) }
        #expect(asked == 1)
        let live = try #require(gate.admission.sessions.all().first)
        #expect(live.source == ArrivalSource(device: .mobile, browser: .safari, site: "www.acme.example"))
        guard case .arrived(let arrived)? = gate.admission.sessions.takeChanges().first else {
            Issue.record("nobody arrived")
            return
        }
        #expect(arrived.source == live.source)
    }
}
