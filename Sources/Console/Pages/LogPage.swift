import Basics

/// The last lines of the operator's log.
struct LogPage {
    let lines: [RecentLines.Line]
    let level: RecentLines.Level
    let text: String?

    static let limit = 200

    var html: HTML {
        let levels = RecentLines.Level.allCases.map { other -> HTML in
            "<option\(other == level ? " selected" : "")>\(other.name)</option>"
        }
        let rows = lines.map { line -> HTML in
            "<li data-level=\"\(line.level.name)\">\(OutsideText.plain(line.text, limit: 2 * OutsideText.long))</li>\n"
        }
        let list: HTML =
            rows.isEmpty
            ? "<p>There are no such lines.</p>"
            : "<div class=\"log\" tabindex=\"0\" role=\"region\" aria-label=\"Lines, latest first\"><ol>\n\(rows)</ol></div>"
        return """
            <form class="filter" method="get" action="\(Page.Place.log.path)" role="search">
            <label>Contains <input type="search" name="q" value="\(text ?? "")" maxlength="200"></label>
            <label>From level <select name="level">\(levels)</select></label>
            <button class="main">Show</button>
            </form>
            <p>What this process has logged last, as far as <code>log.level</code> lets through; the latest first.</p>
            \(list)

            """
    }
}
