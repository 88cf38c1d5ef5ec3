import Basics

@testable import Admission

/// Two or three gateways, their store, two viewers of one registration, and everything under way between them.
///
/// Time goes in ticks of a second. Within a tick everything may happen in any order; a tick ends when all messages were
/// delivered or lost and each node has looked after its leases, as it does once a second.
struct World {
    /// What goes wrong, once.
    enum Loss: CaseIterable {
        case nothing
        /// A claim or its answer is given up, and arrives at any time later or never.
        case answer
        /// A notice does not arrive.
        case notice
        /// A node is gone for good, or stands still for any time.
        case death, pause
        /// The store forgets all rows and breaks all connections.
        case table
        /// One node, or all, do not reach the store for any time.
        case cut, away
    }

    struct Setting {
        var loss = Loss.nothing
        var policy = SessionPolicy()
        var sharing = SharingPolicy()
        var nodes = 2
        var viewers = 2
        /// How many requests come with a session, at any node, and how many sessions leave.
        var returns = 0
        var leaves = 0
        /// The nodes' clocks, compared with the store's.
        var clocks: [Milliseconds] = [0, -180_000, 240_000]
    }

    enum Step: CustomStringConvertible {
        case join(viewer: Int, node: Int)
        case come(viewer: Int, node: Int)
        case leave(viewer: Int, node: Int)
        case tend(node: Int)
        case deliver(Int)
        case lose(Int)
        case delay(Int)
        case giveUp(node: Int)
        case die(node: Int)
        case pause(node: Int)
        case wake(node: Int)
        case loseTable
        case cut([Int])
        case heal
        case tick

        var description: String {
            switch self {
            case .join(let viewer, let node): "viewer \(viewer) joins at \(node)"
            case .come(let viewer, let node): "viewer \(viewer) comes to \(node)"
            case .leave(let viewer, let node): "viewer \(viewer) leaves at \(node)"
            case .tend(let node): "\(node) tends its leases"
            case .deliver(let place): "message \(place) is delivered"
            case .lose(let place): "message \(place) is lost"
            case .delay(let place): "message \(place) is late"
            case .giveUp(let node): "\(node) gives its claim up"
            case .die(let node): "\(node) dies"
            case .pause(let node): "\(node) stands still"
            case .wake(let node): "\(node) goes on"
            case .loseTable: "the store loses the table"
            case .cut(let nodes): "\(nodes) are cut off"
            case .heal: "the store is back"
            case .tick: "tick"
            }
        }
    }

    struct Message: CustomStringConvertible {
        enum Content {
            case claim(SharedLease.Claim)
            case answer(SharedLease.Answer)
            case notice(SharedLease.Notice)
        }
        let node: Int
        let number: UInt64
        let content: Content
        var isLate = false

        var description: String {
            switch content {
            case .claim(let claim):
                "claim \(number) of \(node): \(claim.state) \(claim.session.random0) on \(claim.basis?.generation ?? 0)"
            case .answer(let answer):
                "answer \(number) to \(node): \(answer.isAgreed) \(answer.lease?.holding.session.random0 ?? 9) \(answer.lease?.holding.generation ?? 0)"
            case .notice(let notice): "notice to \(node): \(notice.ending) \(notice.generation)"
            }
        }
    }

    /// What waits for a node's claim.
    struct Waiting {
        enum Purpose: Int { case join, come, keep }
        let purpose: Purpose
        let viewer: Int
        /// `nil`: it waits for another's claim, and decides again afterwards.
        var number: UInt64?
        /// The session that is served if the store agrees.
        var session: SessionID?
    }

    struct Node {
        var share: LeaseShare
        var isAlive = true
        var isPaused = false
        var isTended = true
        var isCut = false
        var reach: Reach
        var waiting: [Waiting] = []
        /// The viewers with a stream here, one bit each.
        var streams = 0

        var acts: Bool { isAlive && !isPaused }

        /// Whether there is nothing to look after.
        var isIdle: Bool {
            guard streams == 0 else { return false }
            return switch share.word {
            case .none, .heard: true
            case .agreed, .unsettled: false
            }
        }
    }

    struct Viewer {
        var session: SessionID?
        var joins = 0
        var answers = 0
        var isGone = false
        /// Its session was replaced or is over.
        var isOut = false
    }

    let setting: Setting
    var time: Milliseconds = 10_000
    var row: SharedLease?
    var nodes: [Node]
    var viewers: [Viewer]
    var messages: [Message] = []
    var returns: Int
    var leaves: Int
    var isLossOver: Bool
    var isNoticeLost = false
    var isTableLost = false
    /// When two sessions began to be served at once.
    var overlap: Milliseconds?
    var flaw: String?

    static let subject = SubjectKey(high: 1, low: 2)

    init(_ setting: Setting) {
        self.setting = setting
        nodes = (0..<setting.nodes).map {
            Node(share: LeaseShare(Self.subject, node: NodeNumber($0)), reach: Reach(answered: 10_000))
        }
        viewers = Array(repeating: Viewer(), count: setting.viewers)
        returns = setting.returns
        leaves = setting.leaves
        isLossOver = setting.loss == .nothing
    }

