import Basics
import DataPlane

/// A page of the console: what stands around its content.
struct Page: Sendable {
    /// The pages that the navigation leads to.
    enum Place: String, CaseIterable, Sendable {
        case overview, sessions, removals, companies, upstreams, configuration, log

        var path: String { self == .overview ? "/console/" : "/console/\(rawValue)" }

        var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
    }

    /// What came of an action, shown above the content.
    enum Notice: Sendable {
        case done(String)
        case failed(String)
    }

    let title: String
    /// The place that the navigation marks.
    let place: Place
    let visitor: Visitor
    /// Whether it shows live values.
    var isLive = false
    /// See ``Overview/layout``; empty if it does not matter.
    var layout = ""
    var notice: Notice?
    /// The address that the browser shows instead of the one that was called, and loads again; `nil` for that one.
    var address: String?
    let content: HTML

    var html: HTML {
        let links = Place.allCases.map { other -> HTML in
            let mark: HTML = other == place ? " aria-current=\"page\"" : ""
            return "<a href=\"\(other.path)\"\(mark)>\(other.title)</a>\n"
        }
        let events: HTML = isLive ? " data-events=\"/console/events\" data-layout=\"\(layout)\"" : ""
        let address: HTML = address.map { " data-address=\"\($0)\"" } ?? ""
        let state: HTML = isLive ? "<span id=\"live\" class=\"tag\">not live</span>" : ""
        // The script fills it in when values are no longer kept up to date.
        let stale: HTML = isLive ? "<p id=\"stale\" class=\"notice bad\" role=\"status\" hidden></p>\n" : ""
        let role: HTML = visitor.mayAct ? "" : "<span class=\"tag\">read only</span>"
        return Self.document(
            title: title,
            body: """
                <body\(events)\(address)>
                <a class="skip" href="#content">Skip to the content</a>
                <header><strong class="brand">Embed Gateway</strong>
                <nav aria-label="Console">
                \(links)</nav>
                <div class="who">\(state) \(role)
                <form method="post" action="/console/sign-out">\(Self.key(visitor))<button class="quiet">Sign out</button></form></div>
                </header>
                <main id="content" tabindex="-1">
                <h1>\(title)</h1>
                \(stale)\(noticeHTML)\(content)</main>
                </body>
                """
        )
    }

    private var noticeHTML: HTML {
        switch notice {
        case .done(let text): "<p class=\"notice\" role=\"status\">\(text)</p>\n"
        case .failed(let text): "<p class=\"notice bad\" role=\"alert\">\(text)</p>\n"
        case nil: ""
        }
    }

    /// What a form must carry to act for a visitor.
    static func key(_ visitor: Visitor) -> HTML {
        "<input type=\"hidden\" name=\"key\" value=\"\(visitor.formKey)\">"
    }

    static func document(title: String, body: HTML) -> HTML {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(title) · Embed Gateway</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="\(Asset.style.path)" integrity="\(Asset.style.integrity)">
        <script src="\(Asset.script.path)" integrity="\(Asset.script.integrity)" defer></script>
        </head>
        \(body)
        </html>

        """
    }
}

/// A table, whose rows become cards where the screen is narrow.
struct Table {
    let caption: String
    let columns: [String]
    /// The cells of each row, as many as columns.
    let rows: [[HTML]]

    var html: HTML {
        // A column of buttons has no name, and a header without a name would be none.
        let head = columns.map { $0.isEmpty ? "<td></td>" : "<th scope=\"col\">\($0)</th>" as HTML }
        let body = rows.map { cells -> HTML in
            let cells = zip(columns, cells).map { "<td data-label=\"\($0)\">\($1)</td>" as HTML }
            return "<tr>\(cells)</tr>\n"
        }
        return """
            <table><caption>\(caption)</caption>
            <thead><tr>\(head)</tr></thead>
            <tbody>
            \(body)</tbody></table>

            """
    }
}
