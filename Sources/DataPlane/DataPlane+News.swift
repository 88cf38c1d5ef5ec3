import Admission
import Basics
import GatewayConfiguration
import Logging
import Synchronization

extension DataPlane {
    /// Seconds between two checks of the certificates' validity.
    private static let certificateInterval: Int64 = 86_400

    /// Frees expired leases and renews shared ones, returns memory, and logs news for the operator. Call about once a second, not on an event
    /// loop.
    package func expireLeases() {
        let snapshot = site.snapshot
        let now = WallClock.now()
        tellNews(snapshot, now: now)
        site.admission.expire(now: now, rules: snapshot.rules)
        site.leases.sendDue()
        site.usedTickets.expire(now: now)
        let open = site.connections
        if memory.withLock({ $0.isDue(open: open) }) { MemoryReturn.giveBack() }
    }

    /// Logs which upstream servers went down, came back or are not trusted, whether the gateway is ready, which
    /// connections were turned away, and for what descriptors were lacking.
    private func tellNews(_ snapshot: Snapshot, now wall: Milliseconds) {
        let now = MonotonicClock.now()
        for upstream in snapshot.upstreams {
            for server in upstream.servers {
                if let fault = server.takeFault() {
                    logger.warning("upstream \(upstream.settings.name): TLS with \(server.name): \(fault)")
                }
                switch server.takeNameNews() {
                case .unresolved(let fault):
                    logger.warning(
                        "upstream \(upstream.settings.name): the name of \(server.name) cannot be resolved: \(fault)"
                    )
                case .resolved:
                    logger.notice(
                        "upstream \(upstream.settings.name): the name of \(server.name) can be resolved again"
                    )
                case nil: break
                }
                switch server.takeNews(at: now) {
                case .down(let fault):
                    logger.warning("upstream \(upstream.settings.name): \(server.name) is down: \(fault)")
                case .up: logger.notice("upstream \(upstream.settings.name): \(server.name) is back")
                case .unused:
                    logger.notice(
                        "upstream \(upstream.settings.name): \(server.name) has not been used since it failed"
                    )
                case nil: break
                }
            }
        }
        tellOfCertificates(snapshot, at: wall / 1000)
        let isReady = site.isReady
        let wasReady = readiness.exchange(isReady, ordering: .relaxed)
        if isReady != wasReady, !site.isDraining {
            if isReady {
                logger.notice("ready again")
            } else {
                logger.warning("not ready: no upstream that viewers need is up")
            }
        }
        let limits = snapshot.settings.limits
        let total = site.descriptors.connections(of: limits.connections)
        for notice in site.turnedAway.takeNotices(at: now, limits: (total, limits.connectionsPerAddress)) {
            logger.warning("\(notice)")
        }
        let memoryLimit = site.memoryLimit(limits)
        if memoryLimit > 0 || site.overload.isShortOfMemory {
            site.overload.take(memory: ProcessUsage.readMemory(), limit: memoryLimit, at: now)
        }
        for news in site.overload.takeNews() { logger.warning("\(news)") }
        if let notice = site.descriptors.takeNotice(at: now) { logger.warning("\(notice)") }
        if let notice = site.accessLog.takeNotice(at: now) { logger.error("\(notice)") }
    }

    /// Logs invalid certificates at the start, after a reload, and once a day.
    private func tellOfCertificates(_ snapshot: Snapshot, at now: Int64) {
        guard certificatesCheckedAt.load(ordering: .relaxed) + Self.certificateInterval <= now else { return }
        certificatesCheckedAt.store(now, ordering: .relaxed)
        for fault in snapshot.settings.certificateFaults(at: now) { logger.error("\(fault)") }
        for remark in snapshot.settings.stapleRemarks(at: now) { logger.warning("\(remark)") }
    }
}
