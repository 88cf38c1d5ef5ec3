import Basics
import Synchronization
import Testing

@testable import Admission

/// The process that takes over, as the predecessor sees it.
private final class Keeper: LeaseSuccessor, MemorySuccessor {
    let table: LeaseTable
    let tickets = UsedTickets()
    let view = DirectoryView()
    let memory: RemovalMemory
    let policy: SessionPolicy
    /// How many more messages it takes.
    let patience = Atomic<Int>(.max)
    let proposals = Mutex<[[UInt8]]>([])
    let ended = Mutex<[SessionID]>([])

    init(_ policy: SessionPolicy) {
        self.policy = policy
        table = LeaseTable(startedAt: start, seed: 99, shards: 4)
        table.keepChanges()
        memory = RemovalMemory(view: view) { start }
    }

    private var isThere: Bool { patience.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 }

    func give(_ entries: [UInt8]) -> Bool { isThere && table.adopt(entries: entries, appliesTo: policy.appliesTo) }

    func propose(_ change: [UInt8]) -> [UInt8]? {
        guard isThere else { return nil }
        proposals.withLock { $0.append(change) }
        let answered = table.answer(change, appliesTo: policy.appliesTo) { [view] in view.bars($0, $1, at: start) }
        guard let (answer, gone, _) = answered else { return nil }
        if let gone { ended.withLock { $0.append(gone) } }
        return answer
    }

    func giveUp() { patience.store(0, ordering: .relaxed) }
    func give(tickets: [UInt8]) -> Bool { isThere && self.tickets.adopt(tickets) }
    func use(ticket: [UInt8]) -> Bool? { isThere ? tickets.use(ticket) : nil }
    func give(removals: [UInt8]) -> Bool { isThere && memory.adopt(removals) != nil }
    func lift(removal id: String) -> Bool {
        guard isThere else { return false }
        memory.liftNow(id)
        return true
    }
}

@Suite("Leases handed over to another process")
struct LeaseHandOverTests {
    private static let people = 6

    /// Random operations, the same for each table that they are done on.
    private struct Visitors {
        var numbers: Numbers
        let policy: SessionPolicy
        var now = start
        var sessions: [SubjectKey: [SessionID]] = [:]

        /// Does an operation on `table` and the same on `model`, and compares the results.
        mutating func act(on table: LeaseTable, like model: LeaseTable) {
            now += Milliseconds(numbers.next() % 64 == 0 ? 100_000 : numbers.next() % 2000)
            let viewer = viewer(
                registration: "r\(numbers.next() % UInt64(LeaseHandOverTests.people))",
                appliesTo: policy.appliesTo
            )
            let subject = viewer.subject
            let source = ArrivalSource(device: .tablet, browser: .other, site: "www.acme.example")
            let arrival = Arrival(viewer: viewer, event: "launch", role: .attendee, source: source)
            let known = sessions[subject, default: []].suffix(4)
            let session = known.randomElement(using: &numbers)
            let tables = [table, model]
            switch (numbers.next() % 8, session) {
            case (0, _), (_, nil):
                let (candidate, isTakeOver) = (numbers.candidate(), numbers.next() % 2 == 0)
                let joins = tables.map {
                    $0.join(
                        subject,
                        as: candidate,
                        isTakeOver: isTakeOver,
                        arrival: arrival,
                        address: 0,
                        now: now,
                        policy: policy
                    )
                }
                #expect(joins[0] == joins[1])
                if case .joined(let new, _) = joins[0] { sessions[subject, default: []].append(new) }
            case (1, let session?):
                let left = tables.map { $0.leave(session, for: subject, now: now, policy: policy) }
                #expect(left[0] == left[1])
            case (2, let session?) where numbers.next() % 2 == 0:
                let ended = tables.map { $0.end(subject, only: session, now: now) }
                #expect(ended[0] == ended[1])
            case (3, let session?):
                let isHeld = tables.map {
                    $0.touch(session, for: subject, arrival: arrival, address: 0, now: now, policy: policy)
                }
                #expect(isHeld[0] == isHeld[1])
            case (4, let session?):
                let foreseen = tables.map { $0.foresee(session, for: subject, now: now, policy: policy) }
                #expect(foreseen[0] == foreseen[1])
            case (_, let session?):
                let renewed = tables.map { $0.renew(session, for: subject, address: 0, now: now, policy: policy) }
                #expect(renewed[0] == renewed[1])
                guard !renewed[0] else { return }
                let resumed = tables.map {
                    $0.resume(
                        session,
                        for: subject,
                        mayTake: true,
                        arrival: arrival,
                        address: 0,
                        now: now,
                        policy: policy
                    )
                }
                #expect(resumed[0] == resumed[1])
            }
        }
    }

