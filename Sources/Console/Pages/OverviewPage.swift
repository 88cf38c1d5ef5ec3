import Admission
import Basics
import DataPlane

/// Who watches, what is refused, how fast it is, and how the upstreams are.
struct OverviewPage {
    let overview: Overview

    var html: HTML {
        let texts = Dictionary(overview.texts.map { (ExactText($0.key), $0.value) }) { $1 }
        /// A value that the script keeps up to date.
        func live(_ key: String) -> HTML { "<span data-live=\"\(key)\">\(texts[ExactText(key)] ?? "")</span>" }
        func tile(_ title: String, _ key: String, _ more: HTML = "") -> HTML {
            "<li><span class=\"what\">\(title)</span> <span class=\"value\">\(live(key)) <small>\(more)</small></span></li>\n"
        }
        let tiles: [HTML] = [
            tile("Viewers now", "viewers"),
            tile("Connections", "connections", "of \(live("connection-limit"))"),
            tile("WebSockets", "websockets"),
            tile("Requests", "requests", "per second"),
            tile("5xx responses", "errors", "\(live("unit")), \(live("error-share")) of requests"),
            tile("Joins", "joins", live("unit")),
            tile("Take-overs", "take-overs", live("unit")),
            tile("Refusals", "refusals", live("unit")),
            tile("Latency, median", "median"),
            tile("Latency, 99th percentile", "slowest"),
            tile("State", "state"),
            tile("Configuration", "configuration"),
            tile("Database", "database"),
            tile("Uptime", "uptime", "version \(overview.vitals.version)"),
            tile("Memory", "memory"),
        ]
        return """
            \(alarms)<ul class="tiles" aria-label="At this moment">
            \(tiles)</ul>
            <section class="charts" aria-label="The last hour">
            \(overview.charts.map(\.html))</section>
            <section aria-label="Upstreams">\(upstreams(live))\(queues(live))</section>
            <section class="pair">
            \(refusals(live))\(limits(live))</section>

            """
    }

    /// What is wrong stands first. A place for each alarm, of which those are shown that have a text.
    private var alarms: HTML {
        let rows = overview.alarms.map { alarm -> HTML in
            let hidden: HTML = alarm.text.isEmpty ? " hidden" : ""
            return "<li data-row=\"\(alarm.key)\"\(hidden)><span data-live=\"\(alarm.key)\">\(alarm.text)</span></li>\n"
        }
        return "<div role=\"alert\"><ul class=\"alarms\" aria-label=\"What is wrong\">\n\(rows)</ul></div>\n"
    }

    private func upstreams(_ live: (String) -> HTML) -> HTML {
        let rows = overview.vitals.upstreams.enumerated().flatMap { number, upstream in
            upstream.servers.enumerated().map { index, server -> [HTML] in
                let key = "server.\(number).\(index)"
                return [
                    "\(OutsideText.html(upstream.name))", "\(OutsideText.html(server.name))",
                    "<span class=\"state\" data-state=\"\(server.state.rawValue)\">\(live("\(key).state"))</span> \(live("\(key).reason"))",
                    live("\(key).active"), live("\(key).answers"), live("\(key).errors"),
                ]
            }
        }
        let columns = ["Upstream", "Server", "State", "In progress", "Responses", "5xx responses"]
        return Table(caption: "Upstream servers", columns: columns, rows: rows).html
    }

    /// Reasons that never came stay hidden, until one does.
    private func refusals(_ live: (String) -> HTML) -> HTML {
        let rows = overview.refusals.enumerated().map { number, row -> HTML in
            let hidden: HTML = row.all == 0 ? " hidden" : ""
            return """
                <tr data-row="refusal.\(number).all"\(hidden)><th scope="row"><code>\(row.refusal.code)</code></th>\
                <td>\(live("refusal.\(number).hour"))</td><td>\(live("refusal.\(number).all"))</td></tr>

                """
        }
        return counts("Refusals by reason", ["Reason", "Last hour", "Since start"], rows)
    }

    /// What is counted for an upstream as a whole.
    private func queues(_ live: (String) -> HTML) -> HTML {
        let rows = overview.vitals.upstreams.enumerated().map { number, upstream -> HTML in
            let key = "upstream.\(number)"
            return """
                <tr><th scope="row">\(OutsideText.html(upstream.name))</th><td>\(live("\(key).waiting"))</td>\
                <td>\(live("\(key).faults"))</td></tr>

                """
        }
        return counts(
            "Upstreams as a whole",
            ["Upstream", "Waiting for a server", "Failed attempts since start"],
            rows
        )
    }

    private func limits(_ live: (String) -> HTML) -> HTML {
        let rows = overview.vitals.limits.enumerated().map { number, limit -> HTML in
            """
            <tr><th scope="row"><code>\(limit.key)</code></th>\
            <td>\(live("limit.\(number).hour"))</td><td>\(live("limit.\(number).all"))</td></tr>

            """
        }
        return counts("Rejected by limits", ["Limit", "Last hour", "Since start"], rows)
    }

    private func counts(_ caption: String, _ columns: [String], _ rows: [HTML]) -> HTML {
        let head = columns.map { "<th scope=\"col\">\($0)</th>" as HTML }
        return """
            <table class="counts"><caption>\(caption)</caption><thead><tr>\(head)</tr></thead><tbody>
            \(rows)</tbody></table>

            """
    }
}
