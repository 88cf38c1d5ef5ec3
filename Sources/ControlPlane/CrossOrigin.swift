import Basics
import HTTPTypes

/// The origins of pages that may read answers: exact ones, `https://*.host` and `*`, as in `embed_origins`.
struct OriginList: Sendable {
    private let allowsAny: Bool
    private let exact: Set<ExactText>
    /// For `https://*.host`: the texts before and after the star.
    private let patterns: [(start: String, end: String)]

    init(_ origins: [String]) {
        allowsAny = origins.contains { $0.hasSameBytes(as: "*") }
        var exact: Set<ExactText> = []
        var patterns: [(start: String, end: String)] = []
        for origin in origins where !origin.hasSameBytes(as: "*") {
            if let star = origin.utf8.firstIndex(of: UInt8(ascii: "*")) {
                patterns.append((String(origin[..<star]), String(origin[origin.utf8.index(after: star)...])))
            } else {
                exact.insert(ExactText(origin))
            }
        }
        self.exact = exact
        self.patterns = patterns
    }

    /// The `Access-Control-Allow-Origin` for a page. Returns `nil` for none.
    func permission(for origin: String) -> String? {
        if allowsAny { return "*" }
        return exact.contains(ExactText(origin)) || patterns.contains { Self.matches(origin, $0) } ? origin : nil
    }

    private static func matches(_ origin: String, _ pattern: (start: String, end: String)) -> Bool {
        guard origin.utf8.count > pattern.start.utf8.count + pattern.end.utf8.count,
            origin.utf8.starts(with: pattern.start.utf8),
            origin.utf8.suffix(pattern.end.utf8.count).elementsEqual(pattern.end.utf8)
        else { return false }
        let labels = origin.utf8.dropFirst(pattern.start.utf8.count).dropLast(pattern.end.utf8.count)
        return labels.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }
}

/// Cross-origin resource sharing ([Fetch, section 3.3](https://fetch.spec.whatwg.org/#http-cors-protocol)).
enum CrossOrigin {
    private static let allowOrigin = HTTPField.Name("Access-Control-Allow-Origin")!
    private static let allowMethods = HTTPField.Name("Access-Control-Allow-Methods")!
    private static let allowHeaders = HTTPField.Name("Access-Control-Allow-Headers")!
    private static let exposeHeaders = HTTPField.Name("Access-Control-Expose-Headers")!
    private static let maxAge = HTTPField.Name("Access-Control-Max-Age")!
    private static let requestMethod = HTTPField.Name("Access-Control-Request-Method")!

    static func isPreflight(_ request: HTTPRequest) -> Bool {
        request.method == .options && request.headerFields[.origin] != nil
            && request.headerFields[requestMethod] != nil
    }

    /// Answers a browser's preflight request.
    static func preflight(_ origin: String, _ origins: OriginList) -> Answer {
        var answer = Answer(status: .noContent)
        guard let permission = origins.permission(for: origin) else { return answer }
        answer.fields[allowOrigin] = permission
        answer.fields[allowMethods] = "GET, POST, PUT, PATCH, DELETE"
        answer.fields[allowHeaders] = "Authorization, Content-Type, Accept, Idempotency-Key"
        answer.fields[maxAge] = "600"
        return answer
    }

    /// Lets the page at `origin` read an answer.
    static func mark(_ answer: inout Answer, origin: String?, _ origins: OriginList) {
        answer.fields.append(HTTPField(name: .vary, value: "Origin"))
        guard let origin, let permission = origins.permission(for: origin) else { return }
        answer.fields[allowOrigin] = permission
        answer.fields[exposeHeaders] = "Idempotent-Replayed, Link, Retry-After, X-Request-Id, X-Total-Count"
    }
}
