import Admission
import Basics
import JOSE
import TestSupport
import Testing

@testable import DataPlane

@Suite("Counters of the event loops")
struct LoopCountsTests {
    private func labels(
        _ routes: [String],
        _ upstreams: [(String, [String])] = [("host", ["a:1", "b:1"])],
        after previous: CounterLabels? = nil
    ) -> CounterLabels {
        CounterLabels(routes: routes, upstreams: upstreams.map { (name: $0.0, servers: $0.1) }, previous: previous)
    }

    private func slot(_ route: String, _ labels: CounterLabels) -> Int { labels.routes[ExactText(route)] }

    /// The page of some counts.
    private func page(_ counts: LoopCounts, _ reading: (inout MetricsReading) -> Void = { _ in }) throws -> MetricsText
    {
        var all = MetricsReading(counts: counts)
        reading(&all)
        let read = try MetricsText(text(MetricsPage.text(all, as: .prometheus)), as: .prometheus)
        let same = try MetricsText(text(MetricsPage.text(all, as: .openMetrics)), as: .openMetrics)
        #expect(read.samples == same.samples)
        return read
    }

    @Test("A name keeps its slot over reloads, and a slot gets another name only in a later one")
    func slots() {
        let first = CounterSlots(["a", "b", "c"].map { ExactText($0) }, previous: nil)
        #expect(first.used.map { $0.name } == ["a", "b", "c"])
        let second = CounterSlots(["d", "c", "a"].map { ExactText($0) }, previous: first)
        #expect(second.names == ["a", nil, "c", "d"])
        let third = CounterSlots(["e", "c", "d"].map { ExactText($0) }, previous: second)
        #expect(third.names == [nil, "e", "c", "d"])
        #expect(third["e"] == 1 && third["c"] == 2 && third["d"] == 3)
        // However often names change, there are no more than twice as many slots.
        var slots = third
        for round in 0..<100 {
            slots = CounterSlots((0..<3).map { ExactText("r\(round)-\($0)") }, previous: slots)
        }
        #expect(slots.names.count <= 7)
    }

    @Test("A name that occurs twice has one slot, and look-alikes have two")
    func twice() {
        let slots = CounterSlots(["a", "a", "\u{e9}", "e\u{301}"].map { ExactText($0) }, previous: nil)
        #expect(slots.names.count == 3)
        #expect(slots["\u{e9}"] != slots["e\u{301}"])
    }

    @Test("Requests are counted by route, protocol, method and class of status")
    func requests() throws {
        let labels = labels(["/a", "/b"])
        let counters = LoopCounters(labels)
        counters.answered(route: slot("/a", labels), .get, 200, .http1)
        counters.answered(route: slot("/a", labels), .get, 299, .http1)
        counters.answered(route: slot("/a", labels), .get, 200, .http2)
        counters.answered(route: slot("/b", labels), .other, 101, .http1)
        counters.answered(route: slot("/b", labels), .options, 999, .http2)
        counters.answered(route: CounterLabels.noRoute, .post, 400, .http1)
        counters.answered(route: CounterLabels.admin, .delete, 0, .http1)
        let page = try page(counters.values)
        func count(_ route: String, _ method: String, _ status: String, _ client: String) -> Double {
            page.value(
                "gateway_requests_total",
                ["route": route, "method": method, "status": status, "protocol": client]
            )
        }
        #expect(count("/a", "GET", "2xx", "http/1.1") == 2)
        #expect(count("/a", "GET", "2xx", "h2") == 1)
        #expect(count("/b", "other", "1xx", "http/1.1") == 1)
        #expect(count("/b", "OPTIONS", "5xx", "h2") == 1)
        #expect(count("none", "POST", "4xx", "http/1.1") == 1)
        #expect(count("admin", "DELETE", "1xx", "http/1.1") == 1)
        #expect(page.sum("gateway_requests_total") == 7)
    }

