/// Ranges of HTTP statuses in the form of the configuration: `200-399`, or `204` for a single one.
extension ClosedRange<Int> {
    init(parsing text: String) throws(ValueFault) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let bounds = parts.compactMap { part in part.utf8.count == 3 ? Int(part) : nil }
        guard bounds.count == parts.count, let first = bounds.first, let last = bounds.last, first <= last,
            first >= 200, last <= 599
        else { throw ValueFault("\(quoted(text)) is not a range of statuses from 200 to 599 such as \"200-399\"") }
        self = first...last
    }

    var configurationText: String { lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound)-\(upperBound)" }
}
