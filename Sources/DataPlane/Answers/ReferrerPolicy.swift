/// How much of its address a page reveals in the `Referer` of what it loads
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

    /// A policy that reveals the same to other origins and the full address to our own. If a browser has sessions for
    /// several events, a page's requests must say which event they belong to. `nil` if the policy already does this.
    var forEvents: ReferrerPolicy? {
        switch self {
        case .noReferrer: .sameOrigin
        case .strictOrigin: .strictOriginWhenCrossOrigin
        case .origin: .originWhenCrossOrigin
        case .noReferrerWhenDowngrade, .sameOrigin, .originWhenCrossOrigin, .strictOriginWhenCrossOrigin, .unsafeURL:
            nil
        }
    }

    /// The policy that a browser follows: the last one in all fields that it knows
    /// ([section 8.1](https://www.w3.org/TR/referrer-policy/#parse-referrer-policy-from-header)). Returns `nil` if
    /// there is none.
    init?(_ bytes: Span<UInt8>, _ block: FieldBlock) {
        guard block.contains(.referrerPolicy) else { return nil }
        var last: ReferrerPolicy?
        for field in block.fields where field.name == .referrerPolicy && !field.isRemoved {
            bytes.forEachPart(of: field.value, separatedBy: UInt8(ascii: ",")) { token in
                for policy in Self.allCases where bytes.equals(policy.text, ignoringCaseIn: token) { last = policy }
            }
        }
        guard let last else { return nil }
        self = last
    }
}
