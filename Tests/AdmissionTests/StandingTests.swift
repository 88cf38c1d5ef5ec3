import Admission
import Basics
import JOSE
import Synchronization
import Testing

@Suite("What the directory says about a viewer is remembered until it changes, and no longer")
struct StandingTests {
    private static let people = ["u1", "u2"].flatMap { user in
        ["launch", "other", nil].map { event in (user: user, event: event) }
    }

    /// Viewers as they are made for a new token: nothing is remembered of them.
    private static func viewers() -> [Viewer] {
        people.flatMap { user, event in
            [
                viewer(.embed, event: event, eventSpecific: false, userID: user, email: "\(user)@acme.example"),
                viewer(event: event ?? "launch", userID: user, registration: "r-\(user)", closesWithEvent: true),
            ]
        }
    }

    private static func change(_ directory: DirectoryView, _ numbers: inout Numbers) {
        let event = ["launch", "other"].randomElement(using: &numbers)!
        let user = ["u1", "u2"].randomElement(using: &numbers)!
        let (email, registration) = ("\(user)@acme.example", "r-\(user)")
        let eventBytes = bytes(event)
        let subject = SubjectKey(kind: .registration, company: "acme", event: eventBytes.span, id: registration)
        func time() -> Milliseconds? { [nil, start, start + 1000].randomElement(using: &numbers)! }
        func removal() -> Removal {
            let person = [
                RemovedPerson(.user, user), RemovedPerson(.email, email), RemovedPerson(.registration, registration),
            ]
            return Removal(
                id: "id",
                company: ["acme", "acme", "globex"].randomElement(using: &numbers)!,
                event: event,
                person: person.randomElement(using: &numbers)!,
                until: time(),
                reason: nil,
                createdAt: start
            )
        }
        switch numbers.next() % 12 {
        case 0: directory.removeEvent(event, company: "acme")
        case 1: directory.removeRegistration(subject)
        case 2, 3: directory.restoreRegistration(subject)
        case 4, 5: directory.add(removal())
        case 6, 7, 8: directory.lift(removal())
        default:
            directory.set(
                EventRecord(
                    company: numbers.next() % 8 == 0 ? "globex" : "acme",
                    presenters: [[], [user]].randomElement(using: &numbers)!,
                    organizers: [[], [email]].randomElement(using: &numbers)!,
                    secondJoin: [nil, .refuse, .ask].randomElement(using: &numbers)!,
                    closesAt: time(),
                    doors: Doors(opensAt: time(), closesAt: time())
                ),
                for: event
            )
        }
    }

    @Test("A viewer who has been here is judged as one who has not, after each of many changes", arguments: 0..<10)
    func agreement(seed: UInt64) {
        var numbers = Numbers(seed: seed)
        let gate = Gate()
        let known = Self.viewers()
        for step in 0..<100 {
            if numbers.next() % 4 != 0 { Self.change(gate.directory, &numbers) }
            gate.now = start + [-1, 0, 999, 1000].randomElement(using: &numbers)!
            for (old, new) in zip(known, Self.viewers()) {
                for event in ["launch", "other"] {
                    gate.restart()
                    let judged = gate.ask(old, event: event)
                    gate.restart()
                    let right = gate.ask(new, event: event)
                    #expect(judged.refusal == right.refusal, "step \(step), \(event)")
                    #expect(judged.admitted?.listing == right.admitted?.listing, "step \(step), \(event)")
                }
            }
        }
    }

    @Test("What one directory says is not taken for what another says")
    func directories() {
        let gates = [Gate(), Gate()]
        let viewer = viewer()
        gates[0].directory.set(EventRecord(company: "acme", presenters: ["u1"]), for: "launch")
        gates[1].directory.set(EventRecord(company: "globex"), for: "launch")
        for _ in 0..<3 {
            #expect(gates[0].ask(viewer).admitted?.role == .host)
            #expect(gates[1].ask(viewer).refusal == .wrongEvent)
        }
    }

    /// What several threads share.
    private final class Shared: Sendable {
        let directory = DirectoryView()
        let admission: Admission
        let viewer = AdmissionTests.viewer()
        let rules = AdmissionTests.rules()
        let isOver = Atomic<Bool>(false)

        init() {
            admission = Admission(leases: LeaseTable(startedAt: start, seed: 1, shards: 1), directory: directory)
        }

        func refusal() -> Refusal? { admission.refusal(of: viewer, at: "launch", now: start, rules) }
    }

    @Test("A change that has been made counts at once, whatever other threads ask meanwhile")
    func concurrency() async {
        let shared = Shared()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { while !shared.isOver.load(ordering: .relaxed) { _ = shared.refusal() } }
            let subject = shared.viewer.subject
            for _ in 0..<5000 {
                shared.directory.removeRegistration(subject)
                #expect(shared.refusal() == .registrationRemoved)
                shared.directory.restoreRegistration(subject)
                #expect(shared.refusal() == nil)
            }
            shared.isOver.store(true, ordering: .relaxed)
        }
    }
}
