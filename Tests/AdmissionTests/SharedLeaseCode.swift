import Basics

@testable import Admission

/// A state's identity, in 128 bits. States that differ in nothing that matters have the same one, such as those that
/// differ only in the time.
struct Code: Hashable {
    private var low: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var high: UInt64 = 0xD1B5_4A32_D192_ED03

    mutating func add(_ word: UInt64) {
        low = (low ^ word) &* 0x2545_F491_4F6C_DD1D
        low ^= low >> 29
        high = (high &+ word) &* 0xBF58_476D_1CE4_E5B9
        high ^= high >> 31
    }

    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

    /// Adds a sum that does not depend on the order of its terms.
    mutating func add(sumOf codes: [Code]) {
        add(codes.reduce(0 as UInt64) { $0 &+ $1.low })
        add(codes.reduce(0 as UInt64) { $0 &+ $1.high })
    }
}

/// What a state's identity is made of: times as seen from now as far as they matter, sessions by their order, and
/// generations, which are only ever compared for equality.
struct Coder {
    var code = Code()
    private let now: Milliseconds
    private let setting: World.Setting
    private var sessions: [SessionID] = []
    private var generations: [Int64] = []

    init(_ world: World) {
        now = world.time
        setting = world.setting
        add(world)
        for place in sessions.indices { for other in 0..<place { add(sessions[other] < sessions[place]) } }
    }

    private mutating func add(_ world: World) {
        add(world.current)
        add(time: world.overlap ?? now, .max)
        add(world.returns)
        add(world.leaves)
        add(world.isLossOver)
        add(world.isNoticeLost)
        add(world.isTableLost)
        for viewer in world.viewers {
            add(viewer.session)
            add(viewer.joins)
            add(viewer.answers)
            add(viewer.isGone)
            add(viewer.isOut)
        }
        for (number, node) in world.nodes.enumerated() {
            add(node.isAlive)
            add(node.isPaused)
            add(node.isTended)
            add(node.isCut)
            add(node.streams)
            add(time: node.reach.answered, setting.sharing.grace)
            add(time: node.reach.failed ?? 0, setting.sharing.trial)
            for waiting in node.waiting {
                add(waiting.viewer)
                add(Int(waiting.number ?? 99))
                add(waiting.purpose.rawValue)
                add(waiting.session)
            }
            let wall = world.moment(number).wall
            add(node.share, wall)
            guard let ask = node.share.asked else { continue }
            add(Int(ask.number))
            add(time: ask.since, setting.sharing.grace)
            add(ask.basis)
            add(ask.after, wall)
            for notice in ask.notices { add(generation: notice.generation) }
        }
        let outer = code
        var codes: [Code] = []
        for message in world.messages {
            code = Code()
            add(message)
            codes.append(code)
        }
        code = outer
        code.add(sumOf: codes)
    }

    private mutating func add(_ number: Int) { code.add(number) }

    private mutating func add(_ flag: Bool) { code.add(flag ? 1 : 0) }

    /// Adds a time, unless it is further in the past than matters.
    private mutating func add(time: Milliseconds, _ horizon: Milliseconds, from now: Milliseconds? = nil) {
        code.add(Int(max(time - (now ?? self.now), -horizon)))
    }

    private mutating func add(_ session: SessionID?) {
        guard let session else { return code.add(99) }
        var place = 0
        while place < sessions.count, sessions[place] != session { place += 1 }
        if place == sessions.count { sessions.append(session) }
        // And which clock it is from.
        code.add(place << 16 | Int(session.random0) << 8 | Int((session.joinedAt - start + 600_000) / 120_000))
    }

    private mutating func add(generation: Int64) {
        guard generation <= now else { return code.add(Int(generation - now) + 1000) }
        var place = 0
        while place < generations.count, generations[place] != generation { place += 1 }
        if place == generations.count { generations.append(generation) }
        code.add(place)
    }

    private mutating func add(_ holding: SharedLease.Holding?) {
        guard let holding else { return code.add(98) }
        add(holding.session)
        add(generation: holding.generation)
    }

    private mutating func add(_ slot: LeaseSlot, _ wall: Milliseconds) {
        guard slot.state != .free else { return code.add(97) }
        add(slot.session)
        add(time: slot.lastUsed, setting.policy.idleTimeout, from: wall)
        add(Int(slot.state.rawValue))
        add(Int(slot.address))
    }

    private mutating func add(_ lease: SharedLease?, from now: Milliseconds? = nil) {
        guard let lease else { return code.add(96) }
        add(lease.holding)
        add(time: lease.until, 0, from: now)
        add(Int(lease.state.rawValue))
        add(Int(lease.address))
        add(lease.nodes.reduce(0) { $0 | 1 << Int($1) })
    }

    private mutating func add(_ share: LeaseShare, _ wall: Milliseconds) {
        switch share.word {
        case .none: add(0)
        case .heard(let grant):
            // What was heard too long ago counts for nothing.
            guard now < min(grant.until, grant.since + setting.sharing.freshness) else { return add(0) }
            add(1)
        case .agreed: add(2)
        case .unsettled: add(3)
        }
        guard let grant = share.grant else { return }
        add(share.slot, wall)
        add(grant.basis)
        add(time: grant.since, setting.sharing.grace)
        add(time: grant.until, 0)
    }

    private mutating func add(_ message: World.Message) {
        add(message.node)
        add(Int(message.number))
        add(message.isLate)
        switch message.content {
        case .claim(let claim):
            add(claim.basis)
            add(claim.session)
            add(Int(claim.lasting))
            add(Int(claim.state.rawValue))
            add(Int(claim.address))
        case .answer(let answer):
            add(answer.isAgreed)
            add(answer.lease, from: answer.moment)
        case .notice(let notice):
            add(generation: notice.generation)
            add(SessionEnding.allCases.firstIndex(of: notice.ending)!)
        }
    }
}
