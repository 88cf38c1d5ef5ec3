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

    var html: HTML {
        let reloads = vitals.reloads
        let reload: HTML =
            visitor.mayAct && hasFile
            ? """
            <form method="post" action="/console/configuration/reload">\(Page.key(visitor))\
            <button class="main">Reload the configuration file</button></form>
            """ : ""
        let last = reloads.hasSucceeded ? "in effect" : "in effect; the last reload failed, see the log"
        return """
            <dl class="facts">
            <dt>State</dt><dd>\(last)</dd>
            <dt>In effect since (UTC)</dt><dd>\(HTML.moment(reloads.succeededAt))</dd>
            <dt>Reloads</dt><dd>\(Numbers.text(reloads.successes)) succeeded, \(Numbers.text(reloads.failures)) failed</dd>
            <dt>Changed files that cannot be loaded</dt><dd>\(Numbers.text(vitals.unusableFiles))</dd>
            </dl>
            \(reload)
            <h2 id="in-force">Running configuration</h2>
            <p>Defaults included. Secrets are kept in files; only the files' paths are shown.</p>
            <pre tabindex="0" role="region" aria-labelledby="in-force">\(OutsideText.lines(settings.printed()))</pre>

            """
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
