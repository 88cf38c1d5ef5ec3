import Basics
import Testing

@testable import Admission

/// A store and two nodes whose messages arrive at once.
private struct Cluster {
    var policy = AdmissionTests.policy(.takeOver)
    let sharing = SharingPolicy()
    /// Of the store and of the nodes, apart by minutes.
    var clocks: [Milliseconds] = [0, -300_000, 300_000]
    var time: Milliseconds = 1_000_000
    var row: SharedLease?
    var notices: [SharedLease.Notice] = []
    var claims = 0
    var nodes = [0, 1].map { LeaseShare(SubjectKey(high: 1, low: 2), node: NodeNumber($0)) }

    func moment(_ node: Int) -> Moment { Moment(wall: start + time + clocks[node + 1], steady: time) }

    mutating func apply(_ claim: SharedLease.Claim) -> SharedLease.Answer {
        claims += 1
        let (answer, notices) = SharedLease.apply(claim, to: &row, at: start + time + clocks[0])
        self.notices += notices
        return answer
    }

    mutating func decide<Result>(_ node: Int, _ rule: (inout LeaseSlot, Milliseconds) -> Result) -> Result? {
        let now = moment(node)
        for number in 1...3 {
            let number = UInt64(number)
            let reach = Reach(answered: now.steady)
            switch nodes[node].decide(at: now, number, reach, policy, sharing, { rule(&$0, now.wall) }) {
            case .settled(let result): return result
            case .claim(let claim, let result):
                if nodes[node].answered(number, apply(claim), at: now, policy, sharing)?.0 == .agreed { return result }
            case .wait: return nil
            }
        }
        return nil
    }

    mutating func join(_ node: Int, _ bits: UInt64, address: UInt64 = 0) -> LeaseTable.Join? {
        let policy = policy
        return decide(node) { slot, now in
            slot.join(.new(bits, bits), own: nil, isTakeOver: false, address: address, now: now, policy: policy)
        }
    }

    mutating func resume(_ node: Int, _ session: SessionID) -> LeaseTable.Resumption? {
        let policy = policy
        return decide(node) { slot, now in
            slot.resume(
                session,
                address: 0,
                isCovered: true,
                mayTake: true,
                startedAt: .min,
                now: now,
                policy: policy
            )
        }
    }

    mutating func renew(_ node: Int) {
        let now = moment(node)
        guard let claim = nodes[node].due(at: now, 9, policy) else { return }
        _ = nodes[node].answered(9, apply(claim), at: now, policy, sharing)
    }

    mutating func giveUp(_ node: Int, _ rule: (inout LeaseSlot, Milliseconds) -> Bool) -> Bool {
        let now = moment(node)
        let isGivenUp = nodes[node].giveUp { rule(&$0, now.wall) }
        renew(node)
        return isGivenUp
    }
}

@Suite("Leases shared by several gateways")
struct SharedLeaseRuleTests {
    private func session(_ join: LeaseTable.Join?) throws -> SessionID {
        guard case .joined(let session, _) = join else { throw Refused() }
        return session
    }

    private struct Refused: Error {}

    @Test("A join takes one claim, one that takes over from another node two, and renewals none")
    func claims() throws {
        var cluster = Cluster()
        let first = try session(cluster.join(0, 1))
        #expect(cluster.claims == 1)
        for _ in 0..<4 {
            cluster.time += 500
            #expect(cluster.resume(0, first) == .held(replaced: nil))
        }
        #expect(cluster.claims == 1)
        let second = try session(cluster.join(1, 2))
        #expect(cluster.claims == 3 && first < second)
        let notice = try #require(cluster.notices.first)
        #expect(cluster.nodes[0].lost(notice) == LeaseShare.Closing(session: first, ending: .replaced))
        #expect(cluster.resume(0, first) == .replaced)
    }

    @Test("Take-overs are counted over all nodes, whatever their clocks say")
    func takeOverLimit() throws {
        var cluster = Cluster()
        for number in 0...6 {
            _ = try session(cluster.join(number % 2, UInt64(number), address: UInt64(number + 1)))
            cluster.time += 500
        }
        for node in [0, 1] {
            let now = cluster.moment(node).wall
            #expect(cluster.join(node, 99, address: 99) == .tooMany(retryAt: now + 600_000 - 3000))
        }
        #expect(cluster.join(0, 100, address: 7) != nil, "the holder's own address")
    }

    @Test("A session that left comes back at another node; one that was ended does not, at any")
    func endings() throws {
        var cluster = Cluster()
        let policy = cluster.policy
        let session = try session(cluster.join(0, 1))
        let hasLeft = cluster.giveUp(0) { $0.leave(session, unlessUsedAfter: nil, now: $1, policy: policy) }
        #expect(hasLeft && cluster.row?.state == .left)
        cluster.time += 1000
        #expect(cluster.resume(1, session) == .held(replaced: nil))
        #expect(cluster.row?.state == .held)
        let isEnded = cluster.giveUp(1) { $0.end(mayReturn: false, now: $1) != nil }
        #expect(isEnded)
        for _ in 0..<10 {
            cluster.time += 3_600_000
            #expect(cluster.resume(0, session) == .ended)
            #expect(cluster.resume(1, session) == .ended)
        }
    }

