import TestSupport
import Testing

extension Gateway {
    /// The field with which a scraper asks for OpenMetrics.
    static let openMetrics = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

    /// The present metrics.
    func metrics() throws -> MetricsText {
        let response = try fetch(adminPort, "/metrics", within: 20)
        #expect(response.status == 200)
        return try MetricsText(response.text, as: .prometheus)
    }
}

extension MetricsText {
    /// How much each sample with this name has grown since `before`, by its labels. Leaves out those that did not grow.
    func growth(of name: String, since before: MetricsText) -> [[String: String]: Double] {
        var growth: [[String: String]: Double] = [:]
        for (sample, value) in samples where sample.name == name {
            let increase = value - before.value(name, sample.labels)
            if increase != 0 { growth[sample.labels] = increase }
        }
        return growth
    }
}
