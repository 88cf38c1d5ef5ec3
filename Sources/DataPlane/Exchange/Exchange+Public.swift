import Admission
import Basics
import GatewayConfiguration

/// Public routes let anyone in, but still hide viewers' credentials from the upstream.
extension Exchange {
    /// Finds viewers' tokens in a public route's query, which are not forwarded. Members with the same names but other
    /// values belong to the application. The control API itself reports members that it does not know.
    func scanPublicQuery(_ request: RequestView, upstream: Int) {
        guard !isControl(upstream) else { return }
        request.scanQuery(tokenNames: snapshot.tokenNames, takesJoinCodes: snapshot.takesJoinCodes)
        guard !request.removedMembers.isEmpty else { return }
        let bytes = request.bytes
        request.keepForeignMembers { value, isJoinCode in
            isJoinCode
                ? bytes.linkJoinCode(value) != nil
                : bytes.isEither(value) { holdsViewersToken($0) }
        }
    }

    /// Whether an `Authorization` field is a viewer's, which no upstream may see.
    func isViewersAuthorization(_ value: Span<UInt8>, upstream: Int) -> Bool {
        if state.verdict.withholdsAuthorization { return true }
        // The control API reads its own tokens, and trusts no others.
        return !isControl(upstream) && holdsViewersToken(value)
    }

    /// Whether a value contains a viewer's token: alone, after any scheme and blanks, in quotes or in a list. Upstreams
    /// may find it in places where we would not look.
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
        case .token, .session, .script: true
        case .foreign: false
        case nil: snapshot.authority.withholds(token, allowance: signatureAllowance)
        }
    }
}
