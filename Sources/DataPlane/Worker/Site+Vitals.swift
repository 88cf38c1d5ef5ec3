import Admission
import Basics
import GatewayConfiguration
import Synchronization

extension Site {
    /// Reads what the console shows. Cheaper than ``readMetrics()``: asks no database, and looks at no file's disk.
    func readVitals() async -> Vitals {
        let loops = await loopCounts()
        // Taken after the loops were asked, so that it has at least the names of their counters.
        let snapshot = snapshot
        var counts = LoopCounts(snapshot.labels)
        for loop in loops { counts.add(loop) }
        func total(_ counter: Counter) -> Int { counts.totals[counter.rawValue] }
        var vitals = Vitals()
        (vitals.at, vitals.startedAt, vitals.version) = (WallClock.now(), startedAt, version)
        vitals.liveSessions = admission.sessions.count
        vitals.sessions = admission.sessions.tally
        vitals.connections = total(.connectionsAccepted) - total(.connectionsClosed)
        vitals.connectionLimit = descriptors.connections(of: snapshot.settings.limits.connections)
        vitals.webSockets = total(.webSocketsOpened) - total(.webSocketsClosed)
        for slot in snapshot.viewerRoutes {
            vitals.count(counts.routes[slot * RouteRow.size..<(slot + 1) * RouteRow.size])
        }
        vitals.refusals = counts.refusals
        vitals.limits = [
            ("limits.connections", total(.connectionsPastTotal)),
            ("limits.connections_per_address", total(.connectionsPastAddress)),
            ("limits.new_connections_per_address", total(.connectionsPastRate)),
            ("limits.requests_per_address", total(.requestsPastRate)),
            ("limits.deny", total(.connectionsDenied) + total(.requestsDenied)),
            ("overload", total(.requestsShed)),
        ]
        vitals.upstreams = entries(of: snapshot, counts)
        (vitals.isReady, vitals.isDraining) = (isReady, isDraining)
        vitals.reloads = reloads.withLock { $0 }
        vitals.unusableFiles = unusableFiles.withLock { $0 }
        vitals.residentMemory = ProcessUsage.readMemory()
        return vitals
    }

    private func entries(of snapshot: Snapshot, _ counts: LoopCounts) -> [Vitals.UpstreamEntry] {
        let now = MonotonicClock.now()
        // Without the control API.
        return snapshot.upstreams.prefix(snapshot.settings.upstreams.count).map { upstream in
            var entry = Vitals.UpstreamEntry(
                name: upstream.settings.name,
                servers: upstream.servers.map { server in
                    let row = server.slot * ServerRow.size
                    let isDown = server.isDown(at: now)
                    let state: Vitals.ServerEntry.State = server.isDrained ? .drained : isDown ? .down : .up
                    var entry = Vitals.ServerEntry(name: server.name, state: state)
                    if isDown { entry.reason = server.reason }
                    entry.downSince = server.downTime(at: now).map { WallClock.now() - $0 }
                    entry.active = counts.servers[row + ServerRow.activeConnections]
                    entry.statuses = Array(counts.servers[row..<row + RouteRow.statusClasses])
                    return entry
                }
            )
            let row = upstream.slot * UpstreamRow.size
            entry.waiting = counts.upstreams[row + UpstreamRow.waiting]
            entry.faults = counts.upstreams[row + UpstreamRow.faults..<row + UpstreamRow.retries].reduce(0, +)
            return entry
        }
    }
}

extension Vitals {
    /// Adds the counters of a route.
    fileprivate mutating func count(_ row: ArraySlice<Int>) {
        for index in 0..<RouteRow.durations {
            statuses[index % RouteRow.statusClasses] += row[row.startIndex + index]
        }
        let durations = DurationTally(row[(row.startIndex + RouteRow.durations)...])
        var heads = DurationTally(row[(row.startIndex + RouteRow.heads)...])
        // Those of less than a millisecond are counted once.
        heads.addShortest(durations.count - heads.count)
        self.heads.add(heads)
    }
}
