import Admission
import Basics
import DataPlane

/// What the overview shows: made from a reading and the hour before it, once for the page and again for each change.
struct Overview: Sendable {
    let vitals: Vitals
    let history: History

    /// What is shown as text, by the key under which a page finds it.
    var texts: [(key: String, value: String)] {
        let minute = Rates(from: history.sample(before: vitals.at, by: 60_000), to: History.Sample(vitals))
        var texts: [(key: String, value: String)] = [
            ("viewers", Numbers.text(vitals.liveSessions)),
            ("connections", Numbers.text(vitals.connections)),
            ("connection-limit", Numbers.text(vitals.connectionLimit)),
            ("websockets", Numbers.text(vitals.webSockets)),
            ("joins", Numbers.text(minute.perMinute(\.joins))),
            ("take-overs", Numbers.text(minute.perMinute(\.takeOvers))),
            ("refusals", Numbers.text(minute.perMinute(\.refused))),
            ("requests", Numbers.text(minute.perSecond(\.requests))),
            ("errors", Numbers.text(minute.perSecond(\.errors))),
            ("median", Numbers.milliseconds(minute.heads.quantile(0.5))),
            ("slowest", Numbers.milliseconds(minute.heads.quantile(0.99))),
            ("state", vitals.isDraining ? "draining" : vitals.isReady ? "ready" : "no healthy upstream"),
            ("uptime", Numbers.age(vitals.at - vitals.startedAt)),
            ("memory", Numbers.bytes(vitals.residentMemory)),
        ]
        for (number, row) in refusals.enumerated() {
            texts.append(("refusal.\(number).hour", Numbers.text(row.hour)))
            texts.append(("refusal.\(number).all", Numbers.text(row.all)))
        }
        for (number, limit) in vitals.limits.enumerated() {
            let before = history.samples.first?.limits
            texts.append(("limit.\(number).hour", Numbers.text(max(0, limit.count - (before?[number] ?? 0)))))
            texts.append(("limit.\(number).all", Numbers.text(limit.count)))
        }
        for (number, upstream) in vitals.upstreams.enumerated() {
            texts.append(("upstream.\(number).waiting", Numbers.text(upstream.waiting)))
            texts.append(("upstream.\(number).faults", Numbers.text(upstream.faults)))
            for (index, server) in upstream.servers.enumerated() {
                let key = "server.\(number).\(index)"
                texts.append(("\(key).state", server.state.rawValue))
                texts.append(("\(key).reason", OutsideText.plain(server.reason)))
                texts.append(("\(key).active", Numbers.text(server.active)))
                texts.append(("\(key).answers", Numbers.text(server.statuses.reduce(0, +))))
                texts.append(("\(key).errors", Numbers.text(server.statuses.last ?? 0)))
            }
        }
        for chart in charts { texts.append(("\(chart.key).top", chart.topText)) }
        return texts
    }

    /// The refusals of the hour and since the start, in the order of their codes.
    var refusals: [(refusal: Refusal, hour: Int, all: Int)] {
        let before = history.samples.first?.refusals
        return Refusal.allCases.enumerated().map { index, refusal in
            let all = vitals.refusals[Int(refusal.rawValue)]
            return (refusal, max(0, all - (before?[Int(refusal.rawValue)] ?? 0)), all)
        }
    }

    var charts: [Chart] {
        func line(_ name: String, _ value: @escaping (Rates) -> Double?) -> Chart.Line {
            Chart.Line(name: name, values: history.series { value(Rates(from: $0, to: $1)) })
        }
        return [
            Chart(
                key: "chart.viewers",
                title: "Viewers",
                unit: "",
                lines: [Chart.Line(name: "viewers", values: history.series { Double($1.viewers) })]
            ),
            Chart(
                key: "chart.requests",
                title: "Requests",
                unit: "per second",
                lines: [
                    line("all") { $0.perSecond(\.requests) }, line("5xx") { $0.perSecond(\.errors) },
                ]
            ),
            Chart(
                key: "chart.latency",
                title: "Latency to response headers",
                unit: "ms",
                lines: [
                    line("median") { $0.heads.quantile(0.5) }, line("99th percentile") { $0.heads.quantile(0.99) },
                ]
            ),
            Chart(
                key: "chart.joins",
                title: "Joins",
                unit: "per minute",
                lines: [
                    line("joins") { $0.perMinute(\.joins) }, line("take-overs") { $0.perMinute(\.takeOvers) },
                    line("refusals") { $0.perMinute(\.refused) },
                ]
            ),
            Chart(
                key: "chart.limits",
                title: "Rejected by limits",
                unit: "per minute",
                lines: vitals.limits.enumerated().map { number, limit in
                    line(limit.key) { $0.perMinute { $0.limits[number] } }
                }
            ),
        ]
    }

    /// Changes when a page that was made before no longer has all rows.
    var layout: String {
        let names = vitals.upstreams.flatMap { [$0.name] + $0.servers.map(\.name) }
        return String(FNV1a.hash(names.joined(separator: "\n").utf8), radix: 16)
    }

    /// A message of the event stream.
    ///
    /// - Parameter hasCharts: whether charts have changed since the last one.
    func message(hasCharts: Bool) -> [UInt8] {
        var members = [
            JSONMember("layout", .string(layout)),
            JSONMember("texts", .object(texts.map { JSONMember($0.key, .string($0.value)) })),
        ]
        if hasCharts {
            let paths = charts.flatMap(\.paths).map { JSONMember($0.key, .string($0.path)) }
            members.append(JSONMember("paths", .object(paths)))
        }
        return Array("event: reading\ndata: ".utf8) + JSONValue.object(members).serialized() + Array("\n\n".utf8)
    }
}

/// How much happened between two samples.
struct Rates {
    private let from: History.Sample
    private let to: History.Sample
    private let seconds: Double

    /// - Parameter from: `nil` if there is no earlier one: nothing happened yet.
    init(from: History.Sample?, to: History.Sample) {
        self.from = from ?? to
        self.to = to
        seconds = Double(max(to.at - self.from.at, 1)) / 1000
    }

    func perSecond(_ count: (History.Sample) -> Int) -> Double { Double(max(0, count(to) - count(from))) / seconds }

    func perMinute(_ count: (History.Sample) -> Int) -> Double { perSecond(count) * 60 }

    var heads: DurationTally { to.heads.subtracting(from.heads) }
}
