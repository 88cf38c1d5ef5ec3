import Admission
import Basics
import JOSE

/// Writes a reading as the page that a scraper gets. Upstreams are in `MetricsPage+Upstreams.swift`, the process in
/// `MetricsPage+Process.swift`.
struct MetricsPage {
    let reading: MetricsReading
    var exposition: Exposition
    var counts: LoopCounts { reading.counts }

    static func text(_ reading: MetricsReading, as format: MetricsFormat) -> [UInt8] {
        var page = MetricsPage(reading: reading, exposition: Exposition(format))
        page.writeRequests()
        page.writeConnections()
        page.writeSessions()
        page.writeTokens()
        page.writeUpstreams()
        page.writeState()
        page.writeControl()
        page.writeProcess()
        return page.exposition.finish()
    }

    func total(_ counter: Counter) -> Int { counts.totals[counter.rawValue] }

    mutating func write(
        _ name: StaticString,
        _ kind: Exposition.Kind,
        in unit: Exposition.Unit? = nil,
        _ help: StaticString,
        _ value: Int,
        decimals: Int = 0
    ) {
        exposition.family(name, kind, in: unit, help)
        exposition.sample([], value, decimals: decimals)
    }

    // MARK: Requests

    /// By `Method`.
    private static let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "other"]
    /// By class.
    static let statuses = ["1xx", "2xx", "3xx", "4xx", "5xx"]

    private mutating func writeRequests() {
        writeRequestCounts()
        exposition.family(
            "gateway_request_duration_seconds",
            .histogram,
            in: .seconds,
            "Time from a request's first byte to the end of its answer, long downloads and event streams included."
        )
        for (slot, route) in counts.labels.routes.used {
            exposition.histogram([("route", route.text)], durations(slot, RouteRow.durations)[...])
        }
        exposition.family(
            "gateway_request_head_duration_seconds",
            .histogram,
            in: .seconds,
            "Of the same requests, the time to the head of the answer."
        )
        for (slot, route) in counts.labels.routes.used {
            var heads = durations(slot, RouteRow.heads)
            heads[0] += durations(slot, RouteRow.durations).requests - heads.requests
            exposition.histogram([("route", route.text)], heads[...])
        }
        write("gateway_requests_active", .gauge, "Requests in progress, with WebSockets.", total(.requests))
        exposition.family(
            "gateway_refusals",
            .counter,
            "Requests and WebSockets that ended with a refusal, by its code."
        )
        for refusal in Refusal.allCases {
            exposition.sample([("code", refusal.code)], counts.refusals[Int(refusal.rawValue)])
        }
        exposition.family(
            "gateway_requests_limited",
            .counter,
            "Requests that were refused because of their client's address, by the key of the limit."
        )
        exposition.sample([("limit", "requests_per_address")], total(.requestsPastRate))
        exposition.sample([("limit", "deny")], total(.requestsDenied))
        write(
            "gateway_requests_shed",
            .counter,
            "Requests without a session that were refused because of overload.",
            total(.requestsShed)
        )
        exposition.family(
            "gateway_requests_cut",
            .counter,
            "Requests and WebSockets that ended early, by who or what ended them."
        )
        for (cut, count) in zip(Cut.allCases, counts.cuts) { exposition.sample([("by", cut.rawValue)], count) }
        write(
            "gateway_client_received_bytes",
            .counter,
            in: .bytes,
            "Bytes of bodies and WebSockets from clients.",
            total(.bytesReceived)
        )
        write(
            "gateway_client_sent_bytes",
            .counter,
            in: .bytes,
            "Bytes of bodies and WebSockets to clients.",
            total(.bytesSent)
        )
    }

    /// A histogram of a route.
    private func durations(_ slot: Int, _ offset: Int) -> [Int] {
        let start = slot * RouteRow.size + offset
        return Array(counts.routes[start..<start + DurationHistogram.size])
    }

    private mutating func writeRequestCounts() {
        exposition.family(
            "gateway_requests",
            .counter,
            "Requests by the path of their route. WebSockets count when they are opened, others when they end."
        )
        for (slot, route) in counts.labels.routes.used {
            for client in ClientProtocol.allCases {
                for (method, name) in Self.methods.enumerated() {
                    for (statusClass, status) in Self.statuses.enumerated() {
                        let index = RouteRow.requests(client, method: method, statusClass: statusClass)
                        let count = counts.routes[slot * RouteRow.size + index]
                        // Most combinations never occur.
                        guard count > 0 else { continue }
                        let labels: [Exposition.Label] = [
                            ("route", route.text), ("method", name), ("status", status), ("protocol", client.name),
                        ]
                        exposition.sample(labels, count)
                    }
                }
            }
        }
    }

    // MARK: Connections

    private mutating func writeConnections() {
        let (http1, http2) = (total(.http1Connections), total(.http2Connections))
        let open = total(.connectionsAccepted) - total(.connectionsClosed)
        exposition.family("gateway_connections_open", .gauge, "Open connections of viewers, by protocol.")
        exposition.sample([("protocol", ClientProtocol.http1.name)], http1)
        exposition.sample([("protocol", ClientProtocol.http2.name)], http2)
        exposition.sample([("protocol", "handshake")], open - http1 - http2)
        write("gateway_connections_limit", .gauge, "How many viewers may be connected.", reading.connectionLimit)
        write(
            "gateway_connections_accepted",
            .counter,
            "Connections of viewers that were accepted.",
            total(.connectionsAccepted)
        )
        write("gateway_connections_closed", .counter, "The same that have ended.", total(.connectionsClosed))
        exposition.family("gateway_connections_refused", .counter, "Connections beyond a limit, by its key.")
        exposition.sample([("limit", "connections")], total(.connectionsPastTotal))
        exposition.sample([("limit", "connections_per_address")], total(.connectionsPastAddress))
        exposition.sample([("limit", "new_connections_per_address")], total(.connectionsPastRate))
        exposition.sample([("limit", "deny")], total(.connectionsDenied))
        exposition.family(
            "gateway_proxy_protocol_refusals",
            .counter,
            "Connections to listeners with proxy_protocol that were closed, by what was wrong."
        )
        exposition.sample([("reason", "absent")], total(.proxyHeadersAbsent))
        exposition.sample([("reason", "malformed")], total(.proxyHeadersMalformed))
        exposition.sample([("reason", "late")], total(.proxyHeadersLate))
        exposition.sample([("reason", "too_many")], total(.proxyHeadersTooMany))
        exposition.sample([("reason", "unlisted")], total(.proxiesUnlisted))
        exposition.family("gateway_tls_handshakes", .counter, "TLS handshakes of viewers, by result.")
        exposition.sample([("result", "completed")], total(.handshakesCompleted))
        exposition.sample([("result", "failed")], total(.handshakesFailed))
        write("gateway_http2_streams_open", .gauge, "Open HTTP/2 streams.", total(.http2Streams))
        let (opened, closed) = (total(.webSocketsOpened), total(.webSocketsClosed))
        write("gateway_websockets_open", .gauge, "Open WebSockets.", opened - closed)
        write("gateway_websockets_opened", .counter, "WebSockets that were opened.", opened)
    }

    // MARK: Sessions and tokens

    private mutating func writeSessions() {
        write("gateway_sessions", .gauge, "Sessions under way.", reading.liveSessions)
        write("gateway_lease_entries", .gauge, "Entries of the lease table.", reading.leaseEntries)
        write("gateway_sessions_begun", .counter, "Sessions that joined or came back.", reading.sessions.begun)
        exposition.family(
            "gateway_sessions_ended",
            .counter,
            "Sessions that ended, by reason: replaced by another join, ended by an operator or the company, and so on."
        )
        for ending in SessionEnding.allCases where ending != .stopped {
            exposition.sample([("reason", ending.rawValue)], reading.sessions.ended(ending))
        }
        exposition.family(
            "gateway_join_duration_seconds",
            .histogram,
            in: .seconds,
            "Time from the first byte of a request with a valid token and no session to its verdict, with the wait for keys."
        )
        exposition.histogram([], counts.joins[...])
        exposition.family(
            "gateway_session_close_duration_seconds",
            .histogram,
            in: .seconds,
            "Time from the end of a session by a take-over, an operator or the company to the close frame on each WebSocket."
        )
        exposition.histogram([], counts.closes[...])
        write("gateway_session_renewals", .counter, "Requests that showed their session.", total(.renewals))
    }

    private mutating func writeTokens() {
        exposition.family(
            "gateway_token_verifications",
            .counter,
            "Tokens whose signature was checked, by algorithm and outcome. Those found in the cache are not."
        )
        for (row, algorithm) in (Algorithm.allCases.map(\.rawValue) + ["unknown"]).enumerated() {
            for outcome in TokenOutcome.allCases {
                let count = counts.tokens[TokenRow.checks(algorithm: row, outcome)]
                guard count > 0 else { continue }
                exposition.sample([("algorithm", algorithm), ("outcome", outcome.rawValue)], count)
            }
        }
        exposition.family("gateway_token_cache_hits", .counter, "Tokens and sessions found in the cache, by kind.")
        exposition.sample([("kind", "token")], total(.cachedTokens))
        exposition.sample([("kind", "session")], total(.cachedSessions))
        exposition.family("gateway_token_cache_misses", .counter, "The same not found there.")
        exposition.sample([("kind", "token")], total(.uncachedTokens))
        exposition.sample([("kind", "session")], total(.uncachedSessions))
        write("gateway_token_cache_entries", .gauge, "Tokens and sessions in the cache.", total(.cacheEntries))
    }
}

extension [Int] {
    /// How many durations a histogram has.
    fileprivate var requests: Int { prefix(DurationHistogram.buckets).reduce(0, +) }
}
