/// The origins of pages that may show a company's events: exact ones, `https://*.host`, and `*` for any.
struct FrameOrigins: Sendable {
    private let allowsAny: Bool
    private let exact: [[UInt8]]
    /// For `https://*.host`: the texts before and after the star.
    private let patterns: [(head: [UInt8], tail: [UInt8])]

    init(_ origins: [String]) {
        let all = origins.map { Array($0.utf8) }
        let star = UInt8(ascii: "*")
        allowsAny = all.contains([star])
        exact = all.filter { !$0.contains(star) }
        patterns = all.compactMap { origin in
            guard origin.count > 1, let place = origin.firstIndex(of: star) else { return nil }
            return (Array(origin[..<place]), Array(origin[(place + 1)...]))
        }
    }

    /// Whether the range is one of the origins. Browsers send it in lower case and without a default port.
    func contain(_ bytes: Span<UInt8>, _ origin: Range<Int>) -> Bool {
        if allowsAny { return true }
        for one in exact where bytes.equals(one.span, in: origin) { return true }
        for (head, tail) in patterns where origin.count > head.count + tail.count {
            let start = origin.lowerBound..<origin.lowerBound + head.count
            let end = origin.upperBound - tail.count..<origin.upperBound
            if bytes.equals(head.span, in: start), bytes.equals(tail.span, in: end) { return true }
        }
        return false
    }
}
