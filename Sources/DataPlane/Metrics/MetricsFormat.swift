/// A format for metrics, which the scraper chooses.
enum MetricsFormat: Sendable, CaseIterable {
    case prometheus, openMetrics

    var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The better one of the formats that `Accept` lists
    /// ([RFC 9110 section 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)): OpenMetrics if it is named
    /// and wanted at least as much as plain text.
    init(accepting accept: Span<UInt8>) {
        var (text, openMetrics) = (0, 0)
        var start = 0
        while start < accept.count {
            let end = accept.firstIndex(of: UInt8(ascii: ","), from: start, to: accept.count) ?? accept.count
            let range = MediaRange(accept, start..<end)
            switch range.format {
            case .openMetrics: openMetrics = max(openMetrics, range.weight)
            case .prometheus: text = max(text, range.weight)
            case nil: break
            }
            start = end + 1
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .prometheus
    }
}

/// One of the media types that a scraper lists.
private struct MediaRange {
    /// `nil` if it is none of ours, or another version.
    var format: MetricsFormat?
    /// Its `q` in thousandths.
    var weight = 1000

    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var start = range.lowerBound
        var isFirst = true
        while start < range.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: ";"), from: start, to: range.upperBound) ?? range.upperBound
            let part = bytes.trimming(start..<end)
            if isFirst { format = Self.format(bytes, part) } else { read(bytes, part) }
            isFirst = false
            start = end + 1
        }
    }

    private static func format(_ bytes: Span<UInt8>, _ type: Range<Int>) -> MetricsFormat? {
        if bytes.equals("application/openmetrics-text", ignoringCaseIn: type) { return .openMetrics }
        let isText =
            bytes.equals("text/plain", ignoringCaseIn: type) || bytes.equals("text/*", ignoringCaseIn: type)
            || bytes.equals("*/*", ignoringCaseIn: type)
        return isText ? .prometheus : nil
    }

    private mutating func read(_ bytes: Span<UInt8>, _ parameter: Range<Int>) {
        guard let sign = bytes.firstIndex(of: UInt8(ascii: "="), from: parameter.lowerBound, to: parameter.upperBound)
        else { return }
        let (name, value) = (parameter.lowerBound..<sign, sign + 1..<parameter.upperBound)
        if bytes.equals("q", ignoringCaseIn: name) {
            weight = Self.weight(bytes, value)
        } else if bytes.equals("version", ignoringCaseIn: name) {
            // Scrapers list a draft of OpenMetrics and later versions of the text format, too.
            let wanted: StaticString = format == .openMetrics ? "1.0.0" : "0.0.4"
            if !bytes.equals(wanted, in: value) { format = nil }
        }
    }

    /// A weight such as `0.75` in thousandths; 0 if it is none.
    private static func weight(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int {
        var (weight, unit) = (0, 1000)
        for (offset, index) in value.enumerated() {
            switch (offset, bytes[index]) {
            case (0, UInt8(ascii: "0")): break
            case (0, UInt8(ascii: "1")): weight = 1000
            case (1, UInt8(ascii: ".")): break
            case (2...4, UInt8(ascii: "0")...UInt8(ascii: "9")):
                unit /= 10
                weight += Int(bytes[index] - UInt8(ascii: "0")) * unit
            default: return 0
            }
        }
        return min(weight, 1000)
    }
}
