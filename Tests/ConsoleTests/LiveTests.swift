import Admission
import Basics
import DataPlane
import Testing

@testable import Console

/// Readings, the hour that is kept of them, and charts.
@Suite struct LiveTests {
    private func vitals(at second: Int, viewers: Int = 0, requests: Int = 0, errors: Int = 0) -> Vitals {
        var vitals = Vitals()
        (vitals.at, vitals.liveSessions) = (start + Milliseconds(second) * 1000, viewers)
        (vitals.statuses[1], vitals.statuses[4]) = (requests, errors)
        return vitals
    }

    @Test("An hour is kept, and no more")
    func bounded() {
        var history = History()
        for number in 0..<1000 { history.add(vitals(at: 10 * number, viewers: number)) }
        #expect(history.samples.count == History.spans + 1)
        #expect(history.samples.last?.viewers == 999 && history.samples.first?.viewers == 639)
        let series = history.series { Double($1.viewers) }
        #expect(series.count == History.spans && series.first == 640 && series.last == 999)
    }

    @Test("A young process has gaps where it did not run yet")
    func young() {
        var history = History()
        for number in 0..<3 { history.add(vitals(at: 10 * number, viewers: number)) }
        let series = history.series { Double($1.viewers) }
        #expect(series.count == History.spans && series.suffix(3) == [nil, 1, 2])
    }

    @Test("A clock that is set back begins another hour")
    func clock() {
        var history = History()
        history.add(vitals(at: 100))
        history.add(vitals(at: 50))
        #expect(history.samples.map(\.at) == [start + 50_000])
    }

    @Test("Rates are of the last minute, and counters that begin anew count as none")
    func rates() {
        var history = History()
        for number in 0...12 { history.add(vitals(at: 10 * number, requests: 100 * number, errors: number)) }
        let overview = Overview(vitals: vitals(at: 120, requests: 1200, errors: 12), history: history)
        let texts = Dictionary(overview.texts.map { ($0.key, $0.value) }) { $1 }
        #expect(texts["requests"] == "10.1" && texts["errors"] == "6" && texts["viewers"] == "0")
        #expect(texts["error-share"] == "1 %" && texts["unit"] == "per minute")
        let from = History.Sample(vitals(at: 0, requests: 10))
        #expect(Rates(from: from, to: History.Sample(vitals(at: 1))).perSecond(\.requests) == 0)
    }

