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
        // Whoever sends them chooses how many, and each may cost checks of signatures: one is looked at, and the rest of
        // what may be tokens is not for the upstream either.
        var isChecked = false
        worker.queryMembers.keepOthers(bytes) { value, isJoinCode in
            if isJoinCode { return JoinCode(value) != nil }
            guard value.indices.count(where: { value[$0] == UInt8(ascii: ".") }) == 2 else { return false }
            defer { isChecked = true }
            return isChecked || isViewers(value)
        }
    }

    /// Whether an `Authorization` field is a viewer's, which no upstream gets to see.
    func isViewersAuthorization(_ bytes: Span<UInt8>, _ value: Range<Int>, upstream: Int) -> Bool {
        guard value.count >= 6, bytes.equals("bearer", ignoringCaseIn: value.lowerBound..<value.lowerBound + 6) else {
            return false
        }
        if access != .public { return true }
        // The control API reads its own tokens, and believes no other.
        if isControl(upstream) { return false }
        return isViewers(bytes.extracting(bytes.trimming(value.lowerBound + 6..<value.upperBound)))
    }

    /// The control API comes after the upstreams of the settings.
    private func isControl(_ upstream: Int) -> Bool { upstream == snapshot.settings.upstreams.count }

    private func isViewers(_ token: Span<UInt8>) -> Bool {
        worker.tokens.viewer(for: token, generation: snapshot.authority.generation) != nil
            || snapshot.authority.withholds(token)
    }
}
