import Admission
import Basics

/// Who was removed from which event.
struct RemovalsPage {
    let removals: [Removal]
    let visitor: Visitor

    /// The most that are shown.
    static let limit = 200

    var html: HTML {
        guard !removals.isEmpty else { return "<p>No viewer is kept out of an event.</p>" }
        let rows = removals.suffix(Self.limit).reversed().map { removal -> [HTML] in
            let lift: HTML =
                visitor.mayAct
                ? """
                <form method="post" action="/console/removals/lift">\(Page.key(visitor))\
                <input type="hidden" name="id" value="\(removal.id)"><button>Let in again</button></form>
                """ : ""
            return [
                "\(removal.person.kind.rawValue) \(OutsideText.html(removal.person.text))",
                OutsideText.html(removal.event), OutsideText.html(removal.company),
                removal.until.map(HTML.moment) ?? "for good", OutsideText.html(removal.reason ?? ""),
                HTML.moment(removal.createdAt), lift,
            ]
        }
        let more: HTML =
            removals.count > Self.limit
            ? "<p>The newest \(Self.limit) of \(Numbers.text(removals.count)). <code>gateway removals</code> lists all.</p>"
            : ""
        let columns = ["Who", "Event", "Company", "Until (UTC)", "Reason", "Since (UTC)", ""]
        return "\(more)\(Table(caption: "Removals, newest first", columns: columns, rows: Array(rows)).html)"
    }
}
