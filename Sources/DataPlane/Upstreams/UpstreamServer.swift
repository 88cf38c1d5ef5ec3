import Basics
import GatewayConfiguration
import Synchronization
import Transport

/// One server of an upstream, with its health as known to all event loops.
///
/// Requests read that health without a lock. Only failures, the end of failures, and checks change it.
final class UpstreamServer: Sendable {
    enum Target: Sendable {
        case address(NetworkAddress)
        case name(String, UInt16)
    }

    let target: Target
    /// The TLS peer. `nil` for plaintext.
    let peer: TLSPeer?
    /// In milliseconds.
    let connectTimeout: Int64
    /// The server's name in the log.
    let name: String
    /// ``name``, ready to write.
    let nameBytes: [UInt8]
    /// The server as `Host` names it. Empty for a Unix socket.
    let authority: String
    /// The `Host` line of requests to it. Empty if they have one already.
    let hostLine: [UInt8]
    /// The place of its counters. 0 if it serves no requests.
    let slot: Int
    /// In milliseconds.
    private let slowStart: Int64
    /// Whether it has a limit of connections.
    private let isLimited: Bool
    /// Not counted without a limit, until a reload has replaced the server.
    let places: ServerPlaces
    private let record: Mutex<ServerRecord>
    private let known: Mutex<KnownAddresses>

    // What the record says, for requests. All times are in monotonic milliseconds.
    /// `Int64.max` while the checks fail.
    private let outUntil = Atomic<Int64>(0)
    private let backAt = Atomic<Int64>(.min / 2)
    private let failures = Atomic<Int>(0)
    private let unresponsive = Atomic<Bool>(false)
    private let downUntil = Atomic<Int64>(.min)
    /// When it last went down.
    private let downSince = Atomic<Int64>(.min)
    /// Whether the checks get no answer at all.
    private let lost = Atomic<Bool>(false)
    /// When an unresponsive server may be tried next, unless the present trial ends before.
    private let trialAt = Atomic<Int64>(0)
    /// When a request last got an answer, to ``answerGrain``.
    private let answeredAt = Atomic<Int64>(.min)

    /// Whether an operator has taken the server out.
    private let drained: Atomic<Bool>

    private let wasSaidDown = Atomic<Bool>(false)
    private let wasSaidUnresolved = Atomic<Bool>(false)
    /// Why TLS with the server last failed, until that is reported.
    private let unsaidFault = Mutex<TLSFault?>(nil)
    private let saidFault = Mutex<TLSFault?>(nil)

    /// How long a trial keeps others away that does not end. Milliseconds.
    private let trialTime: Int64
    /// From the end of a trial to the next. Milliseconds.
    private static let trialInterval: Int64 = 1000
    /// In milliseconds. Event loops that get many answers seldom write what the others read.
    private static let answerGrain: Int64 = 100

    init(
        _ server: UpstreamServerSettings,
        connectTimeout: Duration,
        responseTimeout: Duration = .zero,
        hostLine: [UInt8] = [],
        serverName: String? = nil,
        resolveInterval: Duration = .zero,
        slowStart: Duration = .zero,
        maxConnections: Int = 0,
        places: ServerPlaces = ServerPlaces(),
        rules: ServerRecord.Rules = ServerRecord.Rules(),
        isDrained: Bool = false,
        slot: Int = 0
    ) {
        drained = Atomic(isDrained)
        self.slot = slot
        self.hostLine = hostLine
        self.slowStart = slowStart.milliseconds
        isLimited = maxConnections > 0
        self.places = places
        places.allow(maxConnections)
        record = Mutex(ServerRecord(rules))
        known = Mutex(KnownAddresses(interval: resolveInterval.milliseconds))
        authority = server.authority ?? ""
        self.connectTimeout = connectTimeout.milliseconds
        trialTime = max((connectTimeout + responseTimeout).milliseconds, Self.trialInterval)
        peer = server.isSecure ? serverName.map { TLSPeer(host: $0) } ?? TLSPeer(server.address) : nil
        name = server.address.text
        nameBytes = Array(name.utf8)
        target =
            switch server.address {
            case .tcp(let host, let port):
                NetworkAddress(ip: host, port: UInt16(port)).map { .address($0) } ?? .name(host, UInt16(port))
            case .unix(let path): .address(.unix(path: path))
            }
    }

