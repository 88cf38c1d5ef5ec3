import Admission
import Basics
import DataPlane

/// What the overview shows: made from a reading and the hour before it, once for the page and again for each change.
struct Overview: Sendable {
    let vitals: Vitals
    let history: History

    /// What is shown as text, by the key under which a page finds it.
    var texts: [(key: String, value: String)] {
        let (minute, unit) = lastMinute
        func count(_ value: (History.Sample) -> Int) -> String {
            minute.isFull ? Numbers.text(minute.perMinute(value)) : Numbers.text(minute.count(value))
        }
        var texts: [(key: String, value: String)] = [
            ("viewers", Numbers.text(vitals.liveSessions)),
            ("connections", Numbers.text(vitals.connections)),
            ("connection-limit", Numbers.text(vitals.connectionLimit)),
            ("websockets", Numbers.text(vitals.webSockets)),
            ("unit", unit),
            ("joins", count(\.joins)),
            ("take-overs", count(\.takeOvers)),
            ("refusals", count(\.refused)),
            ("requests", Numbers.text(minute.perSecond(\.requests))),
            ("errors", count(\.errors)),
            ("error-share", Numbers.percent(minute.count(\.errors), of: minute.count(\.requests))),
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
        texts.append(("configuration", configurationState))
        texts.append(("database", databaseState))
        for alarm in alarms { texts.append((alarm.key, alarm.text)) }
        for chart in charts { texts.append(("\(chart.key).top", chart.topText)) }
        return texts
    }

    /// What has happened in the last minute, and what counts of it are per. Until there is a minute, they are what was
    /// counted.
    private var lastMinute: (rates: Rates, unit: String) {
        let now = History.Sample(vitals)
        if let before = history.sample(before: vitals.at, by: Rates.minute) {
            return (Rates(from: before, to: now), "per minute")
        }
        let age = vitals.at - vitals.startedAt
        guard age > 2 * Rates.minute, let first = history.samples.first else {
            return (Rates(from: .start(of: vitals), to: now), "since start")
        }
        // The clock was set back, so there is no minute yet.
        return (Rates(from: first, to: now), "in the last \(Numbers.age(vitals.at - first.at))")
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
            let values = charts.flatMap(\.values).map { JSONMember($0.key, .string($0.values)) }
            members.append(JSONMember("values", .object(values)))
        }
        return Array("event: reading\ndata: ".utf8) + JSONValue.object(members).serialized() + Array("\n\n".utf8)
    }
}

/// How much happened between two samples.
struct Rates {
    private let from: History.Sample
    private let to: History.Sample
    private let seconds: Double

    /// In milliseconds.
    static let minute: Milliseconds = 60_000

    init(from: History.Sample, to: History.Sample) {
        (self.from, self.to) = (from, to)
        seconds = Double(max(to.at - from.at, 1000)) / 1000
    }

    /// Whether there is a minute between the samples, so that nothing has to be made up for a count of one.
    var isFull: Bool { to.at - from.at >= Self.minute }

    func count(_ count: (History.Sample) -> Int) -> Int { max(0, count(to) - count(from)) }

    func perSecond(_ value: (History.Sample) -> Int) -> Double { Double(count(value)) / seconds }

    func perMinute(_ value: (History.Sample) -> Int) -> Double { perSecond(value) * 60 }

    var heads: DurationTally { to.heads.subtracting(from.heads) }
}
