import Admission
import JOSE
import NIOCore

/// Everything that one event loop has to itself: its connections, pools, caches and buffers. No lock is needed for any
/// of it; what loops share is in ``Site``.
final class Worker {
    let loop: any EventLoop
    let site: Site
    private(set) var snapshot: Snapshot
    var clock = Clock()
    var random = RandomSource()
    var tokens: TokenCache
    var identities = IdentityCache()
    let accessLog: AccessLogBuffer
    let receivePool: NIOLoopBound<ReceivePool>

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
    private var deadlines: DeadlineTable
    private var due: ContiguousArray<Int> = []
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
    private static let maxBuffers = 64
    private static let bufferSize = 4 << 10
    private static let maxBufferSize = 64 << 10
    private static let tokenCacheCapacity = 8192
    /// Sessions that end within this time are swept together, so that a storm of take-overs costs a bounded share.
    private static let sweepDelay: TimeAmount = .milliseconds(10)
    /// How long a beacon's goodbye waits for the page that comes after; longer than open streams take to show themselves.
    private static let goodbyeDelay: TimeAmount = .seconds(3)
    /// Goodbyes that wait; those beyond count at once.
    private static let maxGoodbyes = 10_000

    init(loop: any EventLoop, site: Site) {
        self.loop = loop
        self.site = site
        snapshot = site.snapshot
        deadlines = DeadlineTable(origin: Clock().monotonic)
        tokens = TokenCache(capacity: Self.tokenCacheCapacity, seed: SystemRandom.word())
        accessLog = AccessLogBuffer(log: site.accessLog)
        receivePool = NIOLoopBound(ReceivePool(), eventLoop: loop)
        pools = []
        pools = snapshot.upstreams.map { UpstreamPool($0, worker: self) }
    }

    /// Starts the tick that deadlines are kept by.
    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let tick = TimeAmount.milliseconds(DeadlineTable.tick)
        loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    }

    // MARK: Goodbyes

    /// Has a session say goodbye.
    ///
    /// A page that goes away also does so for a reload, whose first request may be here before the goodbye, and others of
    /// the session may stay. So a beacon's goodbye waits, and counts unless the session was there meanwhile.
    func leave(_ session: PresentedSession, subject: SubjectKey, isLeased: Bool, isBeacon: Bool) {
        let now = clock.wall
        guard isBeacon, goodbyes < Self.maxGoodbyes else {
            site.admission.leave(session, subject: subject, isLeased: isLeased, now: now, rules: snapshot.rules)
            return
        }
        goodbyes += 1
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.goodbyeDelay) {
            let worker = bound.value
            worker.goodbyes -= 1
            worker.site.admission.leave(
                session,
                subject: subject,
                isLeased: isLeased,
                unlessUsedAfter: now,
                now: Clock().wall,
                rules: worker.snapshot.rules
            )
        }
    }

    // MARK: Buffers

    /// An empty buffer that is given back with `recycle`.
    func takeBuffer() -> ByteBuffer {
        guard var buffer = buffers.popLast() else {
            return ByteBufferAllocator().buffer(capacity: Self.bufferSize)
        }
        buffer.clear(minimumCapacity: Self.bufferSize)
        return buffer
    }

    /// Keeps a buffer for another use. It may still be waiting to be written: then the next user gets fresh memory.
    func recycle(_ buffer: ByteBuffer) {
        guard buffers.count < Self.maxBuffers, buffer.capacity <= Self.maxBufferSize else { return }
        buffers.append(buffer)
    }

    // MARK: Connections

    /// Enters a connection; the slot is where its deadline stands.
    func add(_ connection: any ServedConnection) -> Int {
        let slot = deadlines.add()
        if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        return slot
    }

    func remove(slot: Int) {
        connections[slot] = nil
        deadlines.remove(slot)
    }

    /// Has the connection in `slot` told when this much time has passed, in milliseconds.
    @inline(__always)
    func setDeadline(_ slot: Int, in time: Int64) { deadlines.set(slot, at: clock.monotonic + time) }

    func pool(_ index: Int) -> UpstreamPool { pools[index] }

    /// Closes the connection to an upstream that has been idle longest; false when none is.
    func closeOldestIdle() -> Bool {
        let oldest = pools.filter { $0.idleSince != nil }.min { $0.idleSince ?? 0 < $1.idleSince ?? 0 }
        oldest?.closeOldestIdle()
        return oldest != nil
    }

    private func tick() {
        clock.refresh()
        due.removeAll(keepingCapacity: true)
        deadlines.takeDue(at: clock.monotonic, into: &due)
        for slot in due { connections[slot]?.deadlinePassed() }
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
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.sweepDelay) { bound.value.sweepEnded() }
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
