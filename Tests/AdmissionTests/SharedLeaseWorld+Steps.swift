import Basics

@testable import Admission

/// What may happen, and what it does.
extension World {
    mutating func take(_ step: Step) {
        switch step {
        case .join(let viewer, let node):
            viewers[viewer].joins += 1
            act(node, .join, viewer: viewer)
        case .come(let viewer, let node):
            returns -= 1
            act(node, .come, viewer: viewer)
        case .leave(let viewer, let node):
            leaves -= 1
            guard let session = viewers[viewer].session else { return }
            let (now, policy) = (moment(node).wall, setting.policy)
            let left = nodes[node].share.giveUp { $0.leave(session, unlessUsedAfter: nil, now: now, policy: policy) }
            if left { viewers[viewer].isGone = true }
            if left { nodes[node].streams &= ~(1 << viewer) }
            sendDue(node)
        case .tend(let node):
            nodes[node].isTended = true
            for viewer in viewers.indices
            where hasStream(viewer, node) && !nodes[node].waiting.contains(where: { $0.viewer == viewer }) {
                act(node, .keep, viewer: viewer)
            }
            sendDue(node)
        case .deliver(let place):
            deliver(messages.remove(at: place))
        case .lose(let place):
            isLossOver = true
            let message = messages.remove(at: place)
            if case .notice = message.content { isNoticeLost = true }
        case .delay(let place):
            isLossOver = true
            messages[place].isLate = true
        case .giveUp(let node):
            guard let number = nodes[node].share.asked?.number else { return }
            messages.removeAll { message in
                if nodes[node].isCut, message.node == node { true } else { false }
            }
            nodes[node].reach.failed = time
            let failed = nodes[node].share.failed(number, at: moment(node), nodes[node].reach, setting.sharing)
            guard let (answered, closing) = failed else { return }
            close(node, closing)
            resolve(node, number, answered)
        case .die(let node):
            isLossOver = true
            nodes[node].isAlive = false
            for waiting in nodes[node].waiting where waiting.purpose == .join { viewers[waiting.viewer].answers += 1 }
            nodes[node].waiting = []
            nodes[node].streams = 0
            messages.removeAll { if case .claim = $0.content { false } else { $0.node == node } }
        case .pause(let node):
            isLossOver = true
            nodes[node].isPaused = true
        case .wake(let node):
            nodes[node].isPaused = false
            nodes[node].isTended = false
        case .loseTable:
            isLossOver = true
            isTableLost = true
            row = nil
            messages = []
            for node in nodes.indices { nodes[node].share.doubt() }
        case .cut(let cut):
            isLossOver = true
            for node in cut { nodes[node].isCut = true }
            messages.removeAll { nodes[$0.node].isCut }
        case .heal:
            for node in nodes.indices where nodes[node].isCut {
                nodes[node].isCut = false
                nodes[node].share.doubt()
            }
        case .tick:
            time += 1000
            for node in nodes.indices { nodes[node].isTended = nodes[node].isIdle }
        }
        check()
    }

    private mutating func deliver(_ message: Message) {
        let node = message.node
        switch message.content {
        case .claim(let claim):
            let former = row
            let (answer, notices) = SharedLease.apply(claim, to: &row, at: time)
            if let former, let row, row != former, row.holding.generation < former.holding.generation {
                flaw = "the generation went back"
            }
            for notice in notices where nodes[Int(notice.node)].isAlive && !nodes[Int(notice.node)].isCut {
                messages.append(Message(node: Int(notice.node), number: 0, content: .notice(notice)))
            }
            guard nodes[node].isAlive, !nodes[node].isCut else { return }
            messages.append(
                Message(node: node, number: message.number, content: .answer(answer), isLate: message.isLate)
            )
        case .answer(let answer):
            let sent = nodes[node].share.asked?.since
            let answered = nodes[node].share.answered(
                message.number,
                answer,
                at: moment(node),
                setting.policy,
                setting.sharing
            )
            guard let (answered, closing) = answered else { return }
            if let sent { nodes[node].reach = Reach(answered: max(nodes[node].reach.answered, sent)) }
            close(node, closing)
            resolve(node, message.number, answered)
            sendDue(node)
        case .notice(let notice):
            close(node, nodes[node].share.lost(notice))
            sendDue(node)
        }
    }

    /// The steps as they follow each other, in words.
    func story(of steps: [Step]) -> String {
        var world = self
        return steps.map { step in
            defer { world.take(step) }
            return switch step {
            case .deliver(let place), .lose(let place), .delay(let place): "\(step): \(world.messages[place])"
            default: "\(step)"
            }
        }.joined(separator: "\n")
    }

    // MARK: What may happen next

    var steps: [Step] {
        var steps: [Step] = []
        for node in nodes.indices where nodes[node].acts {
            for viewer in viewers.indices {
                let isFirst = viewer == 0 || viewers[viewer - 1].joins > 0
                if viewers[viewer].joins == 0, isFirst { steps.append(.join(viewer: viewer, node: node)) }
                guard viewers[viewer].session != nil, !viewers[viewer].isOut else { continue }
                if returns > 0, !nodes[node].waiting.contains(where: { $0.viewer == viewer }) {
                    steps.append(.come(viewer: viewer, node: node))
                }
                if leaves > 0, hasStream(viewer, node) { steps.append(.leave(viewer: viewer, node: node)) }
            }
            if !nodes[node].isTended { steps.append(.tend(node: node)) }
            if isOverdue(node) { steps.append(.giveUp(node: node)) }
        }
        for (place, message) in messages.enumerated() {
            if mayDeliver(message) { steps.append(.deliver(place)) }
            guard !isLossOver else { continue }
            switch (setting.loss, message.content) {
            case (.notice, .notice): steps.append(.lose(place))
            case (.answer, .claim), (.answer, .answer): steps.append(.delay(place))
            default: break
            }
        }
        if !isLossOver, viewers[0].joins > 0 {
            switch setting.loss {
            case .death: steps.append(.die(node: 0))
            case .pause: steps.append(.pause(node: 0))
            case .table: steps.append(.loseTable)
            case .cut: steps.append(.cut([0]))
            case .away: steps.append(.cut(Array(nodes.indices)))
            default: break
            }
        }
        for node in nodes.indices where nodes[node].isPaused { steps.append(.wake(node: node)) }
        if nodes.contains(where: \.isCut) { steps.append(.heal) }
        if mayTick { steps.append(.tick) }
        return steps
    }

    private func mayDeliver(_ message: Message) -> Bool {
        switch message.content {
        case .claim: !nodes[message.node].isCut
        case .answer, .notice: nodes[message.node].acts && !nodes[message.node].isCut
        }
    }

    /// Whether a node waits for an answer that does not come in time.
    private func isOverdue(_ node: Int) -> Bool {
        guard let number = nodes[node].share.asked?.number else { return false }
        return nodes[node].isCut || !messages.contains { $0.node == node && $0.number == number && !$0.isLate }
    }

    private var mayTick: Bool {
        nodes.indices.allSatisfy { !nodes[$0].acts || (nodes[$0].isTended && !isOverdue($0)) }
            && !messages.contains { !$0.isLate && mayDeliver($0) }
    }
}
