/// A page of metrics, read as strictly as its format allows: anything that a scraper might reject is an error.
package struct MetricsText {
    /// The text format of Prometheus, version 0.0.4, or OpenMetrics 1.0.
    package enum Format: Sendable, CaseIterable {
        case prometheus, openMetrics
    }

    package struct Family: Sendable {
        package var type = ""
        package var help = ""
        package var unit: String?
    }

    package struct Sample: Hashable, Sendable {
        package let name: String
        package let labels: [String: String]

        package init(name: String, labels: [String: String]) { (self.name, self.labels) = (name, labels) }
    }

    /// Why a text is not a page of metrics.
    package struct Fault: Error, CustomStringConvertible {
        package let description: String
    }

    package private(set) var families: [String: Family] = [:]
    package private(set) var samples: [Sample: Double] = [:]
    private var buckets: [Sample: [(bound: Double, count: Double)]] = [:]
    private let format: Format
    private var family = ""

    package init(_ text: String, as format: Format) throws(Fault) {
        self.format = format
        guard text.hasSuffix("\n") else { throw Fault(description: "the last line does not end") }
        var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if format == .openMetrics {
            guard lines.popLast() == "# EOF" else { throw Fault(description: "no EOF at the end") }
        }
        for line in lines {
            do throws(Fault) {
                if line.hasPrefix("#") { try readComment(line) } else { try readSample(line) }
            } catch {
                throw Fault(description: "\(error): \(line)")
            }
        }
        for (name, family) in families {
            guard !family.help.isEmpty, !family.type.isEmpty else {
                throw Fault(description: "\(name): no HELP or TYPE")
            }
            let unit = ["seconds", "bytes"].first { name.hasSuffix("_\($0)") }
            guard format == .prometheus || unit == family.unit else { throw Fault(description: "\(name): wrong UNIT") }
        }
        try judgeHistograms()
    }

    // MARK: Values

    /// The value of the only sample with this name and these labels; 0 if there is none, since most series appear with
    /// their first value.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
        samples[Sample(name: name, labels: labels)] ?? 0
    }

    /// The sum of the samples with this name and at least these labels.
    package func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        samples.reduce(0) { sum, sample in
            let (key, value) = (sample.key, sample.value)
            let isMeant = key.name == name && labels.allSatisfy { key.labels[$0.key] == $0.value }
            return isMeant ? sum + value : sum
        }
    }

    package var names: Set<String> { Set(samples.keys.map(\.name)) }

    /// The samples that may only grow.
    package var counters: [Sample: Double] {
        samples.filter { sample, _ in
            families.contains { name, family in
                switch family.type {
                case "counter": sample.name == (format == .prometheus ? name : name + "_total")
                case "histogram", "summary": sample.name.hasPrefix(name + "_")
                default: false
                }
            }
        }
    }

    // MARK: Reading

    private mutating func readComment(_ line: String) throws(Fault) {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard words.count == 4, words[0] == "#", Self.isName(words[2], mayHaveColon: true) else {
            throw Fault(description: "no comment of the format")
        }
        let (keyword, name, text) = (words[1], words[2], words[3])
        if name != family {
            guard families[name] == nil else { throw Fault(description: "a family in two places") }
            (family, families[name]) = (name, Family())
        }
        guard !samples.keys.contains(where: { belongs($0.name) != nil }) else {
            throw Fault(description: "a comment behind samples of its family")
        }
        switch keyword {
        case "HELP":
            guard families[name]?.help.isEmpty == true, !text.isEmpty, !text.contains("\\") else {
                throw Fault(description: "HELP")
            }
            families[name]?.help = text
        case "TYPE":
            let types = ["counter", "gauge", "histogram", "summary"] + (format == .openMetrics ? ["info"] : [])
            guard families[name]?.type.isEmpty == true, types.contains(text) else { throw Fault(description: "TYPE") }
            guard format == .openMetrics || name.hasSuffix("_total") == (text == "counter") else {
                throw Fault(description: "only counters end in _total")
            }
            guard format == .prometheus || !name.hasSuffix("_total") else { throw Fault(description: "_total") }
            families[name]?.type = text
        case "UNIT" where format == .openMetrics:
            guard families[name]?.unit == nil, name.hasSuffix("_\(text)") else { throw Fault(description: "UNIT") }
            families[name]?.unit = text
        default:
            throw Fault(description: "no comment of the format")
        }
    }

    /// The suffix with which a sample belongs to the present family. `nil` if it does not.
    private func belongs(_ sample: String) -> String? {
        let suffixes =
            switch families[family]?.type {
            case "counter": [format == .prometheus ? "" : "_total"]
            case "histogram": ["_bucket", "_sum", "_count"]
            case "summary": ["_sum", "_count"]
            case "info": ["_info"]
            case "gauge": [""]
            default: [String]()
            }
        return suffixes.first { sample == family + $0 }
    }

    private mutating func readSample(_ line: String) throws(Fault) {
        let end = line.firstIndex { $0 == "{" || $0 == " " } ?? line.endIndex
        let name = String(line[..<end])
        guard Self.isName(name, mayHaveColon: true), let suffix = belongs(name) else {
            throw Fault(description: "a sample outside of its family")
        }
        var (labels, rest) = ([String: String](), line[end...])
        if rest.first == "{" { (labels, rest) = try Self.readLabels(rest.dropFirst()) }
        guard rest.first == " ", let value = Self.number(rest.dropFirst()) else { throw Fault(description: "value") }
        let sample = Sample(name: name, labels: labels)
        guard samples.updateValue(value, forKey: sample) == nil else { throw Fault(description: "the sample twice") }
        guard suffix == "_bucket" else {
            guard labels["le"] == nil else { throw Fault(description: "le") }
            return
        }
        guard let text = labels.removeValue(forKey: "le"), let bound = text == "+Inf" ? Double.infinity : Double(text)
        else { throw Fault(description: "no bound") }
        buckets[Sample(name: family, labels: labels), default: []].append((bound, value))
    }

    private static func readLabels(_ text: Substring) throws(Fault) -> ([String: String], Substring) {
        var (labels, rest) = ([String: String](), text)
        while true {
            guard let sign = rest.firstIndex(of: "=") else { throw Fault(description: "a label without a value") }
            let name = String(rest[..<sign])
            guard isName(name, mayHaveColon: false), labels[name] == nil else {
                throw Fault(description: "label \(name)")
            }
            rest = rest[rest.index(after: sign)...]
            guard rest.popFirst() == "\"" else { throw Fault(description: "a value without quotes") }
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else {
                    value.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "\\": value.append("\\")
                case "\"": value.append("\"")
                case "n": value.append("\n")
                default: throw Fault(description: "an unknown escape")
                }
            }
            labels[name] = value
            switch rest.popFirst() {
            case ",": continue
            case "}": return (labels, rest)
            default: throw Fault(description: "something behind a label")
            }
        }
    }

    /// The value of digits with at most one point between them.
    private static func number(_ text: Substring) -> Double? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isNumber =
            parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
        return isNumber ? Double(text) : nil
    }

    private static func isName(_ text: String, mayHaveColon: Bool) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                || byte == 58 && mayHaveColon
        }
    }

    private func judgeHistograms() throws(Fault) {
        for (key, row) in buckets {
            let (bounds, counts) = (row.map(\.bound), row.map(\.count))
            let isOrdered = zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
            let isCumulative = zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 }
            let count = samples[Sample(name: key.name + "_count", labels: key.labels)]
            let sum = samples[Sample(name: key.name + "_sum", labels: key.labels)]
            guard isOrdered, isCumulative, bounds.last == .infinity, let count, count == counts.last, let sum,
                count > 0 || sum == 0
            else { throw Fault(description: "the histogram \(key.name) \(key.labels)") }
        }
        for (name, family) in families where family.type == "histogram" {
            let sums = samples.keys.count { $0.name == name + "_sum" }
            guard sums == buckets.keys.count(where: { $0.name == name }) else {
                throw Fault(description: "\(name): not as many sums as histograms")
            }
        }
    }
}
