import Basics
import Synchronization
import Testing

@testable import Admission

@Suite("Tables that share their leases")
struct SharingTests {
    private let person = viewer()

    @Test("take_over: a join at another node ends the session here, on list, journal and streams")
    func takeOver() throws {
        let cluster = SharingCluster(.takeOver)
        let first = try #require(cluster.ask(0, person).session)
        let second = try #require(cluster.ask(1, person).session)
        #expect(cluster.nodes[0].closings == [.init(session: first.id, ending: .replaced)])
        #expect(cluster.nodes[0].listed.isEmpty && cluster.nodes[1].listed == [second.id])
        #expect(cluster.nodes[0].journal() == ["arrived", "replaced"])
        #expect(cluster.nodes[1].journal() == ["arrived"])
        #expect(cluster.ask(0, person, with: first).refusal == .sessionReplaced)
        #expect(cluster.ask(0, person, with: first, takeOver: true).session != nil)
        #expect(cluster.nodes[1].closings == [.init(session: second.id, ending: .replaced)])
    }

    @Test("refuse and ask: a join at another node learns who is active; the user's own wish takes over")
    func refuse() throws {
        for rule in [SecondJoin.refuse, .ask] {
            let cluster = SharingCluster(rule)
            let first = try #require(cluster.ask(0, person).session)
            #expect(cluster.ask(1, person).refusal == .alreadyActive)
            let second = cluster.ask(1, person, takeOver: true)
            #expect(second.refusal == (rule == .refuse ? .alreadyActive : nil))
            #expect(cluster.nodes[0].listed == (rule == .refuse ? [first.id] : []))
        }
    }