    // MARK: What requests ask

    /// Whether the server gets requests only for want of a better one.
    func isOut(at now: Int64) -> Bool {
        outUntil.load(ordering: .relaxed) > now || unresponsive.load(ordering: .relaxed)
    }

    /// Whether the gateway may say that it is ready for the sake of this server. An unresponsive one may get its next
    /// trial only if it does.
    func isPromising(at now: Int64) -> Bool { !isDrained && outUntil.load(ordering: .relaxed) <= now }

    /// - Parameter mayTry: whether the request may try an unresponsive server although there are others.
    func standing(at now: Int64, mayTry: Bool = true) -> Balancer.Standing {
        guard !isDrained else { return .drained }
        let isUnresponsive = unresponsive.load(ordering: .relaxed)
        guard outUntil.load(ordering: .relaxed) <= now else { return isUnresponsive ? .unresponsive : .down }
        if isUnresponsive {
            let isDue = mayTry && !isFull && trialAt.load(ordering: .relaxed) <= now
            return isDue ? .up(share: Balancer.fullShare) : .unresponsive
        }
        guard !isFull else { return .full }
        // `backAt` may be a later time of another event loop.
        let time = max(now - backAt.load(ordering: .relaxed), 0)
        guard time < slowStart else { return .up(share: Balancer.fullShare) }
        // A tenth at first, so that it gets any.
        let share = Int64(Balancer.fullShare) * time / slowStart
        return .up(share: max(Int(share), Balancer.fullShare / 10))
    }

    /// Whether a request may go to the server now. Lets one at a time try an unresponsive server, so that it can come back,
    /// unless checks do that. Call ``endTrial(at:)`` when that request is over.
    func admits(at now: Int64) -> Bool {
        guard unresponsive.load(ordering: .relaxed) else { return true }
        let dueAt = trialAt.load(ordering: .relaxed)
        guard dueAt <= now, !lost.load(ordering: .relaxed) else { return false }
        return trialAt.compareExchange(expected: dueAt, desired: now + trialTime, ordering: .relaxed).exchanged
    }

    /// Lets another request try the server in a while.
    func endTrial(at now: Int64) {
        if unresponsive.load(ordering: .relaxed) { trialAt.store(now + Self.trialInterval, ordering: .relaxed) }
    }

    var isFull: Bool { isLimited && places.isFull }

    // MARK: What has happened

    /// Records that a request got an answer, good or bad.
    func answered(at now: Int64) {
        if now >= answeredAt.load(ordering: .relaxed) &+ Self.answerGrain { answeredAt.store(now, ordering: .relaxed) }
    }

    /// Whether any request got an answer after this time.
    func hasAnswered(since time: Int64) -> Bool { answeredAt.load(ordering: .relaxed) > time }

    /// Whether requests have failed, so that an answer is news.
    var hasFailed: Bool { failures.load(ordering: .relaxed) != 0 }

    /// Whether the server's checks get no answer, so that requests need not wait for one either.
    var isLost: Bool { lost.load(ordering: .relaxed) }

    /// Records a failure. Returns whether it ejected the server. Call ``Upstream/failed(_:_:isTrial:at:)``, which knows
    /// the other servers.
    ///
    /// - Parameter isTrial: whether the request was sent although the server was left out.
    func failed(_ fault: ServerFault, isTrial: Bool = false, at now: Int64, mayEject: Bool) -> Bool {
        if fault.isConnect { known.withLock { $0.doubt() } }
        return record.withLock { record in
            let isEjected = record.failed(fault, isTrial: isTrial, at: now, mayEject: mayEject)
            show(record, at: now)
            return isEjected
        }
    }

    /// Records an answer.
    ///
    /// - Parameter isTrial: whether the request was sent although the server was left out.
    func succeeded(at now: Int64, isTrial: Bool) {
        record.withLock { record in
            record.succeeded(at: now, isTrial: isTrial)
            show(record, at: now)
        }
    }

