import Admission
import JOSE
import Transport

/// Everything that one event loop has to itself: its connections, pools, caches and buffers. No lock is needed for any
/// of it; what loops share is in ``Site``.
final class Worker {
    let loop: EventLoop
    let site: Site
    private(set) var snapshot: Snapshot
    var clock = Clock()
    var random = RandomSource()
    var tokens: TokenCache
    var identities = IdentityCache()
    let accessLog: AccessLogBuffer

    // Scratch space of the request that is being started; reused so that reading one allocates nothing.
    var requestHead = RequestHead()
    var requestTarget = RequestTarget()
    var queryMembers = QueryMembers()
    var refererMembers = QueryMembers()
    var sessionCookies = SessionCookies()
    var responseHead = ResponseHead()
    private var buffers: ContiguousArray<ByteBuffer> = []

    private var pools: [UpstreamPool]
    private var connections: ContiguousArray<(any ServedConnection)?> = []
    private var freeSlots: ContiguousArray<Int> = []
    private var ended: [EndedSession] = []
    private var isSweepScheduled = false
    private var goodbyes = 0
    /// The connection that was looked at last for being idle.
    private var hand = 0
    private(set) var isDraining = false
    private var ticks = 0

    /// A session that ends now, and why.
    struct EndedSession: Sendable {
        var session: SessionID
        var reason: Refusal
    }

    /// How many connections are looked at for one that is idle, so that whoever makes others close pays little for it.
    private static let idleSample = 256
    private static let tickLength: Int64 = 100
    private static let maxBuffers = 64
    private static let bufferSize = 4 << 10
    private static let maxBufferSize = 64 << 10
    private static let tokenCacheCapacity = 8192
    /// Sessions that end within this time are swept together, so that a storm of take-overs costs a bounded share.
    /// Milliseconds.
    private static let sweepDelay: Int64 = 10
    /// How long a beacon's goodbye waits at least for the page that comes after. Milliseconds.
    private static let goodbyeDelay: Int64 = 3000
    /// Goodbyes that wait; those beyond count at once.
    private static let maxGoodbyes = 10_000

    init(loop: EventLoop, site: Site) {
        self.loop = loop
        self.site = site
        snapshot = site.snapshot
        tokens = TokenCache(capacity: Self.tokenCacheCapacity, seed: SystemRandom.word())
        accessLog = AccessLogBuffer(log: site.accessLog)
        pools = []
        pools = snapshot.upstreams.map { UpstreamPool($0, worker: self) }
    }

    /// Starts the tick that looks after pools and hands over the log.
    func start() { loop.schedule(in: Self.tickLength) { [self] in tick() } }

    // MARK: Goodbyes

    /// Has a session say goodbye.
    ///
    /// A page that goes away also does so for a reload, whose first request may be here before the goodbye, and others of
    /// the session may stay. So a beacon's goodbye waits, and counts unless the session was there meanwhile.
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
        // Streams that stay open have shown themselves by then.
        let renewal = snapshot.renewalInterval + snapshot.heartbeat + Self.goodbyeDelay / 6
        loop.schedule(in: max(Self.goodbyeDelay, renewal)) { [self] in
            goodbyes -= 1
            say(unlessUsedAfter: now, at: Clock().wall)
        }
    }

    // MARK: Buffers

    /// An empty buffer that is given back with `recycle`.
    func takeBuffer() -> ByteBuffer {
        buffers.popLast() ?? ByteBuffer(capacity: Self.bufferSize)
    }

    /// Keeps a buffer for another use.
    func recycle(_ buffer: consuming ByteBuffer) {
        guard buffers.count < Self.maxBuffers, buffer.capacity <= Self.maxBufferSize else { return }
        buffer.removeAll()
        buffers.append(buffer)
    }

    // MARK: Connections

    /// Enters a connection in the list of those that are served, and returns its place there.
    func add(_ connection: any ServedConnection) -> Int {
        guard let slot = freeSlots.popLast() else {
            connections.append(connection)
            return connections.count - 1
        }
        connections[slot] = connection
        return slot
    }

    func remove(slot: Int) {
        connections[slot] = nil
        freeSlots.append(slot)
    }

    func pool(_ index: Int) -> UpstreamPool { pools[index] }

    /// Closes the connection to an upstream that has been idle longest; false when none is.
    func closeOldestIdle() -> Bool {
        let oldest = pools.filter { $0.idleSince != nil }.min { $0.idleSince ?? 0 < $1.idleSince ?? 0 }
        oldest?.closeOldestIdle()
        return oldest != nil
    }

    private func tick() {
        start()
        clock.refresh()
        ticks += 1
        if site.descriptors.isShort { for pool in pools { pool.closeIdle() } }
        if ticks % 10 == 0 {
            for pool in pools { pool.closeStale(at: clock.monotonic) }
        }
        accessLog.handOver()
    }

    /// Closes a client's connection that is missed least: of some that have nothing to do, one that was never used, or else
    /// that has been idle longest. False when none is.
    func closeIdleClient() -> Bool {
        clock.refresh()
        var (least, idlest): (Idleness?, (any ServedConnection)?) = (nil, nil)
        for _ in 0..<min(connections.count, Self.idleSample) {
            hand = hand + 1 < connections.count ? hand + 1 : 0
            guard let connection = connections[hand], let idleness = connection.idleness,
                idleness.isOver(at: clock.monotonic)
            else { continue }
            if least.map({ idleness < $0 }) ?? true { (least, idlest) = (idleness, connection) }
        }
        idlest?.closeIdle()
        return idlest != nil
    }

    // MARK: Sessions that end

    /// Ends the exchanges of a session on this loop soon.
    func end(_ session: EndedSession) {
        ended.append(session)
        guard !isSweepScheduled else { return }
        isSweepScheduled = true
        loop.schedule(in: Self.sweepDelay) { [self] in sweepEnded() }
    }

    private func sweepEnded() {
        isSweepScheduled = false
        clock.refresh()
        let reasons = Dictionary(ended.map { ($0.session, $0.reason) }, uniquingKeysWith: { $1 })
        ended.removeAll(keepingCapacity: true)
        for connection in connections { connection?.end(reasons) }
    }

    // MARK: Reload and drain

    func adopt(_ snapshot: Snapshot) {
        let previous = pools
        self.snapshot = snapshot
        pools = snapshot.upstreams.map { upstream in
            previous.first { $0.upstream === upstream } ?? UpstreamPool(upstream, worker: self)
        }
        for pool in previous where !pools.contains(where: { $0 === pool }) { pool.retire() }
    }

    /// Closes what is idle and every tunnel; the other exchanges finish and close their connections.
    func drain() {
        isDraining = true
        clock.refresh()
        for connection in connections { connection?.drain() }
    }

    /// Cuts what a drain has left over.
    func closeAll() {
        for connection in connections { connection?.endDrain() }
        for pool in pools { pool.retire() }
        accessLog.handOver()
    }
}