    @Test("A session is adopted by one claim at another node, which then renews it by itself")
    func adoption() throws {
        let cluster = SharingCluster(.refuse)
        let session = try #require(cluster.ask(0, person).session)
        cluster.pass(1)
        #expect(cluster.ask(1, person, with: session).session?.id == session.id)
        cluster.pass(1)
        let claims = cluster.store.batches.count
        for _ in 0..<20 { #expect(cluster.ask(1, person, with: session).verdict?.admitted?.isNew == false) }
        #expect(cluster.store.batches.count == claims)
        #expect(cluster.nodes.map(\.listed) == [[session.id], [session.id]])
        // Used at one node only, it lapses at the other, and stays.
        cluster.pass(200) { #expect(cluster.nodes[1].decide(person, session).admitted != nil) }
        #expect(cluster.nodes.map(\.listed) == [[], [session.id]])
        #expect(cluster.nodes[0].journal() == ["arrived", "lapsed"] && cluster.nodes[0].closings.isEmpty)
        #expect(cluster.nodes[0].leases.count == 0)
        #expect(cluster.ask(0, person).refusal == .alreadyActive)
    }

    @Test("What a node hears of another's session keeps others out, and is neither listed nor ended by it")
    func hearsay() throws {
        let cluster = SharingCluster(.refuse)
        let session = try #require(cluster.ask(1, person).session)
        let (here, there) = (cluster.nodes[0], cluster.nodes[1])
        #expect(cluster.ask(0, person).refusal == .alreadyActive)
        #expect(here.leases.lease(of: person.subject, now: here.now, policy: here.rules.sessions) == nil)
        #expect(here.leases.leases(now: here.now, policy: here.rules.sessions).isEmpty)
        #expect(here.admission.end(holderOf: person.subject, .removed, now: here.now) == nil)
        // The other's clock is ahead.
        #expect(here.leases.nextJoin(of: person.subject, now: here.now) > session.id.joinedAt)
        cluster.store.deliverAll()
        #expect(there.listed == [session.id] && there.closings.isEmpty)
        #expect(cluster.store.row(person.subject)?.state == .held)
    }

    @Test("A goodbye at one node ends the session at the others, and makes room at all")
    func goodbye() throws {
        let cluster = SharingCluster(.refuse)
        let session = try #require(cluster.ask(0, person).session)
        #expect(!cluster.nodes[1].leave(session), "it does not know the session")
        _ = cluster.ask(1, person, with: session)
        #expect(cluster.nodes[1].leave(session))
        #expect(cluster.nodes[1].listed.isEmpty)
        cluster.store.deliverAll()
        #expect(cluster.nodes[0].closings == [.init(session: session.id, ending: .left)])
        #expect(cluster.nodes.map { $0.journal() } == [["arrived", "left"], ["arrived", "left"]])
        #expect(cluster.ask(0, person, with: session).session?.id == session.id, "it may come back")
        #expect(cluster.nodes[0].leave(session))
        cluster.store.deliverAll()
        #expect(cluster.ask(1, person).session != nil)
    }

    @Test("A session is ended by the nodes that serve it, and then comes back nowhere")
    func removal() throws {
        let cluster = SharingCluster(.takeOver)
        let session = try #require(cluster.ask(0, person).session)
        func end(_ node: Int) -> SessionID? {
            cluster.nodes[node].admission.end(holderOf: person.subject, .removed, now: cluster.nodes[node].now)
        }
        #expect(end(1) == nil && end(0) == session.id)
        cluster.store.deliverAll()
        #expect(cluster.nodes[0].journal() == ["arrived", "removed"])
        for node in [0, 1] { #expect(cluster.ask(node, person, with: session).refusal == .viewerRemoved) }
        cluster.pass(300)
        for node in [0, 1] { #expect(cluster.ask(node, person, with: session).refusal == .viewerRemoved) }
    }

    @Test("Viewers who may have any number of sessions ask nobody")
    func unleased() throws {
        let cluster = SharingCluster(.refuse)
        let session = try #require(cluster.ask(0, viewer(.embed)).session)
        let other = try #require(cluster.ask(1, viewer(.embed)).session)
        let admitted = try #require(cluster.nodes[1].decide(viewer(.embed), session).admitted)
        cluster.pass(60) { #expect(cluster.nodes[1].keep(admitted, viewer(.embed)) == nil) }
        #expect(cluster.store.batches.isEmpty && cluster.nodes[1].listed.contains(other.id))
        #expect(!cluster.nodes[0].leases.handOver(to: NoSuccessor()))
    }

    @Test("A session and its streams live on while they are used, at the price of a claim each half of its time")
    func renewals() throws {
        let cluster = SharingCluster(.refuse)
        let asked = try (0..<50).map { number in
            let person = viewer(registration: "r\(number)")
            return (person, try #require(cluster.ask(0, person).verdict?.admitted))
        }
        let joins = cluster.store.batches.count
        #expect(joins == 50)
        cluster.pass(450) {
            for (person, admitted) in asked { #expect(cluster.nodes[0].keep(admitted, person) == nil) }
        }
        // All that is due in a second is one call.
        let batches = cluster.store.batches.dropFirst(joins)
        #expect(batches.count <= 30 && batches.reduce(0, +) <= 50 * 12)
        #expect(cluster.nodes[0].listed.count == 50 && cluster.nodes[0].closings.isEmpty)
        cluster.pass(100)
        #expect(cluster.nodes[0].listed.isEmpty && cluster.nodes[0].leases.count == 0)
        #expect(cluster.ask(1, person).session != nil)
    }

    @Test("A stream whose time is over goes on unless another has the lease", arguments: [false, true])
    func slept(isTaken: Bool) throws {
        let cluster = SharingCluster(.refuse)
        let admitted = try #require(cluster.ask(0, person).verdict?.admitted)
        // The machine sleeps.
        cluster.store.clock.withLock { $0 += 300_000 }
        if isTaken { #expect(cluster.ask(1, person).session != nil) }
        #expect(cluster.nodes[0].keep(admitted, person) == nil)
        cluster.store.deliverAll()
        #expect(cluster.nodes[0].closings.map(\.ending) == (isTaken ? [.replaced] : []))
        #expect(cluster.nodes[0].listed == (isTaken ? [] : [admitted.session]))
        #expect((cluster.nodes[0].keep(admitted, person) == nil) == !isTaken)
    }

    @Test("A request that only asks claims nothing")
    func asking() throws {
        let cluster = SharingCluster(.takeOver)
        let session = try #require(cluster.ask(0, person).session)
        let claims = cluster.store.batches.count
        #expect(cluster.nodes[1].decide(person, session, .ask).admitted?.session == session.id)
        #expect(cluster.nodes[1].decide(person, nil, .ask) == .outside)
        #expect(cluster.store.batches.count == claims && cluster.store.count == 0)
        #expect(cluster.nodes[1].listed.isEmpty)
    }
}

private struct NoSuccessor: LeaseSuccessor {
    func give(_ entries: [UInt8]) -> Bool { true }
    func propose(_ change: [UInt8]) -> [UInt8]? { nil }
    func giveUp() {}
}
