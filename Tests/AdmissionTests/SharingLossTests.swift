import Basics
import Synchronization
import Testing

@testable import Admission

@Suite("Tables that share their leases: waiting and losses")
struct SharingLossTests {
    private let person = viewer()

    @Test("Requests of one registration wait for its claim: eight, and each gets one verdict")
    func waiters() throws {
        let cluster = SharingCluster(.refuse)
        let asked = (0..<12).map { _ in cluster.nodes[0].ask(person) }
        #expect(asked.map { $0.refusal == .tryAgain } == Array(repeating: false, count: 9) + [true, true, true])
        cluster.store.deliverAll()
        #expect(asked.allSatisfy { $0.count == 1 })
        #expect(asked.filter { $0.session != nil }.count == 1)
        #expect(asked.filter { $0.refusal == .alreadyActive }.count == 8)
        #expect(cluster.nodes[0].journal() == ["arrived"])
    }

    @Test("All that wait are bounded as well, and make room again")
    func bound() {
        let cluster = SharingCluster(.refuse, maxWaiters: 2)
        for _ in 0..<3 {
            let asked = (0..<4).flatMap { number in
                (0..<2).map { _ in cluster.nodes[0].ask(viewer(registration: "r\(number)")) }
            }
            #expect(asked.filter { $0.refusal == .tryAgain }.count == 2)
            cluster.store.deliverAll()
            #expect(asked.allSatisfy { $0.count == 1 })
            cluster.pass(200)
        }
    }

    @Test("A claim that nobody sends is taken back, and keeps nobody out")
    func unsent() throws {
        let cluster = SharingCluster(.refuse)
        guard case .claimed(let claim) = cluster.nodes[0].decide(person, nil) else {
            Issue.record("no claim")
            return
        }
        let other = cluster.nodes[0].ask(person)
        cluster.pass(1)
        #expect(other.count == 0)
        cluster.pass(2)
        let session = try #require(other.session)
        let outcome = Locked<LeaseOutcome?>(nil)
        cluster.nodes[0].leases.send(claim) { result in outcome.withLock { $0 = result } }
        #expect(outcome.withLock { $0 } == .again)
        #expect(cluster.nodes[0].listed == [session.id])
        #expect(cluster.store.row(person.subject)?.holding.session == session.id)
    }

    @Test("refuse: while the store is away, joins are asked to try again and sessions go on for the grace")
    func away() throws {
        var sharing = SharingPolicy()
        sharing.grace = 120_000
        let cluster = SharingCluster(.refuse, sharing)
        let admitted = try #require(cluster.ask(0, person).verdict?.admitted)
        cluster.pass(2)
        cluster.store.cut(0)
        let joining = cluster.nodes[0].ask(viewer(registration: "r2"))
        cluster.store.fail(0)
        #expect(joining.refusal == .tryAgain)
        var last = 0
        for second in 0..<300 where last == 0 {
            cluster.pass(1) { _ = cluster.nodes[0].keep(admitted, person) }
            cluster.store.fail(0)
            if !cluster.nodes[0].closings.isEmpty { last = second }
        }
        #expect(cluster.nodes[0].closings == [.init(session: admitted.session, ending: .lapsed)])
        #expect((115...130).contains(last))
        cluster.store.heal(0)
        #expect(cluster.ask(0, person, with: admitted.presented).session?.id == admitted.session)
        #expect(cluster.nodes[0].journal() == ["arrived", "lapsed", "arrived"])
    }