    @Test("A node that ends a session tells the others that serve it")
    func sharers() throws {
        var cluster = Cluster()
        let session = try session(cluster.join(0, 1))
        #expect(cluster.resume(1, session) == .held(replaced: nil))
        _ = cluster.giveUp(1) { $0.end(mayReturn: false, now: $1) != nil }
        #expect(cluster.notices.map(\.node) == [0])
        #expect(cluster.nodes[0].lost(cluster.notices[0]) == LeaseShare.Closing(session: session, ending: .ended))
    }

    @Test("A session that is idle at one node and in use at another is not taken for gone")
    func idleHere() throws {
        var cluster = Cluster()
        cluster.policy.secondJoin = .refuse
        let session = try session(cluster.join(0, 1))
        for _ in 0..<90 {
            _ = cluster.resume(1, session)
            for node in [0, 1] { cluster.renew(node) }
            cluster.time += 1000
        }
        cluster.time += 500
        for node in [0, 1] {
            guard case .active = cluster.join(node, 2) else { throw Refused() }
        }
        #expect(cluster.row?.holding.session == session)
    }

    @Test("A viewer is refused because of what was heard before for a second, and no longer")
    func hearsay() throws {
        var cluster = Cluster()
        cluster.policy.secondJoin = .refuse
        let first = try session(cluster.join(0, 1))
        cluster.time += 1000
        cluster.renew(0)
        guard case .active = cluster.join(1, 2) else { throw Refused() }
        let claims = cluster.claims
        _ = cluster.giveUp(0) { $0.end(mayReturn: false, now: $1) != nil }
        cluster.time += 999
        guard case .active = cluster.join(1, 2) else { throw Refused() }
        #expect(cluster.claims == claims + 1)
        cluster.time += 1
        let second = try session(cluster.join(1, 2))
        #expect(first < second)
    }

    @Test("A claim that was carried out for nobody is soon over")
    func nobody() throws {
        var cluster = Cluster()
        cluster.policy.secondJoin = .refuse
        let (moment, policy) = (cluster.moment(0), cluster.policy)
        let reach = Reach(answered: moment.steady)
        let decision = cluster.nodes[0].decide(at: moment, 1, reach, policy, cluster.sharing) {
            $0.join(.new(1, 1), own: nil, isTakeOver: false, address: 0, now: moment.wall, policy: policy)
        }
        guard case .claim(let claim, _) = decision else { throw Refused() }
        let failed = cluster.nodes[0].failed(1, at: moment, reach, cluster.sharing)
        #expect(failed?.0 == .tryAgain)
        _ = cluster.apply(claim)
        guard case .active(_, let retryAt) = cluster.join(1, 2) else { throw Refused() }
        #expect(retryAt - cluster.moment(1).wall <= cluster.sharing.trial)
        cluster.time += cluster.sharing.trial
        _ = try session(cluster.join(1, 2))
    }

    @Test("A goodbye that arrives late does not end the session that has come back since")
    func lateGoodbye() throws {
        var cluster = Cluster()
        let policy = cluster.policy
        let session = try session(cluster.join(0, 1))
        let basis = cluster.row?.holding
        _ = cluster.giveUp(0) { $0.leave(session, unlessUsedAfter: nil, now: $1, policy: policy) }
        _ = cluster.resume(1, session)
        let goodbye = SharedLease.Claim(
            node: 0,
            basis: basis,
            session: session,
            state: .left,
            lasting: 90_000,
            takeOvers: 0,
            windowAge: 0,
            address: 0
        )
        let answer = cluster.apply(goodbye)
        #expect(!answer.isAgreed && cluster.row?.state == .held)
    }

    @Test("A goodbye is said again if an earlier claim was carried out late; an end always", arguments: [0, 1])
    func saidAgain(node: NodeNumber) throws {
        for isEnd in [false, true] {
            var cluster = Cluster()
            let policy = cluster.policy
            let session = try session(cluster.join(0, 1))
            cluster.time += cluster.sharing.trial
            let late = SharedLease.Claim(
                node: node,
                basis: cluster.row?.holding,
                session: session,
                state: .held,
                lasting: 90_000,
                takeOvers: 0,
                windowAge: 0,
                address: 0
            )
            _ = cluster.apply(late)
            let isGivenUp = cluster.giveUp(0) {
                isEnd
                    ? $0.end(mayReturn: false, now: $1) != nil
                    : $0.leave(session, unlessUsedAfter: nil, now: $1, policy: policy)
            }
            cluster.renew(0)
            #expect(isGivenUp)
            #expect(cluster.row?.state == (isEnd ? .ended : node == 0 ? .left : .held))
        }
    }

    @Test("A session that left at another node is not claimed again by one that has missed the notice")
    func missedGoodbye() throws {
        var cluster = Cluster()
        let policy = cluster.policy
        let session = try session(cluster.join(0, 1))
        _ = cluster.resume(1, session)
        _ = cluster.giveUp(1) { $0.leave(session, unlessUsedAfter: nil, now: $1, policy: policy) }
        cluster.time += 1000
        for _ in 0..<3 { cluster.renew(0) }
        #expect(cluster.row?.state == .left)
    }

    @Test("Generations keep growing when the row was swept")
    func sweep() throws {
        var cluster = Cluster()
        var last: Int64 = 0
        for number in 0..<5 {
            _ = try session(cluster.join(number % 2, UInt64(number)))
            let generation = try #require(cluster.row?.holding.generation)
            #expect(generation > last)
            last = generation
            cluster.time += 100_000
            cluster.row = nil
        }
    }
}
