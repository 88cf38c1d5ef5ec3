import TestSupport
import Testing

@testable import DataPlane

@Suite("The text of metrics")
struct ExpositionTests {
    private static func format(_ format: MetricsFormat) -> MetricsText.Format {
        format == .prometheus ? .prometheus : .openMetrics
    }

    private func page(_ format: MetricsFormat, _ write: (inout Exposition) -> Void) -> String {
        var exposition = Exposition(format)
        write(&exposition)
        return text(exposition.finish())
    }

    @Test("Prometheus gets the names of samples in HELP and TYPE, and no unit")
    func prometheus() {
        let written = page(.prometheus) { page in
            page.family("gateway_things", .counter, "Things.")
            page.sample([("kind", "a"), ("size", "b")], 7)
            page.family("gateway_build", .info, "The version.")
            page.sample([("version", "1")], 1)
            page.family("process_time_seconds", .gauge, in: .seconds, "Time.")
            page.sample([], 12_034, decimals: 3)
        }
        #expect(
            written == """
                # HELP gateway_things_total Things.
                # TYPE gateway_things_total counter
                gateway_things_total{kind="a",size="b"} 7
                # HELP gateway_build_info The version.
                # TYPE gateway_build_info gauge
                gateway_build_info{version="1"} 1
                # HELP process_time_seconds Time.
                # TYPE process_time_seconds gauge
                process_time_seconds 12.034

                """
        )
    }

    @Test("OpenMetrics gets the names of families, units, and an end")
    func openMetrics() {
        let written = page(.openMetrics) { page in
            page.family("gateway_sent_bytes", .counter, in: .bytes, "Bytes.")
            page.sample([], 7)
            page.family("gateway_build", .info, "The version.")
            page.sample([("version", "1")], 1)
        }
        #expect(
            written == """
                # HELP gateway_sent_bytes Bytes.
                # TYPE gateway_sent_bytes counter
                # UNIT gateway_sent_bytes bytes
                gateway_sent_bytes_total 7
                # HELP gateway_build The version.
                # TYPE gateway_build info
                gateway_build_info{version="1"} 1
                # EOF

                """
        )
    }

    @Test(
        "Configured text as a label stays one value",
        arguments: ["", "a b", "\"", "\\", "\n", "\\n", "a\"} 1\nforged{x=\"", "ü {} = ,", "/event/{event}/**"]
    )
    func escaped(value: String) throws {
        for format in MetricsFormat.allCases {
            let written = page(format) { page in
                page.family("gateway_things", .counter, "Things.")
                page.sample([("route", value), ("other", "x")], 3)
            }
            let read = try MetricsText(written, as: Self.format(format))
            #expect(read.samples.count == 1)
            #expect(read.value("gateway_things_total", ["route": value, "other": "x"]) == 3)
        }
    }

    @Test("A histogram's buckets add up, its sum is in seconds, and its bounds are those that it counts by")
    func histogram() throws {
        var row = [Int](repeating: 0, count: DurationHistogram.size)
        for bound in DurationHistogram.bounds {
            // One that just fits the bucket, and one that just does not.
            for duration in [bound, bound + 1] {
                row[DurationHistogram.bucket(of: duration)] += 1
                row[DurationHistogram.sum] += Int(duration)
            }
        }
        row[DurationHistogram.bucket(of: -1)] += 1
        row[DurationHistogram.bucket(of: .max)] += 1
        for format in MetricsFormat.allCases {
            let written = page(format) { page in
                page.family("gateway_time_seconds", .histogram, in: .seconds, "Time.")
                page.histogram([("route", "/x")], ([9, 9] + row + [9])[2..<2 + row.count])
            }
            let read = try MetricsText(written, as: Self.format(format))
            for (index, bound) in DurationHistogram.bounds.enumerated() {
                let labels = ["route": "/x", "le": "\(Double(bound) / 1000)"]
                #expect(read.value("gateway_time_seconds_bucket", labels) == Double(2 * index + 2), "\(bound)")
            }
            let count = Double(2 * DurationHistogram.bounds.count + 2)
            #expect(read.value("gateway_time_seconds_bucket", ["route": "/x", "le": "+Inf"]) == count)
            let sum = DurationHistogram.bounds.reduce(0) { $0 + 2 * $1 + 1 }
            #expect(read.value("gateway_time_seconds_sum", ["route": "/x"]) == Double(sum) / 1000)
        }
        #expect(DurationHistogram.bucket(of: .max) == DurationHistogram.buckets - 1)
        #expect(DurationHistogram.bounds.count == DurationHistogram.buckets - 1)
    }

    @Test(
        "The scraper chooses the format",
        arguments: [
            ("", MetricsFormat.prometheus), ("*/*", .prometheus), ("text/plain", .prometheus),
            ("text/html, application/xhtml+xml, */*;q=0.8", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics),
            ("APPLICATION/OpenMetrics-Text;Version=1.0.0", .openMetrics),
            ("application/openmetrics-text;version=0.0.1", .prometheus),
            ("application/openmetrics-text;version=2.0.0, text/plain;q=0.1", .prometheus),
            ("application/openmetrics-text;q=0", .prometheus),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.6", .prometheus),
            ("application/openmetrics-text;q=0.6,text/plain;version=0.0.4;q=0.6", .openMetrics),
            ("application/openmetrics-text;q=nonsense", .prometheus),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    + "application/openmetrics-text;version=0.0.1;q=0.5,"
                    + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                .openMetrics
            ),
            // The same, configured for the text format.
            ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2", .prometheus),
        ] as [(String, MetricsFormat)]
    )
    func negotiation(accept: String, format: MetricsFormat) {
        #expect(MetricsFormat(accepting: bytes(accept).span) == format)
    }

    @Test("Whatever `Accept` contains, there is a format")
    func anyAccept() {
        let whole = bytes("application/openmetrics-text ; version=1.0.0;q=1.000 , */*;q=,;;=,,q=1")
        for start in whole.indices {
            for end in start...whole.count { _ = MetricsFormat(accepting: whole.span.extracting(start..<end)) }
        }
    }
}
