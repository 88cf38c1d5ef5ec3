import Basics

@testable import Admission

/// What must hold in every state.
extension World {
    /// How many sessions are served now.
    private var served: Int { nodes.reduce(0) { $1.acts ? $0 | $1.streams : $0 }.nonzeroBitCount }

    func hasStream(_ viewer: Int, _ node: Int) -> Bool { nodes[node].streams & 1 << viewer != 0 }

    /// The row, unless its time is over.
    var current: SharedLease? { row.flatMap { time < $0.until ? $0 : nil } }

    mutating func check() {
        if served < 2 { overlap = nil } else if overlap == nil { overlap = time }
        if let overlap, time - overlap > longestOverlap { flaw = "two sessions for \(time - overlap) ms" }
        for viewer in viewers where viewer.answers > viewer.joins { flaw = "a join was answered twice" }
        for node in nodes where node.isAlive {
            if case .agreed(let grant) = node.share.word, let row, row.holding == grant.basis, row.until < grant.until {
                flaw = "a node holds a lease for longer than the store"
            }
        }
        if isQuiet { checkQuiet() }
    }

    /// How long two sessions may be served at once, beyond the tick in which the later one was agreed to.
    private var longestOverlap: Milliseconds {
        switch setting.loss {
        case .cut, .away: setting.sharing.grace
        // Until the next renewal.
        case .notice: setting.policy.idleTimeout / 2 + 1000
        // Until the node that has not heard claims again.
        case .answer, .table: 1000
        case .nothing, .death, .pause: 0
        }
    }

    /// Whether nothing is under way.
    private var isQuiet: Bool {
        messages.allSatisfy(\.isLate)
            && nodes.allSatisfy {
                !$0.isAlive
                    || (!$0.isPaused && !$0.isCut && $0.isTended && $0.share.asked == nil && $0.waiting.isEmpty
                        && !$0.share.isUnsettled)
            }
    }

    private mutating func checkQuiet() {
        for viewer in viewers where viewer.joins != viewer.answers { flaw = "a join was not answered" }
        for node in nodes where node.isAlive {
            switch node.share.word {
            case .none, .heard:
                if node.streams != 0 { flaw = "a stream without a lease" }
            case .unsettled:
                break
            case .agreed(let grant):
                let isThere = time < grant.until
                let isGhost =
                    current.map { lease in !viewers.contains { $0.session == lease.holding.session } } ?? false
                if isThere, current?.holding != grant.basis, !isGhost, !isNoticeLost {
                    flaw = "a node and the table differ"
                }
                let session = node.share.slot.session
                if viewers.indices.contains(where: { node.streams & 1 << $0 != 0 && viewers[$0].session != session }) {
                    flaw = "a stream of another"
                }
            }
        }
        if served > 1, !isNoticeLost { flaw = "two sessions at rest" }
        // A claim may be so late that the goodbye is forgotten.
        if let current, current.state == .held, setting.loss != .death, setting.loss != .answer,
            viewers.contains(where: { $0.isGone && $0.session == current.holding.session })
        {
            flaw = "a session that left is still there"
        }
        // A join without a result may have replaced the other's session.
        let isSettled = !viewers.contains { $0.joins > 0 && $0.session == nil || $0.isGone }
        if isSettled, viewers[0].joins > 0, viewers.allSatisfy({ $0.isOut || $0.joins == 0 }) {
            flaw = "nobody is left"
        }
    }

    /// A node serves a session without asking only if it was not told yet, or could not be told, that another has it.
    mutating func checkKnowledge(_ node: Int, _ session: SessionID?) {
        guard let row, time < row.until, row.state == .held, row.holding.session != session,
            viewers.contains(where: { $0.session == row.holding.session })
        else { return }
        let isUnderWay = messages.contains {
            if case .claim = $0.content { false } else { $0.node == node }
        }
        let isCut = setting.loss == .cut || setting.loss == .away
        if !isUnderWay, !isCut, !nodes[node].share.isUnsettled, !isNoticeLost, !isTableLost,
            !nodes[node].reach.isAway(at: moment(node), setting.sharing)
        {
            flaw = "served without asking, after its time"
        }
    }
}
