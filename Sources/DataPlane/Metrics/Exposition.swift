import Basics

/// Writes metrics for a scrape, in the [text format of Prometheus][1] or as [OpenMetrics 1.0][2].
///
/// Names and help are literals. Label values may be any text of the configuration and are escaped.
///
/// [1]: https://prometheus.io/docs/instrumenting/exposition_formats/
/// [2]: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
struct Exposition {
    /// What a family measures.
    enum Kind: String {
        case counter, gauge, histogram
        /// A count and a sum.
        case summary
        /// A constant whose labels say something.
        case info
    }

    /// The unit of a family, which its name ends with.
    enum Unit: String {
        case seconds, bytes
    }

    typealias Label = (name: StaticString, value: String)

    private let format: MetricsFormat
    private var bytes: [UInt8] = []
    private var name: StaticString = ""
    private var suffix: StaticString = ""

    init(_ format: MetricsFormat) { self.format = format }

    /// Begins a family. Its samples follow before another family begins.
    ///
    /// - Parameters:
    ///   - name: without the suffix of a counter or an info.
    ///   - help: one line, without quotes and backslashes.
    mutating func family(_ name: StaticString, _ kind: Kind, in unit: Unit? = nil, _ help: StaticString) {
        self.name = name
        suffix =
            switch kind {
            case .counter: "_total"
            case .info: "_info"
            case .gauge, .histogram, .summary: ""
            }
        // Prometheus names a family like its samples and knows no infos.
        let isPrometheus = format == .prometheus
        let type: Kind = isPrometheus && kind == .info ? .gauge : kind
        comment("# HELP ", suffix: isPrometheus)
        bytes.append(literal: help)
        bytes.append(.lineFeed)
        comment("# TYPE ", suffix: isPrometheus)
        bytes.append(contentsOf: type.rawValue.utf8)
        bytes.append(.lineFeed)
        guard !isPrometheus, let unit else { return }
        comment("# UNIT ", suffix: false)
        bytes.append(contentsOf: unit.rawValue.utf8)
        bytes.append(.lineFeed)
    }

    private mutating func comment(_ keyword: StaticString, suffix hasSuffix: Bool) {
        bytes.append(literal: keyword)
        bytes.append(literal: name)
        if hasSuffix { bytes.append(literal: suffix) }
        bytes.append(.space)
    }

    /// Writes a sample of the family.
    ///
    /// - Parameters:
    ///   - value: must not be negative.
    ///   - decimals: how many of its digits stand after the point.
    mutating func sample(_ labels: [Label], _ value: Int, decimals: Int = 0) {
        line(suffix, labels)
        append(value, decimals: decimals)
        bytes.append(.lineFeed)
    }

    /// Writes the samples of a histogram of durations in seconds.
    ///
    /// - Parameter row: laid out as ``DurationHistogram`` says.
    mutating func histogram(_ labels: [Label], _ row: ArraySlice<Int>) {
        var count = 0
        for bucket in 0..<DurationHistogram.buckets {
            count += row[row.startIndex + bucket]
            let bound = bucket < DurationHistogram.bounds.count ? Self.bound(bucket) : "+Inf"
            line("_bucket", labels + [("le", bound)])
            append(count, decimals: 0)
            bytes.append(.lineFeed)
        }
        summary(labels, count: count, sum: row[row.startIndex + DurationHistogram.sum], decimals: 3)
    }

    /// Writes the samples of a summary without quantiles.
    ///
    /// - Parameter decimals: how many digits of the sum stand after the point.
    mutating func summary(_ labels: [Label], count: Int, sum: Int, decimals: Int) {
        line("_sum", labels)
        append(sum, decimals: decimals)
        bytes.append(.lineFeed)
        line("_count", labels)
        append(count, decimals: 0)
        bytes.append(.lineFeed)
    }

    /// A bucket's upper bound in seconds, spelled as OpenMetrics asks for.
    private static func bound(_ bucket: Int) -> String { "\(Double(DurationHistogram.bounds[bucket]) / 1000)" }

    private mutating func line(_ suffix: StaticString, _ labels: [Label]) {
        bytes.append(literal: name)
        bytes.append(literal: suffix)
        for (index, label) in labels.enumerated() {
            bytes.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            bytes.append(literal: label.name)
            bytes.append(literal: "=\"")
            append(escaped: label.value)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        bytes.append(.space)
    }

    private mutating func append(escaped text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(literal: "\\\\")
            case UInt8(ascii: "\""): bytes.append(literal: "\\\"")
            case .lineFeed: bytes.append(literal: "\\n")
            default: bytes.append(byte)
            }
        }
    }

    private mutating func append(_ value: Int, decimals: Int) {
        let value = max(value, 0)
        var unit = 1
        for _ in 0..<decimals { unit *= 10 }
        bytes.append(decimal: value / unit)
        guard decimals > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var rest = value % unit
        for _ in 0..<decimals {
            unit /= 10
            bytes.append(UInt8(ascii: "0") + UInt8(rest / unit))
            rest %= unit
        }
    }

    /// The whole text.
    consuming func finish() -> [UInt8] {
        if format == .openMetrics { bytes.append(literal: "# EOF\n") }
        return bytes
    }
}
