import Admission
import Basics
import GatewayConfiguration
import Transport

/// The state that belongs to one event loop: its connections, pools, caches and buffers. None of it needs a lock. State
/// shared between loops is in ``Site``.
final class Worker {
    let loop: EventLoop
    let site: Site
    private(set) var snapshot: Snapshot
    let clock: Clock
    var random = RandomSource()
    var tokens: TokenCache
    var identities = IdentityCache()
    let accessLog: AccessLogBuffer
    let spans: SpanBuffer
    let upstreams: UpstreamPools
    let counters: LoopCounters
    // One loop does these for all; they are `nil` on the others.
    private let healthChecks: HealthChecks?
    let keySets: KeySets?
    /// Requests of this loop that wait for one.
    let keyWaits: KeyWaits
    /// How many wait for leases that are shared.
    var leaseWaits = 0

    /// What was read from the head of the request being started.
    let requestParts = RequestParts()
    private var buffers: ContiguousArray<ByteBuffer> = []
    /// Exchanges that wait for a request. Their type stands above this one.
    var spares: ContiguousArray<AnyObject> = []

    private var connections = ConnectionList<any ServedConnection>()
    /// Clients' connections whose TLS handshake is not complete.
    var handshakes = ConnectionList<any IdleConnection>()
    /// Proxies' connections that have yet to name their client.
    var unnamed = ConnectionList<any IdleConnection>()
    private var ended: [EndedSession] = []
    private var isSweepScheduled = false
    private var goodbyes = 0
    private(set) var isDraining = false
    /// Whether another process accepts connections on the same sockets, and keeps the leases.
    private(set) var isReplaced = false
    /// How long clients without a request may still send one while the loop drains, in milliseconds; 0 if they may not.
    private var farewellTime: Int64 = 0
    /// How often an open stream renews its lease, in milliseconds. While another process keeps the leases, that is how
    /// soon the stream ends if its session has ended there.
    var renewalInterval: Int64 { isReplaced ? snapshot.heartbeat : snapshot.renewalInterval }
    private var lag = OverloadWatch()
    private var ticks = 0
    /// When the next tick should come, in monotonic milliseconds.
    private var tickDueAt: Int64 = 0

    /// A session that is ending, why, and since when in monotonic milliseconds.
    struct EndedSession: Sendable {
        var session: SessionID
        var reason: Refusal
        var since: Int64
        /// Its place in the order of all endings.
        var number: UInt64
    }

    private static let tickLength: Int64 = 100
    private static let maxBuffers = 64
    private static let bufferSize = 4 << 10
    private static let maxBufferSize = 64 << 10
    private static let tokenCacheCapacity = 8192
    /// Sessions that end within this time are swept together, so that a storm of take-overs has bounded cost.
    /// Milliseconds.
    private static let sweepDelay: Int64 = 10
    /// The least time that a beacon's goodbye waits for the page that follows. Milliseconds.
    private static let goodbyeDelay: Int64 = 3000
    /// How much longer it waits than open streams take to be noticed. Milliseconds.
    private static let goodbyeSlack: Int64 = 500
    /// The most waiting goodbyes; further ones take effect at once.
    private static let maxGoodbyes = 10_000

    /// The part of the drain time, in percent, in which idle clients may still send a request.
    private static let farewellShare: Int64 = 80

    /// - Parameter isFirst: whether this loop checks servers and fetches key sets for all loops.
    init(loop: EventLoop, site: Site, isFirst: Bool = false) {
        self.loop = loop
        self.site = site
        clock = Clock(of: loop)
        snapshot = site.snapshot
        tokens = TokenCache(capacity: Self.tokenCacheCapacity, seed: SystemRandom.word())
        accessLog = AccessLogBuffer(log: site.accessLog)
        spans = SpanBuffer(site.spans)
        counters = LoopCounters(snapshot.labels)
        upstreams = UpstreamPools(
            loop: loop,
            descriptors: site.descriptors,
            resolver: site.resolver,
            counters: counters
        )
        healthChecks =
            isFirst ? HealthChecks(loop: loop, resolver: site.resolver, descriptors: site.descriptors) : nil
        keyWaits = KeyWaits(loop: loop)
        keySets =
            isFirst
            ? KeySets(
                loop: loop,
                resolver: site.resolver,
                descriptors: site.descriptors,
                missed: site.missedKeys,
                store: site.keySetStore,
                logger: site.logger,
                publish: { site.adopt($0) },
                fetchEnded: { site.keyFetchEnded($0) }
            ) : nil
        upstreams.adopt(snapshot.upstreams)
    }

    /// Starts the tick that maintains the pools and caches and passes on the log.
    func start() {
        tickDueAt = loop.now + Self.tickLength
        loop.schedule(in: Self.tickLength) { [self] in tick() }
    }

    /// Starts or changes what one loop does for all. The other loops must be registered, so that they get the results.
    ///
    /// - Parameter endsTrial: whether key sets that are not in use are no longer tried.
    func adoptChores(endsTrial: Bool = false) {
        healthChecks?.adopt(snapshot.upstreams, host: snapshot.publicHost)
        keySets?.adopt(snapshot.keySetURLs, trying: endsTrial ? [] : nil)
    }

    // MARK: Goodbyes

