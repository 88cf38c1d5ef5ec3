import Admission

/// What a request shows to be let in, and where each part of it was.
///
/// Order of places: query, `Authorization: Bearer`, session cookie. The query wins over the cookie, but the cookie's
/// session still says whose visit it is: reloading a page with a link in it is no second join.
struct Credentials {
    enum Source {
        case query
        case authorization
        case cookie
    }

    enum Finding {
        case missing
        case conflict
        case malformed
        case found(Credentials)
    }

    var source: Source
    /// Where the token stands in the head; of a percent-encoded one, in `decoded`.
    var token: Range<Int>
    /// The token where the head does not hold it as it is.
    var decoded: [UInt8]?
    var session: PresentedSession?
    /// Whether the browser holds the cookie of this event with this very token.
    var isInCookie: Bool

    /// Octets of the token.
    @inline(__always)
    func withToken<Result>(_ bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Result) -> Result {
        if let decoded { return body(decoded.span) }
        return body(bytes.extracting(token))
    }

    /// Finds the credentials of the request in the worker's scratch space.
    ///
    /// - Parameter event: the event that counts for choosing a cookie, if any.
    static func find(_ bytes: Span<UInt8>, worker: Worker, event: Span<UInt8>?) -> Finding {
        guard !worker.queryMembers.isConflicting else { return .conflict }
        var query = worker.queryMembers.token
        var decoded: [UInt8]?
        if let range = query, bytes.firstIndex(of: .percent, from: range.lowerBound, to: range.upperBound) != nil {
            decoded = bytes.percentDecoded(range)
        }
        var bearer: Range<Int>?
        switch self.bearer(bytes, worker.requestHead.block) {
        case .success(let range): bearer = range
        case .failure: return .malformed
        }
        if let query, let bearer {
            let isSame =
                decoded.map { bytes.equals($0.span, in: bearer) } ?? bytes.equals(bytes.extracting(query), in: bearer)
            guard isSame else { return .conflict }
        }
        let cookie = self.cookie(bytes, worker.sessionCookies, event: event)
        if bearer != nil, query == nil {
            query = bearer
        }
        guard let token = query else {
            guard let cookie else { return .missing }
            return .found(
                Credentials(
                    source: .cookie,
                    token: cookie.token,
                    decoded: nil,
                    session: cookie.session,
                    isInCookie: true
                )
            )
        }
        let header = session(bytes, worker.requestHead.block)
        let isInCookie =
            cookie.map { cookie in
                decoded.map { bytes.equals($0.span, in: cookie.token) }
                    ?? bytes.equals(bytes.extracting(token), in: cookie.token)
            } ?? false
        return .found(
            Credentials(
                source: worker.queryMembers.token != nil ? .query : .authorization,
                token: token,
                decoded: decoded,
                session: header ?? cookie?.session,
                isInCookie: isInCookie
            )
        )
    }

    private struct Malformed: Error {}

    /// The token of `Authorization: Bearer`; other schemes are the upstream's.
    private static func bearer(_ bytes: Span<UInt8>, _ block: FieldBlock) -> Result<Range<Int>?, Malformed> {
        guard let value = block.first(.authorization) else { return .success(nil) }
        guard block.isSingle(.authorization) else { return .failure(Malformed()) }
        guard value.count > 7, bytes.equals("bearer ", ignoringCaseIn: value.lowerBound..<value.lowerBound + 7) else {
            return .success(nil)
        }
        let token = bytes.trimming(value.lowerBound + 7..<value.upperBound)
        return .success(token.isEmpty ? nil : token)
    }

    /// The session that an API client sends.
    private static func session(_ bytes: Span<UInt8>, _ block: FieldBlock) -> PresentedSession? {
        guard let value = block.first(.gatewaySession), block.isSingle(.gatewaySession) else { return nil }
        return PresentedSession(text: bytes.extracting(value))
    }

    private struct CookieValue {
        var session: PresentedSession
        var token: Range<Int>
    }

    /// The cookie that counts: the event's own; without it, or where no event is known, the one joined last.
    private static func cookie(_ bytes: Span<UInt8>, _ cookies: SessionCookies, event: Span<UInt8>?) -> CookieValue? {
        guard !cookies.cookies.isEmpty else { return nil }
        var latest: CookieValue?
        var suffix: InlineArray<8, UInt8>?
        if let event { suffix = CookieFormat.suffix(for: event) }
        for cookie in cookies.cookies {
            guard let value = read(bytes, cookie.value) else { continue }
            if let suffix, bytes.equals(suffix.span, in: cookie.event) { return value }
            if value.session.id.joinedAt > latest?.session.id.joinedAt ?? .min { latest = value }
        }
        return latest
    }

    /// `session "." token`
    private static func read(_ bytes: Span<UInt8>, _ value: Range<Int>) -> CookieValue? {
        let dot = value.lowerBound + PresentedSession.length
        guard dot + 1 < value.upperBound, bytes[dot] == UInt8(ascii: "."),
            let session = PresentedSession(text: bytes.extracting(value.lowerBound..<dot))
        else { return nil }
        return CookieValue(session: session, token: dot + 1..<value.upperBound)
    }
}
