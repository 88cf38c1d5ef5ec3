/// The origins of pages that may show a company's events: exact ones, `https://*.host`, and `*` for any.
struct FrameOrigins: Sendable {
    private let allowsAny: Bool
    private let exact: [(origin: [UInt8], host: String)]
    /// For `https://*.host`: the texts before and after the star, and the host with it.
    private let patterns: [(head: [UInt8], tail: [UInt8], host: String)]

    init(_ origins: [String]) {
        let all = origins.map { Array($0.utf8) }
        let star = UInt8(ascii: "*")
        allowsAny = all.contains([star])
        exact = all.filter { !$0.contains(star) }.map { ($0, Self.host(of: $0)) }
        patterns = all.compactMap { origin in
            guard origin.count > 1, let place = origin.firstIndex(of: star) else { return nil }
            return (Array(origin[..<place]), Array(origin[(place + 1)...]), Self.host(of: origin))
        }
    }

    /// The host between the scheme and the port.
    private static func host(of origin: [UInt8]) -> String {
        let authority = origin.drop { $0 != UInt8(ascii: "/") }.drop { $0 == UInt8(ascii: "/") }
        // An IPv6 address has colons of its own.
        let end = authority.firstIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
        let port = authority[end...].firstIndex(of: UInt8(ascii: ":"))
        return String(decoding: authority[..<(port ?? authority.endIndex)], as: UTF8.self)
    }

    /// The host of the origin in this range, as it is listed. `nil` if it is not, or only by `*`.
    func listedHost(_ bytes: Span<UInt8>, _ origin: Range<Int>) -> String? {
        for (one, host) in exact where bytes.equals(one.span, in: origin) { return host }
        for (head, tail, host) in patterns where Self.fits(bytes, origin, head, tail) { return host }
        return nil
    }

    /// Whether the range is one of the origins. Browsers send it in lower case and without a default port.
    func contain(_ bytes: Span<UInt8>, _ origin: Range<Int>) -> Bool {
        allowsAny || listedHost(bytes, origin) != nil
    }

    private static func fits(_ bytes: Span<UInt8>, _ origin: Range<Int>, _ head: [UInt8], _ tail: [UInt8]) -> Bool {
        guard origin.count > head.count + tail.count else { return false }
        let start = origin.lowerBound..<origin.lowerBound + head.count
        let end = origin.upperBound - tail.count..<origin.upperBound
        return bytes.equals(head.span, in: start) && bytes.equals(tail.span, in: end)
    }

    /// The origin at the beginning of a URL: up to the slash after `https://host`.
    static func origin(of url: Span<UInt8>) -> Range<Int> {
        var slashes = 0
        var end = 0
        while end < url.count {
            if url[end] == UInt8(ascii: "/") { slashes += 1 }
            if slashes == 3 { break }
            end += 1
        }
        return 0..<end
    }
}
