import Admission
import Basics
import JOSE
import Synchronization
import Testing

@Suite("Removals: a removed viewer stays out")
struct RemovalTests {
    private func removal(
        _ kind: RemovedPerson.Kind,
        _ text: String,
        event: String = "launch",
        company: String = "acme",
        until: Milliseconds? = nil
    ) -> Removal {
        Removal(
            id: "id",
            company: company,
            event: event,
            person: RemovedPerson(kind, text),
            until: until,
            reason: nil,
            createdAt: start
        )
    }

    private static let uuid = "0a0b0c0d-0000-4000-8000-00000000abcd"

    /// The viewers that a removal covers.
    private static let people: [(kind: RemovedPerson.Kind, text: String, viewer: Viewer, isMeant: Bool)] = [
        (.user, "u1", viewer(.embed), true), (.user, "U1", viewer(.embed), false),
        (.user, "u1 ", viewer(.embed), false),
        (.user, "u\u{e9}", viewer(.embed, userID: "ue\u{301}"), false), (.user, "u1", viewer(), true),
        (.user, "r1", viewer(), false), (.registration, "r1", viewer(), true), (.registration, "R1", viewer(), false),
        (.registration, "u1", viewer(.embed), false), (.registration, "r1", viewer(.embed, userID: "r1"), false),
        (.registration, uuid.uppercased(), viewer(registration: uuid), true),
        (.registration, uuid, viewer(registration: uuid.uppercased()), true),
        (.email, "kim@acme.example", viewer(email: "kim@acme.example"), true),
        (.email, " Kim@ACME.example", viewer(email: "kim@acme.example"), true),
        (.email, "kim@acme.example", viewer(.embed, email: "KIM@acme.Example "), true),
        (.email, "kim@b\u{fc}cher.example", viewer(email: "kim@xn--bcher-kva.example"), true),
        (.email, "kim@acme.example", viewer(.embed, userID: "Kim@acme.example"), true),
        (.email, "kim@acme.example", viewer(email: "kim+1@acme.example"), false),
        (.email, "kim@acme.example", viewer(email: "\u{212a}im@acme.example"), false),
        (.email, "kim@acme.example", viewer(.embed), false),
        (.user, "kim@acme.example", viewer(.embed, email: "kim@acme.example"), false),
        // Texts that are not addresses, such as a company's internal names.
        (.email, "kim", viewer(email: " KIM "), true), (.email, "KIM@", viewer(.embed, email: "kim@"), true),
        (.email, "kim <kim@acme.example>", viewer(email: "Kim <KIM@acme.example>"), true),
        (.email, "a@B@c.example", viewer(email: "A@b@c.EXAMPLE"), true),
        (.email, "jos\u{e9}", viewer(email: "JOSE\u{301}"), true),
        (.email, "Kim@intranet", viewer(.embed, userID: "kim@INTRANET"), true),
        (.email, "kim", viewer(email: "kim@acme.example"), false), (.email, "kim", viewer(email: "ki m"), false),
        (.email, "kim", viewer(.embed, userID: "kim"), false), (.email, "u1", viewer(), false),
        (.email, "jo`", viewer(email: "jo\u{1fef}"), false), (.email, "kim", viewer(email: "\u{212a}im"), false),
        (.email, "kim@acme.example", viewer(email: "<kim@acme.example>"), false),
        // Mapping the domain would drop the soft hyphen.
        (.email, "kim@acme.example", viewer(email: "kim@ac\u{ad}me.example"), false),
        (.email, "kim@ac\u{ad}me.example", viewer(email: "kim@acme.example"), false),
        (.email, "kim@acme.example", viewer(.embed, userID: "kim@ac\u{ad}me.example"), false),
        // As long as tokens permit.
        (.user, long(1024), viewer(.embed, userID: long(1024)), true),
        (.user, long(1024), viewer(.embed, userID: long(1023)), false),
        (.user, " u1", viewer(.embed, userID: " u1"), true),
        (.email, long(320), viewer(email: long(320).uppercased()), true),
        (.registration, long(256), viewer(registration: long(256)), true),
    ]

    private static func long(_ count: Int) -> String { String(repeating: "l", count: count) }

