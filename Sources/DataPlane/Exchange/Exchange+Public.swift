import Admission
import GatewayConfiguration

/// Public routes let anyone in, and what viewers bring along is still not for the upstream.
extension Exchange {
    /// Finds the viewers' tokens in a public route's query, which are not forwarded. Members of the same names that hold
    /// something else are the application's own; the control API tells its callers what it does not know.
    func scanPublicQuery(_ bytes: Span<UInt8>, upstream: Int) {
        worker.queryMembers.scan(
            bytes,
            in: isControl(upstream) ? nil : worker.requestTarget.query,
            tokenNames: snapshot.tokenNames,
            takesJoinCodes: snapshot.takesJoinCodes
        )
        guard !worker.queryMembers.removed.isEmpty else { return }
        worker.queryMembers.keepOthers(bytes) { value, isJoinCode in
            isJoinCode
                ? JoinCode(bytes.linkToken(value).span) != nil
                : bytes.isEither(value) { holdsViewersToken($0) }
        }
    }

    /// Whether an `Authorization` field is a viewer's, which no upstream gets to see.
    func isViewersAuthorization(_ bytes: Span<UInt8>, _ value: Range<Int>, upstream: Int) -> Bool {
        if withholdsAuthorization { return true }
        // The control API reads its own tokens, and believes no other.
        return !isControl(upstream) && holdsViewersToken(bytes.extracting(value))
    }

    /// Whether a viewer's token stands anywhere in a value: alone, behind any scheme and blanks, in quotes or in a list.
    /// Upstreams may read such a value where we do not.
    func holdsViewersToken(_ value: Span<UInt8>) -> Bool {
        var start = 0
        while start < value.count {
            var (end, dots) = (start, 0)
            while end < value.count, value[end].isTokenText {
                if value[end] == UInt8(ascii: ".") { dots += 1 }
                end += 1
            }
            if dots == 2, isViewers(value.extracting(start..<end)) { return true }
            start = end + 1
        }
        return false
    }

    private func isViewers(_ token: Span<UInt8>) -> Bool {
        switch worker.tokens.finding(for: token, generation: snapshot.authority.generation) {
        case .token, .session: true
        case .foreign: false
        case nil: snapshot.authority.withholds(token, allowance: signatureAllowance)
        }
    }
}

extension UInt8 {
    /// Whether it is a digit of base64url.
    var isBase64URL: Bool {
        (lowercased &- UInt8(ascii: "a")) < 26 || isDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }

    /// Whether a token in the compact form may hold it: base64url and dots.
    var isTokenText: Bool { isBase64URL || self == UInt8(ascii: ".") }
}