    @Test("Every method and protocol has rows of its own")
    func rows() {
        var seen: Set<Int> = []
        for client in ClientProtocol.allCases {
            for method in 0..<RouteRow.methods {
                for status in 0..<RouteRow.statusClasses {
                    seen.insert(RouteRow.requests(client, method: method, statusClass: status))
                }
            }
        }
        #expect(seen == Set(0..<RouteRow.durations))
        #expect(
            Method(rawValue: UInt8(RouteRow.methods - 1)) != nil && Method(rawValue: UInt8(RouteRow.methods)) == nil
        )
    }

    @Test("The counts of loops add up, and the copy that a scrape takes does not change")
    func sums() throws {
        let labels = labels(["/a"])
        let loops = [LoopCounters(labels), LoopCounters(labels)]
        for (number, loop) in loops.enumerated() {
            for _ in 0...number {
                loop.add(.webSocketsOpened)
                loop.add(Refusal.wrongEvent)
                loop.add(Cut.slow)
                loop.add(TokenOutcome.signature, .es256)
                loop.add(TokenOutcome.malformed, nil)
                loop.timerRan(late: 3)
                loop.took(40, head: 3, route: slot("/a", labels))
                loop.took(0, head: 0, route: slot("/a", labels))
                loop.joined(in: 3000)
                loop.closedSocket(after: 12)
                loop.connected(to: 0, in: 7)
                loop.answered(by: 1, of: 0, 503, after: 2)
                loop.failed(0, .closedEarly)
                loop.retried(0)
            }
        }
        var counts = LoopCounts(labels)
        for loop in loops { counts.add(loop.values) }
        loops[0].add(.webSocketsOpened)
        let page = try page(counts) {
            $0.upstreams = [
                .init(
                    name: "host",
                    slot: 0,
                    servers: [.init(name: "a:1", slot: 0, isUp: true), .init(name: "b:1", slot: 1, isUp: false)]
                )
            ]
        }
        #expect(page.value("gateway_websockets_opened_total") == 3)
        #expect(page.value("gateway_refusals_total", ["code": "wrong_event"]) == 3)
        #expect(page.value("gateway_requests_cut_total", ["by": "slow"]) == 3)
        #expect(page.value("gateway_token_verifications_total", ["algorithm": "ES256", "outcome": "signature"]) == 3)
        #expect(page.value("gateway_token_verifications_total", ["algorithm": "unknown", "outcome": "malformed"]) == 3)
        #expect(page.value("gateway_loop_lag_seconds_sum") == 0.009)
        #expect(page.value("gateway_request_duration_seconds_sum", ["route": "/a"]) == 0.12)
        #expect(page.value("gateway_request_duration_seconds_bucket", ["route": "/a", "le": "0.025"]) == 3)
        #expect(page.value("gateway_request_duration_seconds_bucket", ["route": "/a", "le": "0.05"]) == 6)
        #expect(page.value("gateway_request_duration_seconds_count", ["route": "/a"]) == 6)
        #expect(page.value("gateway_request_head_duration_seconds_bucket", ["route": "/a", "le": "0.001"]) == 3)
        #expect(page.value("gateway_request_head_duration_seconds_bucket", ["route": "/a", "le": "0.005"]) == 6)
        #expect(page.value("gateway_request_head_duration_seconds_count", ["route": "/a"]) == 6)
        #expect(page.value("gateway_request_head_duration_seconds_sum", ["route": "/a"]) == 0.009)
        #expect(page.value("gateway_join_duration_seconds_bucket", ["le": "2.5"]) == 0)
        #expect(page.value("gateway_join_duration_seconds_bucket", ["le": "5.0"]) == 3)
        #expect(page.value("gateway_session_close_duration_seconds_sum") == 0.036)
        #expect(page.value("gateway_upstream_connect_duration_seconds_count", ["upstream": "host"]) == 3)
        #expect(page.value("gateway_upstream_head_duration_seconds_sum", ["upstream": "host"]) == 0.006)
        let server = ["upstream": "host", "server": "b:1"]
        #expect(page.value("gateway_upstream_requests_total", server.merging(["status": "5xx"]) { $1 }) == 3)
        #expect(page.value("gateway_upstream_server_up", server) == 0)
        #expect(page.value("gateway_upstream_server_up", ["upstream": "host", "server": "a:1"]) == 1)
        #expect(page.value("gateway_upstream_faults_total", ["upstream": "host", "fault": "closed_early"]) == 3)
        #expect(page.value("gateway_upstream_retries_total", ["upstream": "host"]) == 3)
    }

    @Test("After a reload, counters of a name that stays go on, and those of a new name start at zero")
    func reload() {
        let first = labels(["/a", "/b"])
        let counters = LoopCounters(first)
        for route in ["/a", "/b"] { counters.answered(route: slot(route, first), .get, 200, .http1) }
        counters.retried(0)
        let second = labels(["/c", "/b"], [("new", ["a:1"]), ("host", ["b:1"])], after: first)
        counters.adopt(second)
        // A request that began before the reload.
        counters.answered(route: slot("/a", first), .get, 200, .http1)
        let third = labels(["/d", "/b"], after: second)
        counters.adopt(third)
        counters.answered(route: slot("/b", third), .get, 200, .http1)
        func count(_ route: String) -> Int {
            let index = RouteRow.requests(.http1, method: 0, statusClass: 1)
            return counters.values.routes[slot(route, third) * RouteRow.size + index]
        }
        #expect(count("/b") == 2)
        #expect(count("/d") == 0)
        #expect(slot("/d", third) == slot("/a", first))
        #expect(counters.values.upstreams[third.upstreams["host"] * UpstreamRow.size + UpstreamRow.retries] == 1)
    }

    @Test("A loop that has not adopted a reload yet counts only for the names that both know")
    func late() {
        let first = labels(["/a", "/b"])
        let loop = LoopCounters(first)
        for route in ["/a", "/b"] { loop.answered(route: slot(route, first), .get, 200, .http1) }
        let second = labels(["/b", "/c"], after: first)
        let third = labels(["/b", "/c", "/d"], after: second)
        for present in [second, third] {
            var counts = LoopCounts(present)
            counts.add(loop.values)
            #expect(counts.routes.reduce(0, +) == 1, "/b")
        }
    }

    @Test("Each reason has its name on the page before it first occurs")
    func known() throws {
        let page = try page(LoopCounters(labels(["/a"])).values)
        for refusal in Refusal.allCases {
            #expect(page.samples[.init(name: "gateway_refusals_total", labels: ["code": refusal.code])] == 0)
        }
        for cut in Cut.allCases {
            #expect(page.samples[.init(name: "gateway_requests_cut_total", labels: ["by": cut.rawValue])] == 0)
        }
        #expect(Refusal.allCases.map { Int($0.rawValue) } == Array(Refusal.allCases.indices))
        #expect(Counter.allCases.map(\.rawValue) == Array(LoopCounts(labels([])).totals.indices))
    }

    @Test("What is open is what was opened and not closed")
    func gauges() throws {
        let counters = LoopCounters(labels([]))
        counters.add(.connectionsAccepted, 7)
        counters.add(.connectionsClosed, 2)
        counters.add(.http1Connections, 3)
        counters.add(.http2Connections)
        counters.add(.webSocketsOpened, 5)
        counters.add(.webSocketsClosed, 4)
        let page = try page(counters.values)
        #expect(page.value("gateway_connections_open", ["protocol": "http/1.1"]) == 3)
        #expect(page.value("gateway_connections_open", ["protocol": "h2"]) == 1)
        #expect(page.value("gateway_connections_open", ["protocol": "handshake"]) == 1)
        #expect(page.value("gateway_websockets_open") == 1)
    }
}