    @Test(
        "User ids are compared by bytes, e-mails in their canonical form, registrations as they are",
        arguments: people
    )
    func comparison(_ row: (kind: RemovedPerson.Kind, text: String, viewer: Viewer, isMeant: Bool)) throws {
        let gate = Gate()
        let admitted = try #require(gate.ask(row.viewer).admitted)
        let live = try #require(gate.admission.sessions.all().first)
        let removal = removal(row.kind, row.text)
        gate.directory.add(removal)
        #expect(removal.applies(to: live) == row.isMeant)
        let expected: Refusal? = row.isMeant ? .viewerRemoved : nil
        #expect(gate.ask(row.viewer, with: admitted.presented).refusal == expected)
        #expect(gate.ask(row.viewer, address: 2).refusal == expected, "a new session is as good as the old one")
        let kept = gate.admission.keep(
            admitted,
            viewer: row.viewer,
            address: 1,
            now: gate.now,
            rules: gate.rules
        )
        #expect(row.isMeant ? kept == .viewerRemoved : kept == nil || kept == .sessionReplaced)
    }

    @Test(
        "Attack: a removal is for one event of one company; another company's removal for the same event has no effect"
    )
    func isolation() throws {
        let gate = Gate()
        gate.directory.add(removal(.user, "u1"))
        gate.directory.add(removal(.user, "u2", company: "globex"))
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
        #expect(gate.ask(viewer(.embed, event: "other")).admitted != nil)
        #expect(gate.ask(viewer(.embed, userID: "u2")).admitted != nil)
        gate.directory.lift(removal(.user, "u1", company: "globex"))
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
        gate.directory.lift(removal(.user, "u1"))
        #expect(gate.ask(viewer(.embed)).admitted != nil)
        #expect(gate.ask(viewer(.embed, userID: "u2")).admitted != nil)
    }

    @Test("It ends on time, to the millisecond, and a later end wins")
    func time() {
        let gate = Gate()
        gate.directory.add(removal(.user, "u1", until: start + 1000))
        gate.now = start + 999
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
        gate.now = start + 1000
        #expect(gate.ask(viewer(.embed)).admitted != nil)
        gate.directory.add(removal(.user, "u1", until: start + 5000))
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
        gate.directory.add(removal(.user, "u1"))
        gate.now = start + 60_000
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
    }

    @Test("A host can be removed like anybody, and a removal outlasts a change of the event")
    func hosts() {
        let gate = Gate()
        gate.directory.add(removal(.user, "u1"))
        gate.directory.set(EventRecord(company: "acme", presenters: ["u1"]), for: "launch")
        #expect(gate.ask(viewer(.embed)).refusal == .viewerRemoved)
        gate.directory.removeEvent("launch", company: "acme")
        #expect(gate.ask(viewer(.embed)).refusal == .registrationRemoved)
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        #expect(gate.ask(viewer(.embed)).admitted != nil, "they went with the event")
    }

    @Test("A company-wide token is kept out of that event, and of no other")
    func companyWide() {
        let gate = Gate()
        for event in ["launch", "other"] { gate.directory.set(EventRecord(company: "acme"), for: event) }
        gate.directory.add(removal(.user, "u1", event: "other"))
        let viewer = viewer(.embed, eventSpecific: false)
        #expect(gate.ask(viewer, event: "other").refusal == .viewerRemoved)
        #expect(gate.ask(viewer, event: "launch").admitted != nil)
    }

    @Test("A lifted removal lets the same session come back", arguments: [SecondJoin.takeOver, .ask, .refuse])
    func lifted(secondJoin: SecondJoin) throws {
        let gate = Gate(rules { $0.sessions.secondJoin = secondJoin })
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        let live = try #require(gate.admission.sessions.all().first)
        gate.directory.add(removal(.registration, "r1"))
        gate.admission.end(live, .ended, mayReturn: true, now: gate.now)
        #expect(gate.admission.sessions.count == 0)
        #expect(gate.ask(viewer, with: session).refusal == .viewerRemoved)
        #expect(gate.ask(viewer, with: session, takeOver: true).refusal == .viewerRemoved)
        gate.directory.lift(removal(.registration, "r1"))
        #expect(gate.ask(viewer, with: session).admitted?.session == session.id)
        #expect(gate.admission.sessions.count == 1)
    }

