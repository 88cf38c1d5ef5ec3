extension MetricsPage {
    mutating func writeUpstreams() {
        exposition.family("gateway_upstream_server_up", .gauge, "Whether a server is reachable and passes its checks.")
        forEachServer { page, labels, server in page.exposition.sample(labels, server.isUp ? 1 : 0) }
        exposition.family("gateway_upstream_server_drained", .gauge, "Whether an operator has taken a server out.")
        forEachServer { page, labels, server in page.exposition.sample(labels, server.isDrained ? 1 : 0) }
        exposition.family("gateway_upstream_requests", .counter, "Requests that a server has answered, by status.")
        forEachServer { page, labels, server in
            for (statusClass, status) in Self.statuses.enumerated() {
                let count = page.counts.servers[server.slot * ServerRow.size + statusClass]
                page.exposition.sample(labels + [("status", status)], count)
            }
        }
        exposition.family("gateway_upstream_ejections", .counter, "How often a server was left out for its failures.")
        forEachServer { page, labels, server in
            page.exposition.sample(labels, page.counts.servers[server.slot * ServerRow.size + ServerRow.ejections])
        }
        exposition.family("gateway_upstream_connections", .gauge, "Connections to a server: active or idle.")
        forEachServer { page, labels, server in
            let row = server.slot * ServerRow.size
            let (active, idle) = (row + ServerRow.activeConnections, row + ServerRow.idleConnections)
            page.exposition.sample(labels + [("state", "active")], page.counts.servers[active])
            page.exposition.sample(labels + [("state", "idle")], page.counts.servers[idle])
        }
        exposition.family("gateway_upstream_requests_waiting", .gauge, "Requests that wait for a server with a place.")
        for upstream in reading.upstreams {
            let count = counts.upstreams[upstream.slot * UpstreamRow.size + UpstreamRow.waiting]
            exposition.sample([("upstream", upstream.name)], count)
        }
        exposition.family(
            "gateway_upstream_connect_duration_seconds",
            .histogram,
            in: .seconds,
            "Time to a connection that can be used, with name resolution and TLS."
        )
        writeHistogram(at: UpstreamRow.connecting)
        exposition.family(
            "gateway_upstream_head_duration_seconds",
            .histogram,
            in: .seconds,
            "Time from sending a request to the head of its answer."
        )
        writeHistogram(at: UpstreamRow.answering)
        writeFaults()
    }

    private mutating func writeFaults() {
        exposition.family("gateway_upstream_faults", .counter, "Failed attempts, by the fault's name in the log.")
        for upstream in reading.upstreams {
            for (offset, fault) in UpstreamFaultKind.allCases.enumerated() {
                let count = counts.upstreams[upstream.slot * UpstreamRow.size + UpstreamRow.faults + offset]
                exposition.sample([("upstream", upstream.name), ("fault", fault.rawValue)], count)
            }
        }
        exposition.family("gateway_upstream_retries", .counter, "Requests that were sent once more after a fault.")
        for upstream in reading.upstreams {
            let count = counts.upstreams[upstream.slot * UpstreamRow.size + UpstreamRow.retries]
            exposition.sample([("upstream", upstream.name)], count)
        }
        exposition.family(
            "gateway_upstream_retries_withheld",
            .counter,
            "Requests that were not sent once more because too many were."
        )
        for upstream in reading.upstreams {
            let count = counts.upstreams[upstream.slot * UpstreamRow.size + UpstreamRow.withheldRetries]
            exposition.sample([("upstream", upstream.name)], count)
        }
    }

    private mutating func writeHistogram(at offset: Int) {
        for upstream in reading.upstreams {
            let start = upstream.slot * UpstreamRow.size + offset
            let row = counts.upstreams[start..<start + DurationHistogram.size]
            exposition.histogram([("upstream", upstream.name)], row)
        }
    }

    private mutating func forEachServer(
        _ body: (inout MetricsPage, [Exposition.Label], MetricsReading.ServerEntry) -> Void
    ) {
        for upstream in reading.upstreams {
            for server in upstream.servers {
                body(&self, [("upstream", upstream.name), ("server", server.name)], server)
            }
        }
    }
}