    func moment(_ node: Int) -> Moment {
        Moment(wall: start + time + setting.clocks[node], steady: time)
    }

    /// The smallest number that no claim of the node has.
    func number(_ node: Int) -> UInt64 {
        let used = messages.filter { $0.node == node }.map(\.number) + [nodes[node].share.asked?.number ?? 0]
        return (1...).first { !used.contains($0) }!
    }

    mutating func act(_ node: Int, _ purpose: Waiting.Purpose, viewer: Int) {
        let (moment, number, reach, policy) = (moment(node), number(node), nodes[node].reach, setting.policy)
        let known = viewers[viewer].session
        let decision = nodes[node].share.decide(at: moment, number, reach, policy, setting.sharing) {
            slot -> SessionID? in
            switch purpose {
            case .join:
                let join = slot.join(
                    .new(UInt64(viewer), 0),
                    own: nil,
                    isTakeOver: true,
                    address: 1,
                    now: moment.wall,
                    policy: policy
                )
                guard case .joined(let session, _) = join else { return nil }
                return session
            case .come:
                guard let known else { return nil }
                let resumption = slot.resume(
                    known,
                    address: 1,
                    isCovered: true,
                    mayTake: true,
                    startedAt: .min,
                    now: moment.wall,
                    policy: policy
                )
                guard case .held = resumption else { return nil }
                return known
            case .keep:
                guard let known else { return nil }
                return slot.touch(known, address: 0, now: moment.wall, policy: policy) ? known : nil
            }
        }
        switch decision {
        case .settled(let session):
            if session != nil { checkKnowledge(node, session) }
            finish(node, Waiting(purpose: purpose, viewer: viewer, session: session), isRefused: session == nil)
        case .claim(let claim, let session):
            nodes[node].waiting.append(Waiting(purpose: purpose, viewer: viewer, number: number, session: session))
            send(claim, number)
        case .wait:
            nodes[node].waiting.append(Waiting(purpose: purpose, viewer: viewer))
        }
    }

    mutating func send(_ claim: SharedLease.Claim, _ number: UInt64) {
        messages.append(Message(node: Int(claim.node), number: number, content: .claim(claim)))
    }

    mutating func finish(_ node: Int, _ waiting: Waiting, isRefused: Bool) {
        let viewer = waiting.viewer
        switch waiting.purpose {
        case .join:
            viewers[viewer].answers += 1
            if let session = waiting.session, !isRefused {
                viewers[viewer].session = session
                nodes[node].streams |= 1 << viewer
            }
        case .come:
            if isRefused {
                if !viewers[viewer].isGone { out(viewer) }
            } else if waiting.session != nil, waiting.session == viewers[viewer].session {
                nodes[node].streams |= 1 << viewer
                viewers[viewer].isGone = false
                viewers[viewer].isOut = false
            }
        case .keep:
            guard isRefused else { return }
            nodes[node].streams &= ~(1 << viewer)
            if !viewers[viewer].isGone { out(viewer) }
        }
    }

    /// A viewer learns at a node that its session is over. It may have been let in at another meanwhile.
    mutating func out(_ viewer: Int) {
        if !nodes.indices.contains(where: { hasStream(viewer, $0) }) { viewers[viewer].isOut = true }
        if !viewers.indices.contains(where: { $0 != viewer && viewers[$0].joins > 0 }) {
            flaw = "viewer \(viewer) was alone and was ended"
        }
    }

    mutating func close(_ node: Int, _ closing: LeaseShare.Closing?) {
        guard let closing, let viewer = viewers.firstIndex(where: { $0.session == closing.session }) else { return }
        nodes[node].streams &= ~(1 << viewer)
        switch closing.ending {
        case .lapsed:
            if time - nodes[node].reach.answered < setting.sharing.grace { flaw = "ended before its grace" }
        case .left:
            if !viewers[viewer].isGone && setting.leaves == leaves { flaw = "left, though nobody left" }
        default:
            out(viewer)
        }
    }

    mutating func resolve(_ node: Int, _ number: UInt64, _ answered: LeaseShare.Answered) {
        let all = nodes[node].waiting
        nodes[node].waiting = []
        for waiting in all {
            // Nobody waits for a stream that was closed meanwhile.
            if waiting.purpose == .keep, !hasStream(waiting.viewer, node) { continue }
            switch answered {
            case _ where waiting.number != number: act(node, waiting.purpose, viewer: waiting.viewer)
            case .agreed: finish(node, waiting, isRefused: false)
            case .differs: act(node, waiting.purpose, viewer: waiting.viewer)
            case .lost: finish(node, waiting, isRefused: true)
            case .tryAgain:
                // Streams go on while they may.
                if waiting.purpose == .join {
                    finish(node, Waiting(purpose: .join, viewer: waiting.viewer), isRefused: true)
                }
            }
        }
    }

    mutating func sendDue(_ node: Int) {
        let number = number(node)
        if let claim = nodes[node].share.due(at: moment(node), number, setting.policy) { send(claim, number) }
    }
}
