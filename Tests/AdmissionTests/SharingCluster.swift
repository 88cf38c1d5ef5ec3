import Basics
import Synchronization
import Testing

@testable import Admission

/// The table that gateways share, in memory. Nothing arrives until the test delivers it.
final class MemoryStore: Sendable {
    enum Message: Sendable {
        case claim(LeaseRequest)
        case answer(LeaseRequest, SharedLease.Answer)
        case notice(SubjectKey, SharedLease.Notice)

        var node: Int {
            switch self {
            case .claim(let request), .answer(let request, _): Int(request.claim.node)
            case .notice(_, let notice): Int(notice.node)
            }
        }
    }

    private struct State {
        var rows: [SubjectKey: SharedLease] = [:]
        var messages: [Message] = []
        /// How many claims came with each call.
        var batches: [Int] = []
        var isCut = [false, false, false]
    }

    let clock = Locked<Milliseconds>(start)
    private let state = Locked(State())
    private let clients = Locked<[LeaseTable]>([])

    var count: Int { state.withLock { $0.messages.count } }
    var batches: [Int] { state.withLock { $0.batches } }
    func row(_ key: SubjectKey) -> SharedLease? { state.withLock { $0.rows[key] } }

    func add(_ client: LeaseTable) { clients.withLock { $0.append(client) } }

    fileprivate func take(_ requests: [LeaseRequest]) {
        state.withLock { state in
            state.batches.append(requests.count)
            state.messages += requests.map { .claim($0) }
        }
    }

    /// Delivers the message at a place. What is under way from or to a node that is cut off stays where it is.
    func deliver(_ place: Int = 0) {
        let moment = clock.withLock { $0 }
        let message: Message? = state.withLock { state in
            let there = state.messages.indices.filter { !state.isCut[state.messages[$0].node] }
            guard !there.isEmpty else { return nil }
            return state.messages.remove(at: there[place % there.count])
        }
        guard let message else { return }
        let client = clients.withLock { $0[message.node] }
        switch message {
        case .claim(let request):
            state.withLock { state in
                let (answer, notices) = SharedLease.apply(request.claim, to: &state.rows[request.key], at: moment)
                state.messages.append(.answer(request, answer))
                state.messages += notices.map { .notice(request.key, $0) }
            }
        case .answer(let request, let answer): client.answered([(request.key, request.number, answer)])
        case .notice(let key, let notice): client.lost([(key, notice)])
        }
    }

    var isQuiet: Bool { state.withLock { state in !state.messages.contains { !state.isCut[$0.node] } } }

    func deliverAll() {
        var left = 100_000
        while !isQuiet, left > 0 {
            deliver()
            left -= 1
        }
        #expect(left > 0)
    }

    /// Gives up what a node waits for. It is carried out later, or is lost.
    func fail(_ node: Int, isLost: Bool = true) {
        let requests = state.withLock { state in
            let requests: [LeaseRequest] = state.messages.compactMap { message in
                guard message.node == node else { return nil }
                return switch message {
                case .claim(let request), .answer(let request, _): request
                case .notice: nil
                }
            }
            if isLost {
                // Notices come by a connection of their own.
                state.messages.removeAll { if case .notice = $0 { false } else { $0.node == node } }
            }
            return requests
        }
        clients.withLock { $0[node] }.failed(requests.map { ($0.key, $0.number) })
    }

    func cut(_ node: Int) { state.withLock { $0.isCut[node] = true } }

    /// The node reaches the store again, over a new connection.
    func heal(_ node: Int) {
        state.withLock { state in
            state.isCut[node] = false
            state.messages.removeAll { $0.node == node }
        }
        clients.withLock { $0[node] }.doubt()
    }

    func loseTable() { state.withLock { $0.rows = [:] } }
}

private struct Port: LeaseStore {
    let store: MemoryStore
    func send(_ requests: [LeaseRequest]) { store.take(requests) }
}

/// One of the gateways.
final class SharingNode: Sendable {
    struct Closing: Equatable {
        let session: SessionID
        let ending: SessionEnding
    }

    private final class Closings: Sendable {
        let all = Locked<[Closing]>([])
    }

    let admission: Admission
    let store: MemoryStore
    let rules: Admission.Rules
    private let offset: Milliseconds
    private let numbers: Locked<Numbers>
    private let closed = Closings()
    var closings: [Closing] { closed.all.withLock { $0 } }
    var leases: LeaseTable { admission.leases }
    var now: Milliseconds { store.clock.withLock { $0 } + offset }
    var listed: [SessionID] { admission.sessions.all().map(\.id) }

