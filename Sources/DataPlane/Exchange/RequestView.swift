/// One request while the bytes of its head are there: its start line, fields, target, query and cookies.
///
/// Valid only during the call that it is passed to. It refers to what was read from the head, so that it costs no more to
/// pass on than three pointers.
struct RequestView: ~Escapable {
    /// The whole head. All ranges count from its first byte.
    let bytes: Span<UInt8>
    private let parts: RequestParts

    /// - Parameter parts: what was read from `bytes`.
    @_lifetime(copy bytes)
    @inline(__always)
    init(_ bytes: Span<UInt8>, of parts: RequestParts) {
        self.bytes = bytes
        self.parts = parts
    }

    /// What it refers to, for a request that is not served at once.
    func copied() -> ([UInt8], RequestParts) { (bytes.copied(), RequestParts(headOf: parts)) }

    // MARK: The start line, and what follows from the fields

    var method: Method { parts.head.method }
    var methodName: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(parts.head.methodRange) }
    }
    var isHTTP10: Bool { parts.head.isHTTP10 }
    var framing: BodyFraming { parts.head.framing }
    /// Whether the client's connection may serve another request.
    var keepsAlive: Bool { parts.head.keepsAlive }
    var expectsContinue: Bool { parts.head.expectsContinue }
    /// Whether this is the handshake of a WebSocket.
    var isUpgrade: Bool { parts.head.isUpgrade }
    /// The authority that applies: the target's, or else that of `Host`.
    var authority: Span<UInt8>? {
        @_lifetime(copy self)
        get {
            guard let range = parts.head.authority else { return nil }
            return bytes.extracting(range)
        }
    }

    // MARK: Fields

    /// All fields, in order.
    @inline(__always)
    var fields: ContiguousArray<FieldBlock.Field> { parts.block.fields }

    /// Whether the head is larger or has more fields than that. An HTTP/2 request is measured as it is forwarded, in its
    /// HTTP/1 form.
    func exceeds(_ limits: RequestHead.Limits) -> Bool {
        bytes.count > limits.size || parts.block.fields.count > limits.count
    }

    @inline(__always)
    func contains(_ name: FieldName) -> Bool { parts.block.contains(name) }

    /// Whether exactly one field has this name.
    @inline(__always)
    func isSingle(_ name: FieldName) -> Bool { parts.block.isSingle(name) }

    /// The value of the first field with this name.
    @inline(__always)
    @_lifetime(copy self)
    func value(of name: FieldName) -> Span<UInt8>? {
        guard let range = parts.block.first(name) else { return nil }
        return bytes.extracting(range)
    }

    /// Whether the first field with this name has this value, ignoring case. `text` is in lower case.
    @inline(__always)
    func field(_ name: FieldName, is text: StaticString) -> Bool {
        guard let range = parts.block.first(name) else { return false }
        return bytes.equals(text, ignoringCaseIn: range)
    }

    /// The token of `Authorization: Bearer`. `nil` if it is empty or the scheme is another.
    var bearerToken: Range<Int>? {
        let scheme: StaticString = "bearer "
        guard let value = parts.block.first(.authorization) else { return nil }
        let start = value.lowerBound + scheme.utf8CodeUnitCount
        guard start < value.upperBound, bytes.equals(scheme, ignoringCaseIn: value.lowerBound..<start) else {
            return nil
        }
        let token = bytes.trimming(start..<value.upperBound)
        return token.isEmpty ? nil : token
    }

    /// The path and query of the `Referer` if it is on our own origin.
    @_lifetime(copy self)
    func refererTarget(on origin: [UInt8]) -> Span<UInt8>? {
        guard let referer = value(of: .referer), origin.count < referer.count,
            referer[origin.count] == UInt8(ascii: "/"), referer.equals(origin.span, in: 0..<origin.count)
        else { return nil }
        return referer.extracting(origin.count...)
    }

    // MARK: The target

    /// Path and query as they arrived.
    var target: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(parts.head.target) }
    }

    /// Judges the target. Everything below depends on it. Forgets what was found in an earlier request's query and
    /// cookies.
    func judgeTarget() throws(HeadFault) {
        parts.query.clear()
        parts.cookies.clear()
        try parts.target.judge(bytes, in: parts.head.target)
    }

    var path: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(parts.target.path) }
    }
    /// The path's segments, undecoded.
    var segments: ContiguousArray<Range<Int>> { parts.target.segments }
    /// Whether the path had doubled slashes, which are not forwarded.
    var isMerged: Bool { parts.target.isMerged }

    /// The route of the path. Throws for a path that an upstream could read as one of another route or event.
    func route(in routes: RouteTable) throws(HeadFault) -> RouteTable.Match? { try routes.match(bytes, parts.target) }

    /// Writes the path as it was judged, and the query unchanged except for our own members.
    func writeTarget(to head: inout ByteWriter) {
        if parts.query.removed.isEmpty, !isMerged {
            head.write(target)
        } else {
            parts.target.write(bytes, to: &head)
            writeQuery(to: &head)
        }
    }

    private func writeQuery(to head: inout ByteWriter) {
        guard let query = parts.target.query else { return }
        var separator = UInt8(ascii: "?")
        var start = query.lowerBound
        func keep(_ range: Range<Int>) {
            guard !range.isEmpty else { return }
            head.write(separator)
            head.write(bytes.extracting(range))
            separator = UInt8(ascii: "&")
        }
        for member in parts.query.removed {
            // Up to the `&` before the member. The rest begins after the `&` behind it.
            if member.lowerBound > start { keep(start..<member.lowerBound - 1) }
            start = min(member.upperBound + 1, query.upperBound)
        }
        keep(start..<query.upperBound)
    }

    /// The path and query without our own members, for a redirect.
    var location: String {
        var buffer = ByteBuffer()
        _ = buffer.write(atMost: bytes.count) { text in
            parts.target.write(bytes, to: &text)
            writeQuery(to: &text)
        }
        return String(decoding: buffer.span.copied(), as: UTF8.self)
    }

    // MARK: The query

    /// Without the question mark. `nil` if there is none.
    var query: Span<UInt8>? {
        @_lifetime(copy self)
        get {
            guard let range = parts.target.query else { return nil }
            return bytes.extracting(range)
        }
    }

    /// The decoded value of the query's first member of this name that has one.
    func member(_ name: StaticString) -> [UInt8]? {
        guard let query else { return nil }
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.count) ?? query.count
            let equals = query.firstIndex(of: UInt8(ascii: "="), from: start, to: end) ?? end
            if equals + 1 < end, query.equals(name, in: start..<equals) {
                return query.percentDecoded(equals + 1..<end)
            }
            start = end + 1
        }
        return nil
    }

    /// Finds the gateway's own members in the query, which are not forwarded.
    ///
    /// - Parameter takesJoinCodes: whether a join code is ours. Otherwise it is a member like any other.
    func scanQuery(tokenNames: [[UInt8]], takesJoinCodes: Bool = false) {
        parts.query.scan(bytes, in: parts.target.query, tokenNames: tokenNames, takesJoinCodes: takesJoinCodes)
    }

    /// The non-empty values of members named like tokens, in order.
    var tokens: ContiguousArray<Range<Int>> { parts.query.tokens }
    /// The value of the last ticket member.
    var ticket: Span<UInt8>? {
        @_lifetime(copy self)
        get {
            guard let range = parts.query.ticket else { return nil }
            return bytes.extracting(range)
        }
    }
    var hasTicket: Bool { parts.query.ticket != nil }
    /// The value of the first join code member.
    var joinCode: Range<Int>? { parts.query.joinCode }
    /// Members that are not forwarded, in order.
    var removedMembers: ContiguousArray<Range<Int>> { parts.query.removed }

    /// Keeps members in the query unless their values are ours. The ticket always is.
    ///
    /// - Parameter isOurs: judges a value as it stands in the query. Its second argument says whether the name is that
    ///   of join codes.
    func keepForeignMembers(isOurs: (Range<Int>, _ isJoinCode: Bool) -> Bool) {
        parts.query.keepOthers(bytes, isOurs: isOurs)
    }

    /// Finds the gateway's own members in the query of the `Referer`.
    func scanReferer(tokenNames: [[UInt8]], takesJoinCodes: Bool) {
        guard let referer = parts.block.first(.referer),
            let question = bytes.firstIndex(of: UInt8(ascii: "?"), from: referer.lowerBound, to: referer.upperBound)
        else {
            parts.referer.clear()
            return
        }
        parts.referer.scan(
            bytes,
            in: question + 1..<referer.upperBound,
            tokenNames: tokenNames,
            takesJoinCodes: takesJoinCodes
        )
    }

    /// Whether the `Referer` would give away a token, a ticket or a join code.
    var hasSecretInReferer: Bool { !parts.referer.removed.isEmpty }

    // MARK: Cookies

    /// Separates session cookies from the application's.
    ///
    /// - Parameter isSecure: whether browsers get here over TLS, which decides how our cookies are named.
    func scanCookies(isSecure: Bool) { parts.cookies.scan(bytes, parts.block, secure: isSecure) }

    /// The session cookies.
    var cookies: ContiguousArray<SessionCookies.Cookie> { parts.cookies.cookies }
    /// The application's cookies, which are forwarded.
    var otherCookies: ContiguousArray<Range<Int>> { parts.cookies.others }

    /// Forwards none of the application's cookies.
    func forgetOtherCookies() { parts.cookies.forgetOthers() }
}
