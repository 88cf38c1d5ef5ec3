import Basics
import DataPlane
import GatewayConfiguration

/// The settings in effect, and a button that loads the file again.
struct ConfigurationPage {
    let settings: Settings
    let vitals: Vitals
    /// Whether there is a file to load.
    let hasFile: Bool
    let visitor: Visitor

    /// The most lines of a list that are shown.
    private static let maxLines = 50

    var html: HTML {
        let reloads = vitals.reloads
        let reload: HTML =
            visitor.mayAct && hasFile
            ? """
            <form method="post" action="/console/configuration/reload">\(Page.key(visitor))\
            <button class="main">Reload the configuration file</button></form>
            """ : ""
        let last = reloads.hasSucceeded ? "in effect" : "in effect; the last reload failed"
        let failedAt: HTML = reloads.failedAt.map { "<dt>Last failed (UTC)</dt><dd>\(HTML.moment($0))</dd>\n" } ?? ""
        let log = Page.Place.log.path + Form.query([("level", "warning"), ("q", "reload")])
        return """
            <dl class="facts">
            <dt>State</dt><dd>\(last)</dd>
            <dt>In effect since (UTC)</dt><dd>\(HTML.moment(reloads.succeededAt))</dd>
            <dt>Reloads</dt><dd>\(Numbers.text(reloads.successes)) succeeded, \(Numbers.text(reloads.failures)) failed</dd>
            \(failedAt)<dt>Changed files that cannot be loaded</dt><dd>\(vitals.unusableFiles.count)</dd>
            </dl>
            \(lines("Why the last reload failed", reloads.problems))\
            \(lines("Files that cannot be used; what was read before is in use", vitals.unusableFiles.problems))\
            \(lines("Waits for the next start", reloads.waiting))\
            \(reload)
            <p><a href="\(log)">What the log says about reloads</a></p>
            <h2 id="in-force">Running configuration</h2>
            <p>Defaults included. Secrets are kept in files; only the files' paths are shown.</p>
            <pre tabindex="0" role="region" aria-labelledby="in-force">\(OutsideText.lines(settings.printed()))</pre>

            """
    }

    /// Lines as the log has them, such as of faults.
    private func lines(_ title: String, _ lines: [String]) -> HTML {
        guard !lines.isEmpty else { return "" }
        let rows = lines.prefix(Self.maxLines).map {
            "<li>\(OutsideText.html($0, limit: OutsideText.long))</li>\n" as HTML
        }
        let more: HTML = lines.count > Self.maxLines ? "<li>and \(lines.count - Self.maxLines) more</li>\n" : ""
        return "<h2>\(title)</h2>\n<ul class=\"lines\">\n\(rows)\(more)</ul>\n"
    }
}

extension OutsideText {
    /// The most bytes of a long text that a page shows.
    private static let maxText = 1 << 20

    /// Lines, each of which is bounded.
    static func lines(_ text: String) -> String {
        let bytes = text.utf8.prefix(maxText)
        let lines = bytes.split(separator: .lineFeed, omittingEmptySubsequences: false)
        return lines.map { plain(String(decoding: $0, as: UTF8.self), limit: 4 * long) }.joined(separator: "\n")
    }
}

extension UInt8 {
    fileprivate static let lineFeed = UInt8(ascii: "\n")
}
