import Admission
import Basics
import GatewayConfiguration
import Glibc
import Synchronization

extension Site {
    /// Reads what the metrics page shows. Asks every event loop, and takes no lock that a request waits for longer than
    /// usual.
    func readMetrics() async -> MetricsReading {
        let loops = await loopCounts()
        // Taken after the loops were asked, so that it has at least the names of their counters.
        let snapshot = snapshot
        var counts = LoopCounts(snapshot.labels)
        for loop in loops { counts.add(loop) }
        var reading = MetricsReading(counts: counts)
        reading.loops = loops.count
        reading.upstreams = entries(of: snapshot)
        reading.sessions = admission.sessions.tally
        reading.liveSessions = admission.sessions.count
        reading.leaseEntries = leases.count
        reading.connectionLimit = descriptors.connections(of: snapshot.settings.limits.connections)
        reading.isReady = isReady
        reading.isDraining = isDraining
        reading.reloads = reloads.withLock { $0 }
        reading.unusableFiles = unusableFiles.withLock { $0.count }
        reading.certificates = snapshot.settings.certificateExpiries.map {
            MetricsReading.CertificateEntry(place: $0.place, expiresAt: $0.expiresAt)
        }
        reading.lostLogLines = accessLog.lostLines
        reading.tracing = spans.tally
        reading.control = await controlReader.closure?()
        reading.laggingLoops = overload.laggingLoops
        reading.isShortOfMemory = overload.isShortOfMemory
        if snapshot.settings.control.enabled, case .file(let path) = snapshot.settings.control.database {
            for (kind, path) in [("database", path), ("wal", path + "-wal")] {
                guard let size = Self.size(of: path) else { continue }
                reading.databaseFiles.append(MetricsReading.DatabaseFile(kind: kind, size: size))
            }
        }
        reading.process = ProcessUsage.read(startedAt: startedAt)
        reading.version = version
        return reading
    }

    /// The size of a file in bytes. Returns `nil` if there is none.
    private static func size(of path: String) -> Int? {
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// The configured upstreams. The control API counts as one if it is enabled.
    private func entries(of snapshot: Snapshot) -> [MetricsReading.UpstreamEntry] {
        let now = MonotonicClock.now()
        let count = snapshot.settings.upstreams.count + (snapshot.settings.control.enabled ? 1 : 0)
        return snapshot.upstreams.prefix(count).map { upstream in
            MetricsReading.UpstreamEntry(
                name: upstream.settings.name,
                slot: upstream.slot,
                servers: upstream.servers.map {
                    MetricsReading.ServerEntry(
                        name: $0.name,
                        slot: $0.slot,
                        isUp: !$0.isDown(at: now),
                        isDrained: $0.isDrained
                    )
                }
            )
        }
    }
}
