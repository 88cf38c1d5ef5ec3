import Basics

/// A URL without what may be a secret in it: many endpoints carry one in their path or query.
enum MaskedURL {
    /// Scheme, host and port, with the path for whoever may act. User, password, query and fragment are left out for
    /// everybody.
    static func text(_ url: String, for visitor: Visitor) -> String {
        guard let separator = url.firstRange(of: "://") else { return "…" }
        let rest = url.utf8[separator.upperBound...]
        let authority = rest.prefix { !"/?#\\".utf8.contains($0) }
        let host = authority.lastIndex(of: UInt8(ascii: "@")).map { "…" + String(url[$0..<authority.endIndex]) }
        let path = rest[authority.endIndex...].prefix { !"?#".utf8.contains($0) }
        let hasMore = path.endIndex < rest.endIndex
        let start = String(url[..<separator.upperBound]) + (host ?? String(Substring(authority)))
        guard !visitor.mayAct, path.count > 1 || hasMore else {
            return start + String(Substring(path)) + (hasMore ? "?…" : "")
        }
        return start + "/…"
    }
}
