import Admission
import Basics
import Directory

/// Decides which webhook is next. Slots are shared by company and by host, and a failing endpoint backs off as a whole.
///
/// Pure: takes the time as an argument and knows messages only by their ids. A company gets another slot while it has
/// fewer than a third of the free ones, so a single company gets a quarter of all. A message that takes longer than a
/// second gives up its slot and counts as slow. There may be more slow messages than slots, and as many per company as
/// a quarter of the slots. Endpoints that have failed share a few slots. So however many companies' endpoints hang, the
/// next one soon finds a slot.
struct DeliveryShares {
    /// A webhook that may start one message.
    struct Turn: Equatable {
        let webhook: ExactText
        let company: ExactText
        /// The ids of its messages that are under way.
        let running: Set<Int64>
    }

    /// The health of a webhook's endpoint.
    private enum Health: Equatable {
        case well
        /// Only this message has failed since the last success, so only it waits.
        case suspect(Int64)
        /// Several messages have failed: one at a time is tried, not before this moment.
        case failing(until: Milliseconds)
    }

    private enum Phase: Equatable {
        /// No message is known to wait.
        case idle
        case ready
        case waiting(until: Milliseconds)
        /// It has the turn.
        case asked
    }

    private struct Entry {
        let company: ExactText
        let host: ExactText
        var running: Set<Int64> = []
        /// The messages that count among the ``probes``.
        var probing: Set<Int64> = []
        var health = Health.well
        /// Failures since the last success.
        var failures = 0
        var phase = Phase.idle
        /// Whether a message arrived while it had the turn.
        var isRung = false
    }

    private struct Company {
        var ready: [ExactText] = []
        /// Messages with a slot.
        var quick = 0
        /// Messages that have given up their slot.
        var slow = 0
        var hosts: [ExactText: Int] = [:]

        var isIdle: Bool { quick == 0 && slow == 0 && ready.isEmpty }
    }

    static let limit = 32
    /// The limit for messages that have given up their slot.
    static let slowLimit = 96
    /// Beyond this many, a company may have another slow message only if it has at most one.
    private static let crowd = 64
    /// The limit for messages to endpoints that have failed.
    static let probeLimit = 6
    static let patience: Milliseconds = 1_000
    /// The limit for one company's messages to one host.
    static let limitPerHost = 2
    private static let partOfFree = 3

    private var entries: [ExactText: Entry] = [:]
    private var companies: [ExactText: Company] = [:]
    /// Companies with ready webhooks, the next one first.
    private var rotation: [ExactText] = []
    /// The messages with a slot, the oldest first.
    private var quick: [(webhook: ExactText, delivery: Int64, since: Milliseconds)] = []
    private var slowCount = 0
    private var probes = 0
    /// No entry of `waiting` is due earlier.
    private var earliest = Milliseconds.max

    // MARK: Taking turns

    /// Notes that a webhook has something to deliver.
    mutating func wake(_ id: ExactText, company: ExactText, host: @autoclosure () -> ExactText) {
        if entries[id] == nil { entries[id] = Entry(company: company, host: host()) }
        if entries[id]?.phase == .asked { entries[id]?.isRung = true } else { queue(id) }
    }

    /// Ends a webhook's rest, because its company says that the endpoint works again.
    mutating func hasten(_ id: ExactText) {
        guard let entry = entries[id], case .failing = entry.health else { return }
        entries[id]?.health = .failing(until: 0)
        if case .waiting = entry.phase { wait(id, until: 0) }
    }

    /// The next webhook that may start a message. Returns `nil` if there is none before ``nextMoment`` or the next end.
    mutating func take(at now: Milliseconds) -> Turn? {
        promote(at: now)
        slowDown(at: now)
        let free = Self.limit - quick.count
        guard free > 0 else { return nil }
        for (position, name) in rotation.enumerated() {
            guard let company = companies[name], company.quick * Self.partOfFree < free, mayBeSlow(company) else {
                continue
            }
            for (index, id) in company.ready.enumerated() {
                guard let entry = entries[id], company.hosts[entry.host, default: 0] < Self.limitPerHost else {
                    continue
                }
                if entry.health != .well, probes >= Self.probeLimit { continue }
                if case .failing = entry.health, !entry.running.isEmpty { continue }
                companies[name]?.ready.remove(at: index)
                rotation.remove(at: position)
                if company.ready.count > 1 { rotation.append(name) }
                entries[id]?.phase = .asked
                return Turn(webhook: id, company: name, running: entry.running)
            }
        }
        return nil
    }

    /// The earliest time when a waiting webhook is ready, or a slot becomes free without a message ending.
    var nextMoment: Milliseconds? {
        let left = rotation.isEmpty ? nil : quick.first.map { $0.since + Self.patience }
        let next = min(earliest, left ?? .max)
        return next == .max ? nil : next
    }

    /// Whether the company may have another slow message.
    private func mayBeSlow(_ company: Company) -> Bool {
        let count = company.quick + company.slow
        return slowCount < Self.slowLimit && count < (slowCount < Self.crowd ? Self.limit / 4 : 2)
    }

    /// Takes slots away from messages that take long.
    private mutating func slowDown(at now: Milliseconds) {
        // If the clock went back, treat them as slow too.
        while let first = quick.first, (now - first.since).magnitude >= Self.patience.magnitude {
            guard slowCount < Self.slowLimit, let name = entries[first.webhook]?.company else { return }
            quick.removeFirst()
            slowCount += 1
            companies[name]?.quick -= 1
            companies[name]?.slow += 1
        }
    }

    // MARK: What became of a turn