    /// Says goodbye for a session.
    ///
    /// A page also disappears during a reload, whose first request may arrive before the goodbye, and other pages of
    /// the session may stay. So a beacon's goodbye waits, and counts only if the session was not seen meanwhile.
    func leave(_ session: PresentedSession, subject: SubjectKey, isLeased: Bool, isBeacon: Bool) {
        let now = clock.wall
        func say(unlessUsedAfter lastSeen: Milliseconds? = nil, at now: Milliseconds) {
            let hasLeft = site.admission.leave(
                session,
                subject: subject,
                isLeased: isLeased,
                unlessUsedAfter: lastSeen,
                now: now,
                rules: snapshot.rules
            )
            if hasLeft { site.end(session.id, reason: .sessionLeft) }
        }
        guard isBeacon, goodbyes < Self.maxGoodbyes else {
            say(at: now)
            return
        }
        goodbyes += 1
        let showing = snapshot.renewalInterval + snapshot.heartbeat
        loop.schedule(in: max(Self.goodbyeDelay, showing + Self.goodbyeSlack)) { [self] in
            goodbyes -= 1
            say(unlessUsedAfter: now, at: WallClock.now())
        }
    }

    // MARK: Buffers

    /// An empty buffer; return it with `recycle`.
    func takeBuffer() -> ByteBuffer {
        buffers.popLast() ?? ByteBuffer(capacity: Self.bufferSize)
    }

    /// Keeps a buffer for reuse.
    func recycle(_ buffer: consuming ByteBuffer) {
        guard buffers.count < Self.maxBuffers, buffer.capacity <= Self.maxBufferSize else { return }
        buffer.removeAll()
        buffers.append(buffer)
    }

    // MARK: Connections

    /// Adds a connection to the list of served ones, and returns its index.
    func add(_ connection: any ServedConnection) -> Int { connections.add(connection) }

    func remove(slot: Int) { connections.remove(slot: slot) }

    /// Whether viewers without a session must wait, so that the others are served.
    var isShedding: Bool { lag.isOver || site.overload.isShortOfMemory }

    private func tick() {
        let late = loop.now - tickDueAt
        counters.timerRan(late: late)
        let limit = snapshot.lagLimit
        if lag.take(late, limit: limit, release: limit / 2, at: loop.now) {
            site.overload.loopChanged(isLate: lag.isOver)
        }
        start()
        ticks += 1
        if site.descriptors.isShort { upstreams.closeIdle() }
        if ticks % 10 == 0 {
            upstreams.closeStale()
            identities.dropStale(at: clock.monotonic)
        }
        accessLog.handOver()
        spans.handOver()
    }

    /// Closes the client connection that will be missed least: among some idle ones, one that was never used, or else
    /// the one idle longest. Returns false if none is idle.
    func closeIdleClient() -> Bool {
        let now = clock.monotonic
        let served = connections.leastMissed(at: now) { $0.idleness }
        guard let (handshake, idleness) = handshakes.leastMissed(at: now, { $0.idleness }),
            served.map({ idleness < $0.1 }) ?? true
        else {
            served?.0.closeIdle()
            return served != nil
        }
        handshake.closeIdle()
        return true
    }

    /// Closes a proxy's connection that has yet to name its client: among some, the one that has waited longest. Returns
    /// false if none has waited for long.
    func closeUnnamed() -> Bool {
        guard let (connection, _) = unnamed.leastMissed(at: clock.monotonic, { $0.idleness }) else { return false }
        connection.closeIdle()
        return true
    }

    // MARK: Ending sessions

    /// Ends the exchanges of a session on this loop, after a short delay.
    func end(_ session: EndedSession) {
        ended.append(session)
        guard !isSweepScheduled else { return }
        isSweepScheduled = true
        loop.schedule(in: Self.sweepDelay) { [self] in sweepEnded() }
    }

    private func sweepEnded() {
        isSweepScheduled = false
        let endings = Dictionary(ended.map { ($0.session, $0) }, uniquingKeysWith: { $1 })
        ended.removeAll(keepingCapacity: true)
        for connection in connections.elements { connection?.end(endings) }
    }

    // MARK: Reload and drain

    func adopt(_ snapshot: Snapshot) {
        tokens.move(from: self.snapshot.authority, to: snapshot.authority)
        self.snapshot = snapshot
        spares = []
        counters.adopt(snapshot.labels)
        upstreams.adopt(snapshot.upstreams)
    }

    /// What the loop has counted, and what it has open.
    var counts: LoopCounts {
        var counts = counters.values
        counts.totals[Counter.cacheEntries.rawValue] = tokens.count
        upstreams.count(into: &counts)
        return counts
    }

    /// Closes idle connections and every tunnel. The other exchanges finish and close their connections.
    ///
    /// - Parameter isReplaced: whether another process accepts connections on the same sockets. Then idle connections
    ///   close with the answer to one more request: their clients may be sending it now.
    func drain(isReplaced: Bool = false) {
        isDraining = true
        self.isReplaced = isReplaced
        if isReplaced {
            farewellTime = max(snapshot.settings.drainTimeout.milliseconds, 0) / 100 * Self.farewellShare
        }
        for connection in connections.elements { connection?.drain() }
    }

    /// How long an idle client may still send a request while the loop drains, in milliseconds: until a random moment of
    /// the second half, so that not all connect anew at once. `nil` if it may not.
    func farewell() -> Int64? {
        guard farewellTime > 0 else { return nil }
        return farewellTime / 2 + Int64(random.next() % UInt64(farewellTime / 2 + 1))
    }

    /// Cuts the connections left over after a drain.
    func closeAll() {
        for connection in connections.elements { connection?.endDrain() }
        spares = []
        healthChecks?.stop()
        keySets?.stop()
        upstreams.retire()
        accessLog.handOver()
        spans.handOver()
    }
}
