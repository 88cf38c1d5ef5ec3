/// When a token is valid, in whole seconds since 1970.
///
/// A `NumericDate` may have a fraction ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)). It is
/// rounded so that the token is never valid for longer than it says: the end down, the beginnings up.
package struct Validity: Sendable, Equatable {
    package let expires: Int64?
    package let notBefore: Int64?
    package let issuedAt: Int64?

    package init(expires: Int64?, notBefore: Int64?, issuedAt: Int64?) {
        self.expires = expires
        self.notBefore = notBefore
        self.issuedAt = issuedAt
    }

    init(_ claims: Claims) throws(TokenFault) {
        expires = try Validity.seconds(claims, "exp", isEnd: true)
        notBefore = try Validity.seconds(claims, "nbf", isEnd: false)
        issuedAt = try Validity.seconds(claims, "iat", isEnd: false)
    }

    /// Checks that the token is valid at `now`.
    ///
    /// - Parameter leeway: how far the clocks may disagree, in seconds. A negative value counts as none.
    package func check(now: Int64, leeway: Int64, requireExpiry: Bool) throws(TokenFault) {
        let leeway = max(leeway, 0)
        if let expires {
            // A difference below the least `Int64` wraps to a late time, so the token is refused.
            guard now.subtractingReportingOverflow(leeway).partialValue < expires else { throw .expired }
        } else if requireExpiry {
            throw .expiryMissing
        }
        let latest = now.addingReportingOverflow(leeway)
        let horizon = latest.overflow ? Int64.max : latest.partialValue
        if let notBefore, notBefore > horizon { throw .notYetValid }
    }

    /// A `Double` represents every whole number up to 2⁵³. A time beyond that, or before 1970, is a mistake or an
    /// attack.
    private static func seconds(_ claims: Claims, _ name: String, isEnd: Bool) throws(TokenFault) -> Int64? {
        guard let number = try claims.number(name) else { return nil }
        guard number >= 0, number <= 0x1p53 else { throw .claim(name) }
        let whole = Int64(number)
        return isEnd || Double(whole) == number ? whole : whole + 1
    }
}