    @Test("The chart of limits has a line for each, which says how often it rejects a minute")
    func limits() throws {
        func reading(_ number: Int) -> Vitals {
            var reading = vitals(at: 10 * number)
            reading.limits = [("limits.deny", 7), ("limits.requests_per_address", max(0, 10 * (number - 6)))]
            return reading
        }
        var history = History()
        for number in 0...12 { history.add(reading(number)) }
        let overview = Overview(vitals: reading(12), history: history)
        let chart = try #require(overview.charts.first { $0.key == "chart.limits" })
        #expect(chart.lines.map(\.name) == ["limits.deny", "limits.requests_per_address"])
        #expect(chart.lines[0].values.suffix(12) == [Double?](repeating: 0, count: 12)[...])
        #expect(
            chart.lines[1].values.suffix(12) == ([Double?](repeating: 0, count: 6) + [60, 60, 60, 60, 60, 60])[...]
        )
        let texts = Dictionary(overview.texts.map { ($0.key, $0.value) }) { $1 }
        #expect(texts["limit.0.hour"] == "0" && texts["limit.0.all"] == "7" && texts["limit.1.hour"] == "60")
    }

    @Test("The overview shows everything that the stream of events keeps up to date")
    func shown() {
        var reading = vitals(at: 0)
        reading.limits = [("limits.deny", 7)]
        var server = Vitals.ServerEntry(name: "s", state: .down)
        server.statuses = [0, 1, 2, 3, 4]
        reading.upstreams = [Vitals.UpstreamEntry(name: "u", servers: [server])]
        (reading.upstreams[0].waiting, reading.upstreams[0].faults) = (41, 43)
        let overview = Overview(vitals: reading, history: History())
        let page = OverviewPage(overview: overview).html.text
        for (key, value) in overview.texts {
            #expect(page.contains("data-live=\"\(key)\">\(Markup.escaped(value))</span>"), "\(key)")
        }
        for (key, _) in overview.charts.flatMap(\.paths) { #expect(page.contains("data-path=\"\(key)\""), "\(key)") }
        #expect(page.contains(">41</span>") && page.contains(">43</span>"))
    }

    @Test("Until there is a minute, counts are of what was counted since the start")
    func firstMinute() {
        var history = History()
        func reading(at second: Int, refused: Int) -> Vitals {
            var reading = vitals(at: second, requests: refused, errors: refused)
            reading.startedAt = start
            reading.refusals[0] = refused
            return reading
        }
        for second in [5, 15, 25, 35, 45] { history.add(reading(at: second, refused: second)) }
        let overview = Overview(vitals: reading(at: 50, refused: 301), history: history)
        let texts = Dictionary(overview.texts.map { ($0.key, $0.value) }) { $1 }
        #expect(texts["refusals"] == "301" && texts["errors"] == "301" && texts["unit"] == "since start")
        #expect(texts["error-share"] == "50 %")
        let later = Overview(vitals: reading(at: 105, refused: 301), history: history)
        #expect(Dictionary(later.texts.map { ($0.key, $0.value) }) { $1 }["unit"] == "per minute")
    }

    @Test("Quantiles lie within the bucket that has them")
    func quantiles() throws {
        var tally = DurationTally()
        #expect(tally.quantile(0.5) == nil)
        for _ in 0..<90 { tally.add(3) }
        for _ in 0..<10 { tally.add(700) }
        #expect((1...5).contains(try #require(tally.quantile(0.5))))
        #expect((500...1000).contains(try #require(tally.quantile(0.99))))
        tally.add(1_000_000)
        #expect(tally.quantile(1) == 60_000)
        #expect(tally.subtracting(tally).count == 0)
    }

    @Test("A chart's line has gaps, stays within the drawing, and begins and ends where its values do")
    func path() {
        #expect(Chart.path([nil, 0, 5, nil, 10, 20], top: 10) == "M1 100h.1L2 50M4 0h.1L5 0")
        #expect(Chart.path([nil, nil], top: 1) == "")
        #expect(Chart.dots([nil, 0, 5, nil, 10, nil, 20, nil, 5], top: 10) == "M4 0h.1M6 0h.1M8 50h.1")
    }

    @Test("A chart says its values, to the hundredth, and nothing where there is none")
    func chartValues() {
        #expect(
            Chart.list([nil, 0, 297, 0.304, 1.05, nil, .infinity])
                == ",0,297,0.3,1.05,,".replacing("0.3,", with: "0.30,")
        )
        let chart = Chart(key: "k", title: "t", unit: "u", lines: [Chart.Line(name: "<n>", values: [nil, 1, 2, 3])])
        let text = chart.html.text
        for part in [
            "data-name=\"&lt;n&gt;\" data-values=\",1,2,3\"", "M0 50H4M1 0V100M2 0V100M3 0V100", "30 min",
            "aria-valuemax=\"3\"",
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test(
        "The upper edge is a round number that nothing exceeds",
        arguments: [(0, 1), (1, 1), (1.5, 2), (3, 5), (7, 10), (20.5, 50)] as [(Double, Double)]
    )
    func top(most: Double, top: Double) {
        let chart = Chart(key: "k", title: "t", unit: "u", lines: [Chart.Line(name: "n", values: [nil, most])])
        #expect(chart.top == top)
    }

    @Test("Numbers as people read them")
    func numbers() {
        #expect(Numbers.text(1_234_567) == "1\u{202f}234\u{202f}567" && Numbers.text(-1000) == "-1\u{202f}000")
        #expect(
            Numbers.text(0.25) == "0.3" && Numbers.text(0.0) == "0" && Numbers.text(0.0996) == "0.1"
                && Numbers.text(99.96) == "100" && Numbers.text(Double.infinity) == "–"
        )
        #expect(Numbers.text(0.03) == "0.03" && Numbers.text(0.001) == "< 0.01")
        #expect(Numbers.percent(0, of: 0) == "0 %" && Numbers.percent(1, of: 2) == "50 %")
        #expect(Numbers.percent(1, of: 100_000) == "< 0.1 %" && Numbers.percent(99_999, of: 100_000) == "> 99.9 %")
        #expect(Numbers.milliseconds(12.34) == "12.3 ms" && Numbers.milliseconds(1500) == "1.5 s")
        #expect(Numbers.age(59_999) == "59 s" && Numbers.age(3_660_000) == "1 h 1 min" && Numbers.age(-5) == "0 s")
    }

    @Test(
        "Who watches gets the first reading at once with the charts, then each new one, with charts only if they changed"
    )
    func feed() async throws {
        let feed = Feed { Vitals() }
        feed.take(vitals(at: 0, viewers: 1), isSample: true)
        let watcher = try #require(feed.watch())
        let first = String(decoding: try #require(await watcher.next()), as: UTF8.self)
        #expect(first.hasPrefix("event: reading\ndata: {") && first.hasSuffix("}\n\n"))
        #expect(first.contains("\"viewers\":\"1\"") && first.contains("\"paths\"") && first.contains("\"values\""))
        async let second = watcher.next()
        feed.take(vitals(at: 2, viewers: 2), isSample: false)
        let next = String(decoding: try #require(await second), as: UTF8.self)
        #expect(next.contains("\"viewers\":\"2\"") && !next.contains("\"paths\""))
    }

    @Test("What a page is told first is never older than the page, also while others watch")
    func fresh() async throws {
        let reading = vitals(at: 1, viewers: 7)
        let feed = Feed { reading }
        feed.take(vitals(at: 0), isSample: true)
        let other = try #require(feed.watch())
        _ = await other.next()
        #expect(await feed.overview().vitals.liveSessions == 7)
        let watcher = try #require(feed.watch())
        await feed.refresh()
        let first = String(decoding: try #require(await watcher.next()), as: UTF8.self)
        #expect(first.contains("\"viewers\":\"7\""))
    }

    @Test("A bounded number watches, and whoever goes makes room")
    func watchers() {
        let feed = Feed { Vitals() }
        var watchers = (0..<Feed.maxWatchers).map { _ in feed.watch() }
        #expect(watchers.allSatisfy { $0 != nil } && feed.watch() == nil)
        watchers.removeLast()
        #expect(feed.watch() != nil)
    }

    @Test("Attack: whoever may only read takes no places from those who act")
    func readers() {
        let feed = Feed { Vitals() }
        var readers = (0..<Feed.maxReaders).map { _ in feed.watch(isReader: true) }
        #expect(readers.allSatisfy { $0 != nil } && feed.watch(isReader: true) == nil)
        #expect(feed.watch() != nil)
        readers.removeLast()
        #expect(feed.watch(isReader: true) != nil)
    }

    @Test("At the end nobody waits any more")
    func end() async throws {
        let feed = Feed { Vitals() }
        let watcher = try #require(feed.watch())
        let running = Task { await feed.run() }
        while await watcher.next() != nil { running.cancel() }
        await running.value
        #expect(feed.watch() == nil)
    }

    @Test("Text of a server's name cannot end a message of the stream")
    func names() {
        var vitals = Vitals()
        var server = Vitals.ServerEntry(name: "s\n\ndata: x", state: .down)
        server.reason = "a\r\n\r\nevent: b"
        vitals.upstreams = [Vitals.UpstreamEntry(name: "u", servers: [server])]
        let message = String(
            decoding: Overview(vitals: vitals, history: History()).message(hasCharts: true),
            as: UTF8.self
        )
        #expect(message.split(separator: "\n").count == 2)
    }

    @Test("The log's last lines are kept, cut and bounded, and found by level and text")
    func lines() {
        let lines = RecentLines()
        for number in 0..<5000 { lines.append("line \(number)", number % 2 == 0 ? .info : .warning) }
        lines.append(String(repeating: "é", count: 5000) + "end", .error)
        let all = lines.latest(10_000, atLeast: .debug, containing: nil)
        #expect((2000...2300).contains(all.count) && all[0].text.utf8.count <= 2010 && all[1].text == "line 4999")
        let found = lines.latest(3, atLeast: .warning, containing: "LINE 49")
        #expect(found.map(\.text) == ["line 4999", "line 4997", "line 4995"])
    }
}