    init(_ number: Int, _ store: MemoryStore, _ rules: Admission.Rules, _ sharing: SharingPolicy, maxWaiters: Int) {
        self.store = store
        self.rules = rules
        let offset = Milliseconds(number) * 40 - 40
        self.offset = offset
        numbers = Locked(Numbers(seed: UInt64(number) + 1))
        let table = LeaseTable(startedAt: start, seed: 1, shards: 4)
        admission = Admission(leases: table, directory: DirectoryView())
        store.add(table)
        admission.sessions.keepChanges()
        table.share(
            through: Port(store: store),
            as: NodeNumber(number),
            sharing,
            sessions: rules.sessions,
            clocks: LeaseClocks(
                wall: { store.clock.withLock { $0 } + offset },
                steady: { store.clock.withLock { $0 } - start + 5000 }
            ),
            maxWaiters: maxWaiters
        ) { [closed] _, session, ending in
            closed.all.withLock { $0.append(Closing(session: session, ending: ending)) }
        }
    }

    func decide(
        _ viewer: Viewer,
        _ session: PresentedSession?,
        _ purpose: Admission.Purpose = .join
    ) -> Admission.Verdict {
        let request = Admission.Request(
            access: .token,
            presented: session,
            address: viewer.subject.low,
            purpose: purpose,
            now: now
        )
        let event = bytes(viewer.event ?? "")
        return admission.decide(request, viewer: viewer, event: event.span, rules: rules) {
            numbers.withLock { $0.pair() }
        }
    }

    /// Asks as a request does, until there is a verdict.
    func ask(
        _ viewer: Viewer,
        with session: PresentedSession? = nil,
        takeOver: Bool = false,
        _ asked: Asked = Asked()
    ) -> Asked {
        asked.rounds.withLock { $0 += 1 }
        let verdict = decide(viewer, session, takeOver ? .takeOver : .join)
        switch verdict {
        case .claimed(let claim):
            leases.send(claim) { outcome in
                if outcome == .agreed, let admitted = claim.admitted { return asked.set(.admit(admitted)) }
                self.go(on: outcome, viewer, session, takeOver, asked)
            }
        case .waiting(let key): leases.whenSettled(key) { self.go(on: $0, viewer, session, takeOver, asked) }
        case .admit, .refuse, .outside: asked.set(verdict)
        }
        return asked
    }

    private func go(
        on outcome: LeaseOutcome,
        _ viewer: Viewer,
        _ session: PresentedSession?,
        _ takeOver: Bool,
        _ asked: Asked
    ) {
        switch outcome {
        case .again where asked.rounds.withLock({ $0 }) < 20: _ = ask(viewer, with: session, takeOver: takeOver, asked)
        case .lost: asked.set(.refuse(.sessionReplaced, since: nil, retryAfter: nil))
        case .again, .agreed, .tryAgain: asked.set(.refuse(.tryAgain, since: nil, retryAfter: nil))
        }
    }

    func keep(_ admitted: Admission.Admitted, _ viewer: Viewer) -> Refusal? {
        admission.keep(admitted, viewer: viewer, address: 1, now: now, rules: rules)
    }

    func leave(_ session: PresentedSession) -> Bool {
        admission.leave(session, subject: session.subject, isLeased: true, now: now, rules: rules)
    }

    /// What has happened, in words.
    func journal() -> [String] {
        admission.sessions.takeChanges().map { change in
            switch change {
            case .arrived: "arrived"
            case .departed(_, let ending, _): ending.rawValue
            }
        }
    }
}

/// A request's verdict, once it has one.
final class Asked: Sendable {
    let rounds = Locked(0)
    private let verdicts = Locked<[Admission.Verdict]>([])
    func set(_ verdict: Admission.Verdict) { verdicts.withLock { $0.append(verdict) } }
    var count: Int { verdicts.withLock { $0.count } }
    var verdict: Admission.Verdict? { verdicts.withLock { $0.first } }
    var session: PresentedSession? { verdict?.admitted?.presented }
    var refusal: Refusal? { verdict?.refusal }
}

/// Some gateways and their store.
struct SharingCluster {
    let store = MemoryStore()
    let nodes: [SharingNode]

    init(_ secondJoin: SecondJoin, _ sharing: SharingPolicy = SharingPolicy(), nodes: Int = 2, maxWaiters: Int = 100) {
        let rules = rules { $0.sessions.secondJoin = secondJoin }
        self.nodes = (0..<nodes).map { [store] in SharingNode($0, store, rules, sharing, maxWaiters: maxWaiters) }
    }

    func ask(
        _ node: Int,
        _ viewer: Viewer,
        with session: PresentedSession? = nil,
        takeOver: Bool = false
    ) -> Asked {
        let asked = nodes[node].ask(viewer, with: session, takeOver: takeOver)
        store.deliverAll()
        return asked
    }

    /// Lets time pass, and every node look after its leases each second.
    func pass(_ seconds: Int, _ body: () -> Void = {}) {
        for _ in 0..<seconds {
            store.clock.withLock { $0 += 1000 }
            for node in nodes { node.admission.expire(now: node.now, rules: node.rules) }
            body()
            for node in nodes { node.leases.sendDue() }
            store.deliverAll()
        }
    }
}
