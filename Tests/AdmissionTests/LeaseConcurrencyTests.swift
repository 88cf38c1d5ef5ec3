import Admission
import Basics
import Dispatch
import Synchronization
import Testing

/// Several threads use few leases. Run this under ThreadSanitizer as well: `swift test --sanitize=thread -Xswiftc
/// -DTHREAD_SANITIZER --filter AdmissionTests`.
@Suite("Leases: two sessions never hold one lease at the same moment")
struct LeaseConcurrencyTests {
    /// A call that returned "this session holds the lease", between two ticks of a clock that all threads share.
    private struct Hold {
        let key: Int
        let session: SessionID
        let began: Int
        let ended: Int
        /// For a join: the session that it replaced. For a renewal: `nil`.
        let replaced: SessionID?
        let isJoin: Bool
    }

    private static let threads = 4
    private static let keys = 3

    private func subject(_ key: Int) -> SubjectKey { SubjectKey(high: UInt64(key), low: 5) }

    @Test("take_over: joins form one chain, and no renewal succeeds after its session was replaced")
    func takeOver() {
        let table = LeaseTable(startedAt: start, seed: 1, shards: 2)
        let policy = rules { $0.sessions.takeOverLimit = .max }.sessions
        let clock = Atomic<Int>(0)
        let logs = Locked<[Hold]>([])
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            var numbers = Numbers(seed: UInt64(thread))
            var mine = [SessionID?](repeating: nil, count: Self.keys)
            var log: [Hold] = []
            func tick() -> Int { clock.add(1, ordering: .sequentiallyConsistent).newValue }
            for _ in 0..<3000 {
                let key = Int(numbers.next() % UInt64(Self.keys))
                // All within a few milliseconds.
                let now = start + Milliseconds(numbers.next() % 3)
                let began = tick()
                if let session = mine[key], numbers.next() % 4 != 0 {
                    let isFast = numbers.next() % 2 == 0
                    let isHeld =
                        isFast
                        ? table.renew(session, for: subject(key), address: 1, now: now, policy: policy)
                        : table.resume(
                            session,
                            for: subject(key),
                            mayTake: true,
                            address: 1,
                            now: now,
                            policy: policy
                        )
                            == .held(replaced: nil)
                    if isHeld {
                        let ended = tick()
                        log.append(
                            Hold(key: key, session: session, began: began, ended: ended, replaced: nil, isJoin: false)
                        )
                    } else if !isFast {
                        mine[key] = nil
                    }
                } else {
                    let join = table.join(
                        subject(key),
                        as: numbers.candidate(),
                        address: UInt64(thread),
                        now: now,
                        policy: policy
                    )
                    guard case .joined(let session, let replaced) = join else { continue }
                    let ended = tick()
                    log.append(
                        Hold(
                            key: key,
                            session: session,
                            began: began,
                            ended: ended,
                            replaced: replaced,
                            isJoin: true
                        )
                    )
                    mine[key] = session
                }
            }
            logs.withLock { $0 += log }
        }
        let holds = logs.withLock { $0 }
        var renewals = 0
        for key in 0..<Self.keys {
            let ofKey = holds.filter { $0.key == key }
            let joins = ofKey.filter(\.isJoin).sorted { $0.session < $1.session }
            #expect(joins.first?.replaced == nil)
            // Each join replaced exactly the one before it.
            #expect(zip(joins, joins.dropFirst()).allSatisfy { $1.replaced == $0.session })
            #expect(
                table.lease(of: subject(key), now: start + 5, policy: policy)?.session == joins.last?.session
            )
            let replacedAt = Dictionary(
                uniqueKeysWithValues: joins.compactMap { join in join.replaced.map { ($0, join.ended) } }
            )
            for renewal in ofKey where !renewal.isJoin {
                renewals += 1
                #expect(renewal.began < replacedAt[renewal.session] ?? .max)
            }
        }
        #expect(renewals > 100)
    }

    @Test("refuse: nobody else gets in between a granted join and its leave")
    func refuse() {
        let table = LeaseTable(startedAt: start, seed: 1, shards: 2)
        let policy = policy(.refuse)
        let inside = (0..<Self.keys).map { _ in Counter() }
        let entries = Atomic<Int>(0)
        let overlaps = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            var numbers = Numbers(seed: UInt64(thread) + 100)
            for _ in 0..<4000 {
                let key = Int(numbers.next() % UInt64(Self.keys))
                let join = table.join(
                    subject(key),
                    as: numbers.candidate(),
                    address: UInt64(thread),
                    now: start,
                    policy: policy
                )
                guard case .joined(let session, nil) = join else { continue }
                entries.add(1, ordering: .relaxed)
                if inside[key].value.add(1, ordering: .sequentiallyConsistent).newValue != 1 {
                    overlaps.add(1, ordering: .relaxed)
                }
                _ = table.resume(
                    session,
                    for: subject(key),
                    mayTake: true,
                    address: 1,
                    now: start,
                    policy: policy
                )
                inside[key].value.subtract(1, ordering: .sequentiallyConsistent)
                if !table.leave(session, for: subject(key), now: start, policy: policy) {
                    overlaps.add(1, ordering: .relaxed)
                }
            }
        }
        #expect(overlaps.load(ordering: .relaxed) == 0)
        #expect(entries.load(ordering: .relaxed) > 100)
    }

    @Test("Decisions, streams, sweeps, removals and listings run concurrently")
    func everything() {
        let gate = Gate()
        let admission = gate.admission
        let rules = gate.rules
        let viewers = (0..<4).map { viewer(registration: "r\($0)") }
        let unleased = viewer(.embed)
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            var numbers = Numbers(seed: UInt64(thread) + 7)
            var sessions: [PresentedSession?] = [nil, nil, nil, nil]
            for round in 0..<600 {
                let place = Int(numbers.next() % 4)
                let viewer = round % 7 == 0 ? unleased : viewers[place]
                let now = start + Milliseconds(round * 400)
                let request = Admission.Request(
                    access: .token,
                    presented: sessions[place],
                    address: UInt64(thread),
                    now: now
                )
                let event = bytes("launch")
                let verdict = admission.decide(request, viewer: viewer, event: event.span, rules: rules) {
                    numbers.pair()
                }
                if case .admit(let admitted) = verdict {
                    sessions[place] = admitted.presented
                    _ = admission.keep(admitted, viewer: viewer, address: 1, now: now, rules: rules)
                }
                switch numbers.next() % 16 {
                case 0: admission.leases.expire(now: now, policy: rules.sessions)
                case 1: admission.directory.removeRegistration(viewers[place].subject)
                case 2, 3, 4: admission.directory.restoreRegistration(viewers[place].subject)
                case 5: admission.directory.set(EventRecord(company: "acme", presenters: ["u1"]), for: "launch")
                case 6: _ = admission.leases.leases(now: now, policy: rules.sessions)
                case 7: admission.leases.end(viewers[place].subject, now: now)
                default: break
                }
            }
        }
        let now = start + 600 * 400
        let held = admission.leases.leases(now: now, policy: rules.sessions).map(\.subject)
        #expect(Set(held).count == held.count)
        admission.leases.expire(now: now + 2 * rules.sessions.maxLifetime, policy: rules.sessions)
        #expect(admission.leases.count == 0)
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