    /// What a journal says about each session, in order.
    private func story(_ changes: [SessionChange]) -> [String: [String]] {
        changes.reduce(into: [:]) { story, change in
            switch change {
            case .arrived(let session): story[session.name, default: []].append("arrived \(session.since)")
            case .departed(let session, let ending, let moment):
                story[session.name, default: []].append("\(ending) \(moment)")
            }
        }
    }

    private func list(_ table: LeaseTable) -> [String: String] {
        var list: [String: String] = [:]
        table.forEachListed {
            let place = "\($0.key) \($0.event) \($0.viewer.registration ?? "")"
            list[$0.name] = "\($0.id) \(place) \($0.role) \($0.since) \($0.source)"
        }
        return list
    }

    @Test(
        "Two processes decide as one would, whichever is asked, before, during and after; nobody arrives twice or departs",
        arguments: SecondJoin.allCases,
        [1, 2, 3, 4, 5] as [UInt64]
    )
    func agreement(_ secondJoin: SecondJoin, seed: UInt64) {
        let policy = policy(secondJoin)
        let model = LeaseTable(startedAt: start, seed: 1, shards: 1)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 8)
        for table in [model, old] { table.keepChanges() }
        let keeper = Keeper(policy)
        var visitors = Visitors(numbers: Numbers(seed: seed), policy: policy)
        for _ in 0..<300 { visitors.act(on: old, like: model) }
        #expect(old.handOver(to: keeper))
        old.settleHandOver()
        #expect(list(keeper.table) == list(model))
        for step in 0..<1500 {
            visitors.act(on: visitors.numbers.next() % 2 == 0 ? old : keeper.table, like: model)
            if step % 50 == 0 {
                for table in [model, old, keeper.table] { table.expire(now: visitors.now, policy: policy) }
            }
        }
        for table in [model, keeper.table] { table.expire(now: visitors.now, policy: policy) }
        #expect(list(keeper.table) == list(model))
        #expect(story(old.takeChanges() + keeper.table.takeChanges()) == story(model.takeChanges()))
    }

    @Test("Leases that are taken back are as if nothing had happened", arguments: [0, 1, 3, 40])
    func takenBack(patience: Int) {
        let policy = policy(.takeOver)
        let model = LeaseTable(startedAt: start, seed: 1, shards: 1)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 8)
        for table in [model, old] { table.keepChanges() }
        let keeper = Keeper(policy)
        keeper.patience.store(patience, ordering: .relaxed)
        var visitors = Visitors(numbers: Numbers(seed: 5), policy: policy)
        for _ in 0..<300 { visitors.act(on: old, like: model) }
        let isPassed = old.handOver(to: keeper)
        #expect(isPassed == (patience > 8))
        for _ in 0..<300 {
            visitors.act(on: old, like: model)
        }
        old.takeBack()
        for _ in 0..<300 { visitors.act(on: old, like: model) }
        #expect(list(old) == list(model))
        #expect(story(old.takeChanges()) == story(model.takeChanges()))
    }

    @Test("A session that was ended stays ended, and one that was replaced elsewhere does not take its lease back")
    func endings() throws {
        let policy = policy(.takeOver)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 8)
        let keeper = Keeper(policy)
        var numbers = Numbers(seed: 1)
        func join(_ table: LeaseTable, _ viewer: Viewer, at now: Milliseconds) throws -> SessionID {
            let arrival = Arrival(viewer: viewer, event: "launch", role: .attendee)
            let join = table.join(
                viewer.subject,
                as: numbers.candidate(),
                arrival: arrival,
                address: 0,
                now: now,
                policy: policy
            )
            guard case .joined(let session, _) = join else { throw Refused() }
            return session
        }
        struct Refused: Error {}
        let (kicked, replaced) = (viewer(registration: "kicked"), viewer(registration: "replaced"))
        let first = try join(old, kicked, at: start)
        old.end(kicked.subject, now: start + 1)
        let second = try join(old, replaced, at: start)
        #expect(old.handOver(to: keeper))
        let third = try join(keeper.table, replaced, at: start + 10)
        for table in [old, keeper.table] {
            let ended = table.foresee(first, for: kicked.subject, now: start + 20, policy: policy)
            #expect(ended == .ended)
            #expect(!table.touch(second, for: replaced.subject, address: 0, now: start + 20, policy: policy))
            #expect(table.touch(third, for: replaced.subject, address: 0, now: start + 20, policy: policy))
        }
        // And the other way round: the successor learns which streams of its own end.
        let fourth = try join(old, replaced, at: start + 30)
        #expect(keeper.ended.withLock { $0 } == [third])
        #expect(keeper.table.lease(of: replaced.subject, now: start + 30, policy: policy)?.session == fourth)
    }

    @Test("Entries and proposals that are cut off or changed are refused, or say something else, and nothing traps")
    func hostile() {
        let policy = policy(.takeOver)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 1)
        let keeper = Keeper(policy)
        var visitors = Visitors(numbers: Numbers(seed: 9), policy: policy)
        let model = LeaseTable(startedAt: start, seed: 1, shards: 1)
        for _ in 0..<60 { visitors.act(on: old, like: model) }
        final class Recorder: LeaseSuccessor {
            let given = Mutex<[UInt8]>([])
            func give(_ entries: [UInt8]) -> Bool {
                given.withLock { $0 += entries }
                return true
            }
            func propose(_ change: [UInt8]) -> [UInt8]? { nil }
            func giveUp() {}
        }
        let recorder = Recorder()
        #expect(old.handOver(to: recorder))
        old.takeBack()
        let entries = recorder.given.withLock { $0 }
        #expect(old.handOver(to: keeper))
        for _ in 0..<20 { visitors.act(on: old, like: model) }
        let proposals = keeper.proposals.withLock { $0 }
        var numbers = Numbers(seed: 3)
        func table() -> LeaseTable { LeaseTable(startedAt: start, seed: 2, shards: 1) }
        #expect(table().adopt(entries: entries, appliesTo: .registrations))
        #expect(!table().adopt(entries: entries + entries, appliesTo: .registrations))
        for _ in 0..<400 {
            let cut = Int(numbers.next() % UInt64(entries.count))
            _ = table().adopt(entries: Array(entries.prefix(cut)), appliesTo: .registrations)
            var changed = entries
            changed[cut] ^= UInt8(truncatingIfNeeded: numbers.next() | 1)
            _ = table().adopt(entries: changed, appliesTo: .all)
        }
        for proposal in proposals {
            for count in 0..<proposal.count {
                let isRead = table().answer(Array(proposal.prefix(count)), appliesTo: policy.appliesTo) != nil
                #expect(!isRead)
                var changed = proposal
                changed[count] ^= UInt8(truncatingIfNeeded: numbers.next() | 1)
                _ = table().answer(changed, appliesTo: policy.appliesTo)
            }
            let isRead = table().answer(proposal + [0], appliesTo: policy.appliesTo) != nil
            #expect(!isRead)
        }
    }

    @Test("A process that was taken over from twice is answered by the last one", arguments: SecondJoin.allCases)
    func chain(_ secondJoin: SecondJoin) {
        let policy = policy(secondJoin)
        let model = LeaseTable(startedAt: start, seed: 1, shards: 1)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 8)
        for table in [model, old] { table.keepChanges() }
        let (second, third) = (Keeper(policy), Keeper(policy))
        var visitors = Visitors(numbers: Numbers(seed: 11), policy: policy)
        for _ in 0..<200 { visitors.act(on: old, like: model) }
        #expect(old.handOver(to: second))
        old.settleHandOver()
        for _ in 0..<200 { visitors.act(on: old, like: model) }
        #expect(second.table.handOver(to: third))
        for _ in 0..<200 { visitors.act(on: old, like: model) }
        second.table.settleHandOver()
        let tables = [old, second.table, third.table]
        for _ in 0..<1500 { visitors.act(on: tables[Int(visitors.numbers.next() % 3)], like: model) }
        for table in tables + [model] { table.expire(now: visitors.now, policy: policy) }
        #expect(list(third.table) == list(model))
        let changes = tables.flatMap { $0.takeChanges() }
        #expect(story(changes) == story(model.takeChanges()))
    }

    @Test("When more has happened than can be kept, the hand-over fails, and nothing is lost", arguments: [0, 1, 50])
    func bounded(limit: Int) {
        let policy = policy(.takeOver)
        let model = LeaseTable(startedAt: start, seed: 1, shards: 1)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 1, maxPassedChanges: limit)
        for table in [model, old] { table.keepChanges() }
        let keeper = Keeper(policy)
        var visitors = Visitors(numbers: Numbers(seed: 5), policy: policy)
        for _ in 0..<300 { visitors.act(on: old, like: model) }
        #expect(old.handOver(to: keeper))
        for _ in 0..<2000 { visitors.act(on: old, like: model) }
        #expect(keeper.patience.load(ordering: .relaxed) <= 0)
        old.takeBack()
        #expect(list(old) == list(model))
        #expect(story(old.takeChanges()) == story(model.takeChanges()))
    }

    @Test("Whoever was removed at the new process gets no lease at the old one, by whatever way")
    func removed() async throws {
        let policy = policy(.takeOver)
        let old = LeaseTable(startedAt: start, seed: 7, shards: 8)
        let keeper = Keeper(policy)
        let viewer = viewer(registration: "r1")
        let arrival = Arrival(viewer: viewer, event: "launch", role: .attendee)
        var numbers = Numbers(seed: 1)
        func join(at now: Milliseconds) -> LeaseTable.Join {
            old.join(
                viewer.subject,
                as: numbers.candidate(),
                isTakeOver: true,
                arrival: arrival,
                address: 0,
                now: now,
                policy: policy
            )
        }
        guard case .joined(let session, _) = join(at: start) else {
            Issue.record("did not join")
            return
        }
        #expect(old.handOver(to: keeper))
        let person = RemovedPerson(.registration, "r1")
        let removal = try await keeper.memory.remove(
            person,
            from: "launch",
            company: viewer.company,
            until: nil,
            reason: nil
        )
        keeper.table.end(viewer.subject, mayReturn: true, now: start + 10)
        let now = start + 20
        func resume() -> LeaseTable.Resumption {
            old.resume(
                session,
                for: viewer.subject,
                mayTake: true,
                arrival: arrival,
                address: 0,
                now: now,
                policy: policy
            )
        }
        for _ in 0..<2 {
            #expect(!old.renew(session, for: viewer.subject, address: 0, now: now, policy: policy))
            #expect(!old.touch(session, for: viewer.subject, arrival: arrival, address: 0, now: now, policy: policy))
            #expect(resume() == .ended)
            #expect(join(at: now) == .ended)
            #expect(list(old).isEmpty && list(keeper.table).isEmpty)
        }
        // Once the removal is lifted, the session may come back.
        keeper.memory.liftNow(removal.id)
        #expect(resume() == .held(replaced: nil))
        #expect(list(keeper.table).count == 1)
    }

    @Test("A ticket is used once in both processes together, whenever it was used")
    func tickets() {
        let (used, keeper) = (UsedTickets(), Keeper(policy(.takeOver)))
        let session = PresentedSession(
            id: SessionID(joinedAt: start, random0: 1, random1: 2),
            subject: viewer().subject
        )
        func ticket() -> Ticket { Ticket(.page, SealedSession(session, viewer(), event: bytes("launch")), now: start) }
        let (before, during, elsewhere, alone) = (ticket(), ticket(), ticket(), ticket())
        #expect(used.use(before))
        #expect(used.handOver(to: keeper))
        #expect(!keeper.tickets.use(before))
        #expect(used.use(during))
        #expect(!keeper.tickets.use(during))
        #expect(keeper.tickets.use(elsewhere))
        #expect(!used.use(elsewhere))
        // It is gone.
        keeper.giveUp()
        #expect(used.use(alone))
        #expect(!used.use(alone))
        #expect(!used.adopt([1, 2, 3]))
    }

    @Test("Removals in memory are passed on: those before, and each change from then on")
    func removals() async throws {
        let keeper = Keeper(policy(.takeOver))
        let viewer = viewer()
        let memory = RemovalMemory(view: DirectoryView()) { start }
        func remove(_ person: RemovedPerson, until: Milliseconds? = nil) async throws -> Removal {
            try await memory.remove(person, from: "launch", company: "acme", until: until, reason: "noise")
        }
        func compare() async throws {
            let theirs = try await keeper.memory.removals(company: nil, event: nil)
            #expect(try await theirs == memory.removals(company: nil, event: nil))
        }
        _ = try await remove(RemovedPerson(.email, "É@x.example"), until: start + 5)
        #expect(memory.handOver(to: keeper))
        try await compare()
        #expect(keeper.view.standing(of: viewer)?.barrier(at: start) == nil)
        let removal = try await remove(RemovedPerson(.user, "u1"))
        #expect(keeper.view.standing(of: viewer)?.barrier(at: start)?.refusal == .viewerRemoved)
        // A change of the same one.
        _ = try await remove(RemovedPerson(.user, "u1"), until: start + 7)
        try await compare()
        memory.liftNow(removal.id)
        try await compare()
        #expect(keeper.view.standing(of: viewer)?.barrier(at: start) == nil)
        // It is gone.
        keeper.giveUp()
        _ = try await remove(RemovedPerson(.user, "u1"))
        let bytes = RemovalMemory.bytes([removal])
        #expect(memory.adopt(Array(bytes.dropLast())) == nil)
    }
}
