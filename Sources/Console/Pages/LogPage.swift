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
            ? "<p>No lines match.</p>"
            : "<div class=\"log\" tabindex=\"0\" role=\"region\" aria-label=\"Log lines, newest first\"><ol>\n\(rows)</ol></div>"
        return """
            <form class="filter" method="get" action="\(Page.Place.log.path)" role="search">
            <label>Contains <input type="search" name="q" value="\(text ?? "")" maxlength="200"></label>
            <label>Minimum level <select name="level">\(levels)</select></label>
            <button class="main">Show</button>
            </form>
            <p>The latest lines of this process, newest first. Lines below <code>log.level</code> are not kept.</p>
            \(list)

            """
    }
}