    mutating func began(_ turn: Turn, _ delivery: Int64, at now: Milliseconds) {
        guard let entry = entries[turn.webhook] else { return }
        quick.append((turn.webhook, delivery, now))
        companies[entry.company, default: Company()].quick += 1
        if entry.health != .well {
            probes += 1
            entries[turn.webhook]?.probing.insert(delivery)
        }
        companies[entry.company]?.hosts[entry.host, default: 0] += 1
        entries[turn.webhook]?.running.insert(delivery)
        entries[turn.webhook]?.phase = .idle
        // There may be more messages, but for a failing endpoint one is enough.
        if case .failing = entry.health { return }
        queue(turn.webhook)
    }

    /// Notes that there was nothing to start.
    ///
    /// - Parameter until: when there will be something; `nil` to wait until it is woken.
    mutating func rested(_ turn: Turn, until: Milliseconds?) {
        guard let entry = entries[turn.webhook] else { return }
        entries[turn.webhook]?.phase = .idle
        if entry.isRung {
            queue(turn.webhook)
        } else if let until {
            wait(turn.webhook, until: until)
        } else if entry.running.isEmpty, entry.health == .well {
            entries[turn.webhook] = nil
        }
    }

    /// Forgets a webhook that is gone or switched off, once its messages under way have ended.
    mutating func forget(_ id: ExactText) {
        guard let entry = entries[id] else { return }
        unqueue(id)
        entries[id] = entry.running.isEmpty ? nil : entries[id]
    }

    /// Notes whether a message arrived.
    ///
    /// - Parameters:
    ///   - hasArrived: `nil` if delivery was interrupted, which says nothing about the endpoint.
    ///   - rest: how long the endpoint asks to be left alone; `nil` if it does not ask.
    ///   - wait: how long the endpoint rests otherwise, given its number of failures.
    mutating func ended(
        _ id: ExactText,
        _ delivery: Int64,
        hasArrived: Bool?,
        rest: Milliseconds? = nil,
        at now: Milliseconds,
        wait: (_ failures: Int) -> Milliseconds
    ) {
        guard var entry = entries[id], entry.running.remove(delivery) != nil else { return }
        if entry.probing.remove(delivery) != nil { probes -= 1 }
        leave(entry.company, host: entry.host, hasSlot: takeSlot(of: id, delivery))
        switch (hasArrived, entry.health) {
        case (nil, _): break
        case (true?, _): (entry.health, entry.failures) = (.well, 0)
        case (false?, _) where rest != nil:
            entry.failures += 1
            entry.health = .failing(until: now + (rest ?? 0))
        case (false?, .well): (entry.health, entry.failures) = (.suspect(delivery), 1)
        case (false?, .suspect(delivery)): entry.failures += 1
        case (false?, .suspect), (false?, .failing):
            entry.failures += 1
            entry.health = .failing(until: now + min(wait(entry.failures), DeliverySchedule.longestRest))
        }
        entries[id] = entry
        guard entry.phase != .asked else {
            entries[id]?.isRung = true
            return
        }
        if case .failing = entry.health { unqueue(id) }
        queue(id)
    }

    /// How often an endpoint has failed since its last success. Returns `nil` if it does not fail as a whole.
    func failures(of id: ExactText) -> Int? {
        guard let entry = entries[id], case .failing = entry.health else { return nil }
        return entry.failures
    }

    // MARK: Queues

    /// Frees the slot of a message that has ended. Returns false if it has none any more.
    private mutating func takeSlot(of id: ExactText, _ delivery: Int64) -> Bool {
        guard let index = quick.firstIndex(where: { $0.delivery == delivery && $0.webhook == id }) else {
            slowCount -= 1
            return false
        }
        quick.remove(at: index)
        return true
    }

    private mutating func leave(_ name: ExactText, host: ExactText, hasSlot: Bool) {
        guard var company = companies[name] else { return }
        if hasSlot { company.quick -= 1 } else { company.slow -= 1 }
        let left = company.hosts[host, default: 1] - 1
        company.hosts[host] = left > 0 ? left : nil
        companies[name] = company.isIdle ? nil : company
    }

    /// Makes a webhook ready, or lets it wait if its endpoint fails.
    private mutating func queue(_ id: ExactText) {
        guard let entry = entries[id], entry.phase != .ready else { return }
        entries[id]?.isRung = false
        if case .failing(let until) = entry.health { wait(id, until: until) } else { makeReady(id, entry.company) }
    }

    private mutating func makeReady(_ id: ExactText, _ name: ExactText) {
        entries[id]?.phase = .ready
        if companies[name, default: Company()].ready.isEmpty { rotation.append(name) }
        companies[name, default: Company()].ready.append(id)
    }

    private mutating func unqueue(_ id: ExactText) {
        guard let entry = entries[id] else { return }
        entries[id]?.phase = .idle
        guard entry.phase == .ready, var company = companies[entry.company] else { return }
        company.ready.removeAll { $0 == id }
        if company.ready.isEmpty { rotation.removeAll { $0 == entry.company } }
        companies[entry.company] = company.isIdle ? nil : company
    }

    private mutating func wait(_ id: ExactText, until: Milliseconds) {
        entries[id]?.phase = .waiting(until: until)
        earliest = min(earliest, until)
    }

    /// Makes webhooks ready that have waited long enough. A wait longer than any that is possible came from a wrong
    /// clock.
    private mutating func promote(at now: Milliseconds) {
        guard earliest <= now || earliest > now + Directory.farthestRetry else { return }
        earliest = .max
        for (id, entry) in entries {
            guard case .waiting(let until) = entry.phase else { continue }
            if until <= now || until > now + Directory.farthestRetry {
                makeReady(id, entry.company)
            } else {
                earliest = min(earliest, until)
            }
        }
    }
}
