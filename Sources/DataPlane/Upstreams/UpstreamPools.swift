import Transport

/// One event loop's connections to all upstreams, and their shared state. None of it needs a lock.
final class UpstreamPools {
    let loop: EventLoop
    let descriptors: DescriptorBudget
    let resolver: Resolver
    let counters: LoopCounters
    var random = RandomSource()
    /// Scratch space for the last response head, reused so that reading one allocates nothing.
    var responseHead = ResponseHead()
    private var pools: [UpstreamPool] = []
    /// Those that a reload has replaced while exchanges use them.
    private var retired: [UpstreamPool] = []

    init(loop: EventLoop, descriptors: DescriptorBudget, resolver: Resolver, counters: LoopCounters) {
        self.loop = loop
        self.counters = counters
        self.descriptors = descriptors
        self.resolver = resolver
    }

    subscript(index: Int) -> UpstreamPool { pools[index] }

    /// Keeps the pools of unchanged upstreams and retires the others.
    func adopt(_ upstreams: [Upstream]) {
        let previous = pools
        pools = upstreams.map { upstream in
            previous.first { $0.upstream === upstream } ?? UpstreamPool(upstream, among: self)
        }
        for pool in previous where !pools.contains(where: { $0 === pool }) {
            pool.retire()
            retired.append(pool)
        }
    }

    /// Closes the connection that has been idle longest. Returns false if none is idle.
    func closeOldestIdle() -> Bool {
        let oldest = pools.filter { $0.idleSince != nil }.min { $0.idleSince ?? 0 < $1.idleSince ?? 0 }
        oldest?.closeOldestIdle()
        return oldest != nil
    }

    /// Closes all idle connections.
    func closeIdle() { for pool in pools { pool.closeIdle() } }

    /// Closes connections that have been idle for too long.
    func closeStale() {
        for pool in pools { pool.closeStale(at: loop.now) }
        retired.removeAll { !$0.isUsed }
    }

    /// Adds the present connections to `counts`.
    func count(into counts: inout LoopCounts) { for pool in pools + retired { pool.count(into: &counts) } }

    /// Stops keeping connections after their exchanges.
    func retire() { for pool in pools { pool.retire() } }
}