    @Test("admit: while the store is away, viewers are let in, and the later session stays")
    func admit() throws {
        var sharing = SharingPolicy()
        sharing.onStoreLoss = .admit
        let cluster = SharingCluster(.takeOver, sharing)
        for node in [0, 1] { cluster.store.cut(node) }
        let early = cluster.nodes[0].ask(person)
        cluster.store.fail(0)
        cluster.store.clock.withLock { $0 += 1000 }
        let late = cluster.nodes[1].ask(person)
        cluster.store.fail(1)
        let (first, second) = (try #require(early.session), try #require(late.session))
        #expect(cluster.nodes.map(\.listed) == [[first.id], [second.id]])
        for node in [0, 1] { cluster.store.heal(node) }
        cluster.pass(5)
        #expect(cluster.nodes.map(\.listed) == [[], [second.id]])
        #expect(cluster.nodes[0].closings == [.init(session: first.id, ending: .replaced)])
        #expect(cluster.nodes[1].closings.isEmpty)
    }

    @Test("Sessions outlive the loss of the store's table")
    func tableLost() throws {
        let cluster = SharingCluster(.refuse)
        let session = try #require(cluster.ask(0, person).session)
        cluster.pass(1)
        cluster.store.loseTable()
        for node in [0, 1] { cluster.store.heal(node) }
        cluster.pass(1)
        #expect(cluster.store.row(person.subject)?.holding.session == session.id)
        #expect(cluster.ask(1, person).refusal == .alreadyActive && cluster.nodes[0].closings.isEmpty)
    }

    @Test("An answer that comes after its claim was given up lists nobody, and what it did is soon over")
    func late() throws {
        let cluster = SharingCluster(.refuse)
        let asked = cluster.nodes[0].ask(person)
        cluster.store.fail(0, isLost: false)
        #expect(asked.refusal == .tryAgain)
        cluster.store.deliverAll()
        #expect(asked.count == 1 && cluster.nodes[0].listed.isEmpty && cluster.store.row(person.subject) != nil)
        cluster.pass(6)
        #expect(cluster.ask(1, person).session != nil)
    }

    @Test("A session whose notice overtakes the answer to its claim is not let in")
    func overtaken() throws {
        let cluster = SharingCluster(.takeOver)
        let first = cluster.nodes[0].ask(person)
        cluster.store.deliver()
        let second = cluster.nodes[1].ask(person)
        // The second's claim is on nothing, differs, and is made again on the first.
        while second.count == 0 { cluster.store.deliver(1) }
        cluster.store.deliver(1)
        cluster.store.deliverAll()
        #expect(first.refusal == .sessionReplaced && second.session != nil)
        #expect(cluster.nodes[0].listed.isEmpty && cluster.nodes[0].journal().isEmpty)
    }

    /// Joins, returns, goodbyes, ends, cuts and losses in any order. Whatever happened, each node's list says what its
    /// journal says, and two nodes list different sessions only while one is cut off or has yet to be told.
    @Test("Two nodes do not list different sessions of one registration for longer than a second", arguments: 1...6)
    func random(seed: UInt64) throws {
        var numbers = Numbers(seed: seed)
        let cluster = SharingCluster(seed % 2 == 0 ? .refuse : .takeOver, nodes: 3)
        let people = (0..<4).map { viewer(registration: "r\($0)") }
        var known: [[PresentedSession]] = people.map { _ in [] }
        var (under, differing): ([(Int, Asked)], [Int: Milliseconds]) = ([], [:])
        var (arrivals, joined, replaced) = ([Int](repeating: 0, count: 3), 0, 0)
        var away: Int?
        for round in 0..<3000 {
            let (node, place) = (Int(numbers.next() % 3), Int(numbers.next() % 4))
            switch numbers.next() % 20 {
            case 0...3: under.append((place, cluster.nodes[node].ask(people[place])))
            case 4...8:
                guard let session = known[place].last else { break }
                under.append((place, cluster.nodes[node].ask(people[place], with: session)))
            case 9: if let session = known[place].last { _ = cluster.nodes[node].leave(session) }
            case 10 where round % 5 == 0:
                let subject = people[place].subject
                _ = cluster.nodes[node].admission.end(holderOf: subject, .ended, now: cluster.nodes[node].now)
            case 11 where round % 10 == 0: cluster.store.fail(node, isLost: numbers.next() % 2 == 0)
            case 12 where round % 5 == 0:
                if let node = away {
                    cluster.store.fail(node)
                    cluster.store.heal(node)
                    away = nil
                } else {
                    cluster.store.cut(node)
                    away = node
                }
            case 13...16: for _ in 0..<4 { cluster.store.deliver(Int(numbers.next() % 8)) }
            default:
                cluster.pass(1)
                if let away { cluster.store.fail(away) }
            }
            for (place, asked) in under { if let session = asked.session { known[place].append(session) } }
            under.removeAll { $0.1.count > 0 }
            let time = cluster.store.clock.withLock { $0 }
            for place in people.indices {
                let holders = cluster.nodes.compactMap { $0.leases.holder(of: people[place].subject)?.id }
                guard Set(holders).count > 1, away == nil else {
                    differing[place] = nil
                    continue
                }
                let since = differing[place] ?? time
                differing[place] = since
                #expect(time - since <= 1000, "round \(round)")
            }
            for (number, node) in cluster.nodes.enumerated() {
                for change in node.journal() {
                    arrivals[number] += change == "arrived" ? 1 : -1
                    if change == "arrived" { joined += 1 }
                    if change == "replaced" { replaced += 1 }
                }
                #expect(arrivals[number] == node.listed.count)
            }
        }
        #expect(joined > 200 && (seed % 2 == 0 || replaced > 50))
        if let away {
            cluster.store.fail(away)
            cluster.store.heal(away)
        }
        cluster.pass(10)
        #expect(under.allSatisfy { $0.1.count == 1 })
        cluster.pass(400)
        #expect(cluster.nodes.allSatisfy { $0.listed.isEmpty })
    }
}
