/// What a page tells of its address in the `Referer` of what it loads
/// ([Referrer Policy](https://www.w3.org/TR/referrer-policy/#referrer-policies)).
enum ReferrerPolicy: CaseIterable {
    case noReferrer
    case noReferrerWhenDowngrade
    case sameOrigin
    case origin
    case strictOrigin
    case originWhenCrossOrigin
    case strictOriginWhenCrossOrigin
    case unsafeURL

    /// The name in lower case.
    var text: StaticString {
        switch self {
        case .noReferrer: "no-referrer"
        case .noReferrerWhenDowngrade: "no-referrer-when-downgrade"
        case .sameOrigin: "same-origin"
        case .origin: "origin"
        case .strictOrigin: "strict-origin"
        case .originWhenCrossOrigin: "origin-when-cross-origin"
        case .strictOriginWhenCrossOrigin: "strict-origin-when-cross-origin"
        case .unsafeURL: "unsafe-url"
        }
    }

    /// The policy that tells other origins the same, and our own the full address: with events of several sessions in one
    /// browser, a page's own requests must say which event they are of. Nil where it is so already.
    var forEvents: ReferrerPolicy? {
        switch self {
        case .noReferrer: .sameOrigin
        case .strictOrigin: .strictOriginWhenCrossOrigin
        case .origin: .originWhenCrossOrigin
        case .noReferrerWhenDowngrade, .sameOrigin, .originWhenCrossOrigin, .strictOriginWhenCrossOrigin, .unsafeURL:
            nil
        }
    }

    /// The policy that a browser goes by: the last one that it knows in all fields
    /// ([section 8.1](https://www.w3.org/TR/referrer-policy/#parse-referrer-policy-from-header)); nil where there is none.
    init?(_ bytes: Span<UInt8>, _ block: FieldBlock) {
        guard block.contains(.referrerPolicy) else { return nil }
        var last: ReferrerPolicy?
        for field in block.fields where field.name == .referrerPolicy && !field.isRemoved {
            var start = field.value.lowerBound
            while start < field.value.upperBound {
                let end =
                    bytes.firstIndex(of: UInt8(ascii: ","), from: start, to: field.value.upperBound)
                    ?? field.value.upperBound
                let token = bytes.trimming(start..<end)
                for policy in Self.allCases where bytes.equals(policy.text, ignoringCaseIn: token) { last = policy }
                start = end + 1
            }
        }
        guard let last else { return nil }
        self = last
    }
}
