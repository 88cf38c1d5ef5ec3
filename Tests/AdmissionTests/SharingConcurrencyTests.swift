import Basics
import Dispatch
import Synchronization
import Testing

@testable import Admission

/// A store that answers before `send` returns, on whichever thread that is.
private final class ReadyStore: LeaseStore {
    private let rows = Locked<[SubjectKey: SharedLease]>([:])
    private let clients = Locked<[LeaseTable]>([])

    func add(_ client: LeaseTable) { clients.withLock { $0.append(client) } }

    func send(_ requests: [LeaseRequest]) {
        let clients = clients.withLock { $0 }
        for request in requests {
            let (answer, notices) = rows.withLock {
                SharedLease.apply(request.claim, to: &$0[request.key], at: start)
            }
            for notice in notices { clients[Int(notice.node)].lost([(request.key, notice)]) }
            clients[Int(request.claim.node)].answered([(request.key, request.number, answer)])
        }
    }
}

@Suite("Tables that share their leases, used by several threads")
struct SharingConcurrencyTests {
    @Test("Each request gets one outcome, and in the end one node serves each lease")
    func threads() {
        let store = ReadyStore()
        let seconds = Locked<Milliseconds>(0)
        let policy = rules { $0.sessions.takeOverLimit = .max }.sessions
        let tables = (0..<2 as Range<NodeNumber>).map { number in
            let table = LeaseTable(startedAt: start, seed: 1, shards: 2)
            store.add(table)
            let clocks = LeaseClocks(wall: { start }, steady: { seconds.withLock { $0 } })
            table.share(through: store, as: number, SharingPolicy(), sessions: policy, clocks: clocks) { _, _, _ in }
            return table
        }
        let person = viewer()
        let keys = (0..<3).map { SubjectKey(high: $0, low: 5) }
        let sent = Atomic(0)
        let outcomes = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            var numbers = Numbers(seed: UInt64(thread))
            for round in 0..<1000 {
                let (table, key) = (tables[Int(numbers.next() % 2)], keys[Int(numbers.next() % 3)])
                let decision = table.decideJoin(
                    key,
                    as: numbers.candidate(),
                    own: nil,
                    isTakeOver: false,
                    arrival: Arrival(viewer: person, event: "launch", role: .attendee),
                    address: UInt64(thread + 1),
                    now: start,
                    policy: policy
                )
                switch decision {
                case .settled: break
                case .claimed(let request, _):
                    sent.add(1, ordering: .relaxed)
                    table.send(LeaseClaim(request: request, admitted: nil)) { _ in
                        outcomes.add(1, ordering: .relaxed)
                    }
                case .waiting:
                    sent.add(1, ordering: .relaxed)
                    table.whenSettled(key) { _ in outcomes.add(1, ordering: .relaxed) }
                }
                if round % 50 == 0 { table.sendDue() }
                if round % 200 == 0 { table.doubt() }
            }
        }
        #expect(sent.load(ordering: .relaxed) > 1000)
        #expect(sent.load(ordering: .relaxed) == outcomes.load(ordering: .relaxed))
        for table in tables { table.doubt() }
        for _ in 0..<3 {
            seconds.withLock { $0 += 1000 }
            for table in tables { table.sendDue() }
        }
        for key in keys { #expect(tables.compactMap { $0.holder(of: key) }.count == 1) }
    }
}