    /// Records what the checks have decided.
    ///
    /// - Parameter fault: `nil` if the server is well.
    func checked(_ fault: HealthFault?, at now: Int64) {
        record.withLock { record in
            record.checked(fault, at: now)
            show(record, at: now)
        }
    }

    private func show(_ record: borrowing ServerRecord, at now: Int64) {
        if record.downUntil > now, !isDown(at: now) { downSince.store(now, ordering: .relaxed) }
        let isLost = record.checkFault?.isSilence ?? false
        lost.store(isLost, ordering: .relaxed)
        unresponsive.store(isLost || record.isUnresponsive, ordering: .relaxed)
        backAt.store(record.backAt, ordering: .relaxed)
        if !isLost, !record.isUnresponsive { trialAt.store(0, ordering: .relaxed) }
        failures.store(record.failures, ordering: .relaxed)
        downUntil.store(record.downUntil, ordering: .relaxed)
        outUntil.store(record.checkFault == nil ? record.outUntil : .max, ordering: .relaxed)
    }

    // MARK: Its name

    /// How to find the addresses for a connection.
    func addressAdvice(at now: Int64) -> KnownAddresses.Advice { known.withLock { $0.advice(at: now) } }

    /// Takes in what the resolver has found. Returns the addresses to use: if there are none, the last known ones.
    func resolved(_ outcome: Resolver.Outcome, at now: Int64) -> [NetworkAddress] {
        known.withLock { $0.learn(outcome, at: now) }
    }

    /// Whether the name has begun or ceased to be unresolvable. Returns `nil` if neither.
    func takeNameNews() -> NameNews? {
        let fault = known.withLock { $0.fault }
        guard wasSaidUnresolved.exchange(fault != nil, ordering: .relaxed) != (fault != nil) else { return nil }
        return fault.map { .unresolved($0) } ?? .resolved
    }

    enum NameNews: Equatable {
        /// The system's reason.
        case unresolved(String)
        case resolved
    }

    // MARK: What the operator decides

    var isDrained: Bool { drained.load(ordering: .relaxed) }

    /// Takes the server out, or back in. Returns whether that is a change.
    func drain(_ isDrained: Bool) -> Bool { drained.exchange(isDrained, ordering: .relaxed) != isDrained }

    // MARK: What the operator learns

    /// Why the server is down.
    var reason: String { record.withLock { $0.reason } }

    /// Whether the server was left out and has not answered since, unless it could have been used for a minute and was
    /// not.
    func isDown(at now: Int64) -> Bool { downUntil.load(ordering: .relaxed) > now }

    /// For how long it has been down, in milliseconds. `nil` if it is not.
    func downTime(at now: Int64) -> Milliseconds? {
        isDown(at: now) ? max(0, now - downSince.load(ordering: .relaxed)) : nil
    }

    /// Unreported news of the server: it went down or came back.
    enum News: Equatable {
        /// Why, for the log.
        case down(String)
        case up
        /// Nothing is known against it any more, but it has not answered.
        case unused
    }

    /// The news to report. Returns `nil` if nothing has changed.
    func takeNews(at now: Int64) -> News? {
        let isDown = isDown(at: now)
        guard wasSaidDown.exchange(isDown, ordering: .relaxed) != isDown else { return nil }
        if isDown { return .down(reason) }
        return hasFailed ? .unused : .up
    }

    /// Records that TLS with the server works.
    func trusts() { if hasFailed { saidFault.withLock { $0 = nil } } }

    /// Records why TLS with the server failed.
    func distrusts(_ fault: TLSFault) { unsaidFault.withLock { $0 = fault } }

    /// Why TLS with the server has begun to fail. Returns `nil` if that was reported before.
    func takeFault() -> TLSFault? {
        let fault = unsaidFault.withLock { fault in
            defer { fault = nil }
            return fault
        }
        guard let fault else { return nil }
        return saidFault.withLock { said in
            defer { said = fault }
            return said == fault ? nil : fault
        }
    }
}

extension TLSPeer {
    fileprivate convenience init(_ address: GatewayConfiguration.SocketAddress) {
        switch address {
        case .tcp(let host, _): self.init(host: host)
        // The configuration does not allow https over a Unix socket.
        case .unix(let path): self.init(.name(path))
        }
    }
}
