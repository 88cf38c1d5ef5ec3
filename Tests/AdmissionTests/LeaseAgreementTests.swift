import Basics
import Dispatch
import Synchronization
import Testing

@testable import Admission

/// Run this under ThreadSanitizer as well: `deploy/sanitize thread AdmissionTests`.
@Suite("Lease, list and attendance agree")
struct LeaseAgreementTests {
    private static let threads = 8
    private static let rounds = 12_500
    private static let people = 12

    /// One thread's part: the sessions of its browsers.
    private struct Browser {
        var session: PresentedSession?
        var admitted: Admission.Admitted?
    }

    @Test(
        "100,000 concurrent joins, renewals, take-overs, leaves, kicks, removals and expiries leave no ghost",
        .timeLimit(.minutes(5)),
        arguments: [SecondJoin.takeOver, .refuse]
    )
    func agreement(_ secondJoin: SecondJoin) {
        let admission = Admission(
            leases: LeaseTable(startedAt: start, seed: 1, shards: 2),
            directory: DirectoryView()
        )
        let rules = rules {
            $0.sessions.secondJoin = secondJoin
            $0.sessions.takeOverLimit = .max
        }
        let viewers =
            (0..<Self.people).map { viewer(registration: "r\($0)") } + (0..<4).map { viewer(.embed, userID: "u\($0)") }
        admission.sessions.keepChanges()
        let clock = Atomic<Milliseconds>(start)
        let journal = Locked<[SessionChange]>([])
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            var numbers = Numbers(seed: UInt64(thread) + 1)
            var browsers = [Browser](repeating: Browser(), count: viewers.count)
            for _ in 0..<Self.rounds {
                let now = clock.add(Milliseconds(numbers.next() % 8), ordering: .relaxed).newValue
                let place = Int(numbers.next() % UInt64(viewers.count))
                let viewer = viewers[place]
                switch numbers.next() % 32 {
                case 0: admission.expire(now: now, rules: rules)
                case 1, 2:
                    guard let presented = browsers[place].session else { continue }
                    admission.leave(
                        presented,
                        subject: viewer.subject,
                        isLeased: viewer.isLeased,
                        now: now,
                        rules: rules
                    )
                case 3:
                    let live = admission.sessions.all { $0.viewer === viewer }
                    if let live = live.first { admission.end(live, .ended, now: now) }
                case 4:
                    admission.directory.removeRegistration(viewer.subject)
                    _ = admission.end(holderOf: viewer.subject, .removed, now: now)
                    admission.directory.restoreRegistration(viewer.subject)
                case 5, 6, 7:
                    guard let admitted = browsers[place].admitted else { continue }
                    _ = admission.keep(admitted, viewer: viewer, address: 1, now: now, rules: rules)
                case 8 where thread == 0:
                    // A single reader, so that what it read first stays first.
                    let changes = admission.sessions.takeChanges()
                    journal.withLock { $0 += changes }
                case 9 where numbers.next() % 64 == 0:
                    // All sessions idle out.
                    clock.add(rules.sessions.idleTimeout + 1, ordering: .relaxed)
                case 9, 10, 11, 12: browsers[place] = Browser()
                default:
                    let request = Admission.Request(
                        access: .token,
                        presented: browsers[place].session,
                        address: UInt64(thread),
                        purpose: numbers.next() % 4 == 0 ? .takeOver : .join,
                        now: now
                    )
                    let event = bytes("launch")
                    let verdict = admission.decide(request, viewer: viewer, event: event.span, rules: rules) {
                        numbers.pair()
                    }
                    guard case .admit(let admitted) = verdict else { continue }
                    browsers[place] = Browser(session: admitted.presented, admitted: admitted)
                }
            }
        }
        var present = replay(journal.withLock { $0 } + admission.sessions.takeChanges(), from: [:])
        // All held leases, including those that are over and not swept yet.
        let held = admission.leases.leases(now: start, policy: rules.sessions)
        let listed = admission.sessions.all()
        #expect(held.count > 0)
        #expect(Set(listed.map(\.id)) == Set(held.map(\.session)))
        #expect(Set(listed.map(\.key)) == Set(held.map(\.subject)))
        #expect(listed.count == held.count && admission.sessions.count == held.count)
        #expect(Set(listed.map(\.id)) == Set(present.keys))

        let end = clock.load(ordering: .relaxed) + 2 * rules.sessions.maxLifetime
        admission.expire(now: end, rules: rules)
        present = replay(admission.sessions.takeChanges(), from: present)
        #expect(present.isEmpty && admission.sessions.count == 0 && admission.leases.count == 0)
    }

    /// The sessions under way after the changes. Each session arrives before it departs, and departs before it arrives
    /// again.
    private func replay(_ changes: [SessionChange], from before: [SessionID: SubjectKey]) -> [SessionID: SubjectKey] {
        var present = before
        var isInOrder = true
        for change in changes {
            switch change {
            case .arrived(let session):
                isInOrder = isInOrder && present.updateValue(session.key, forKey: session.id) == nil
            case .departed(let session, _, _):
                isInOrder = isInOrder && present.removeValue(forKey: session.id) == session.key
            }
        }
        #expect(isInOrder)
        return present
    }
}