    @Test("Open streams are judged again after each removal, and after it is lifted")
    func version() {
        let directory = DirectoryView()
        var versions = [directory.version]
        directory.add(removal(.user, "u1"))
        versions.append(directory.version)
        directory.lift(removal(.user, "u1"))
        versions.append(directory.version)
        #expect(Set(versions).count == 3)
    }

    // MARK: In memory

    @Test("Without a directory they are kept in memory: once per person, until they end or are lifted")
    func memory() async throws {
        let gate = Gate()
        let clock = Mutex(start)
        let memory = RemovalMemory(view: gate.directory) { clock.withLock { $0 } }
        let kim = RemovedPerson(.email, "Kim@acme.example")
        let first = try await memory.remove(kim, from: "launch", company: "acme", until: start + 1000, reason: "rude")
        let again = try await memory.remove(
            RemovedPerson(.email, "kim@ACME.example"),
            from: "launch",
            company: "acme",
            until: nil,
            reason: nil
        )
        #expect(again.id == first.id && again.until == nil)
        _ = try await memory.remove(kim, from: "launch", company: "globex", until: start + 1000, reason: nil)
        #expect(try await memory.removals(company: "acme", event: nil) == [again])
        #expect(try await memory.removals(company: nil, event: "launch").count == 2)
        clock.withLock { $0 = start + 1000 }
        #expect(try await memory.removals(company: nil, event: nil) == [again])
        #expect(gate.ask(viewer(email: "kim@acme.example")).refusal == .viewerRemoved)
        #expect(try await memory.lift(first.id, company: "globex", event: nil) == nil)
        #expect(try await memory.lift(first.id, company: "acme", event: "launch") == again)
        #expect(try await memory.lift(first.id, company: nil, event: nil) == nil)
        #expect(gate.ask(viewer(email: "kim@acme.example")).admitted != nil)
    }

    @Test("Attack: more removals than an event may have are refused, and ended ones make room")
    func memoryLimit() async throws {
        let clock = Mutex(start)
        let memory = RemovalMemory(view: DirectoryView()) { clock.withLock { $0 } }
        func remove(_ number: Int, from event: String = "launch", until: Milliseconds? = start + 1000) async throws {
            let person = RemovedPerson(.user, "u\(number)")
            _ = try await memory.remove(person, from: event, company: "acme", until: until, reason: nil)
        }
        for number in 0..<Removal.maxPerEvent { try await remove(number) }
        await #expect(throws: RemovalFault.eventIsFull) { try await remove(-1) }
        try await remove(5)
        try await remove(-1, from: "other")
        clock.withLock { $0 = start + 1000 }
        try await remove(-1, until: nil)
        #expect(try await memory.removals(company: "acme", event: "launch").count == 1)
    }

    @Test(
        "A viewer who was removed for a time is told for how long, unless something else keeps the viewer out by then",
        arguments: [
            (60_000, Doors(), 60_000), (nil, Doors(), nil), (60_000, Doors(opensAt: start + 90_000), 90_000),
            (60_000, Doors(opensAt: start + 30_000, closesAt: start + 60_001), 60_000),
            (60_000, Doors(closesAt: start + 60_000), nil),
            // The token ends in a day, with a leeway of five seconds.
            (86_404_999, Doors(), 86_404_999), (86_405_000, Doors(), nil),
        ] as [(Milliseconds?, Doors, Milliseconds?)]
    )
    func untilWhen(_ end: Milliseconds?, _ doors: Doors, _ told: Milliseconds?) throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme", doors: doors), for: "launch")
        gate.directory.add(removal(.registration, "r1", until: end.map { start + $0 }))
        guard case .refuse(.viewerRemoved, nil, let wait) = gate.ask(viewer()) else {
            Issue.record("\(gate.ask(viewer()))")
            return
        }
        #expect(wait == told)
        guard let wait else { return }
        gate.now = start + wait
        #expect(gate.ask(viewer()).admitted != nil, "and that is true")
    }
}
