import Basics

/// The session cookies of a request, and what remains of its `Cookie` fields without them.
package struct SessionCookies: Sendable {
    /// One session cookie.
    package struct Cookie: Sendable {
        /// The end of its name: the hash of its event, and for a later part of a long cookie, `-` and its number.
        package var suffix: Range<Int>
        package var value: Range<Int>

        /// The hash of the event.
        package var event: Range<Int> { suffix.lowerBound..<min(suffix.upperBound, suffix.lowerBound + 8) }
        /// Whether it is, or may be, a whole session or its first part.
        package var isFirst: Bool { suffix.count <= 8 }

        /// The number of a part after the first.
        func part(_ bytes: Span<UInt8>) -> Int? {
            guard suffix.count == 10, bytes[suffix.upperBound - 2] == UInt8(ascii: "-"),
                bytes[suffix.upperBound - 1].isDigit
            else { return nil }
            return Int(bytes[suffix.upperBound - 1] - UInt8(ascii: "0"))
        }

        /// Whether the name is one that the gateway gives, and may be written into a field.
        func isNamed(_ bytes: Span<UInt8>) -> Bool {
            guard suffix.count == 8 || part(bytes) != nil else { return false }
            return event.allSatisfy { bytes[$0].hexValue != nil }
        }
    }

    package private(set) var cookies: ContiguousArray<Cookie> = []
    /// Pairs to forward.
    package private(set) var others: ContiguousArray<Range<Int>> = []

    /// Forwards none of the application's own cookies.
    package mutating func forgetOthers() { others.removeAll(keepingCapacity: true) }

    /// Ignore further session cookies in one request.
    static let maxCount = 64
    private static let plainName = CookieFormat.name(isSecure: false)
    /// In lower case, for comparing without it.
    private static let hostName: StaticString = "__host-gateway-session-"

    package init() {}

    /// Forgets an earlier request's cookies.
    mutating func clear() {
        if !cookies.isEmpty { cookies.removeAll(keepingCapacity: true) }
        if !others.isEmpty { others.removeAll(keepingCapacity: true) }
    }

    package mutating func scan(_ bytes: Span<UInt8>, _ block: FieldBlock, secure: Bool) {
        clear()
        guard block.contains(.cookie) else { return }
        for field in block.fields where field.name == .cookie {
            bytes.forEachPart(of: field.value, separatedBy: UInt8(ascii: ";")) { pair in
                if !pair.isEmpty { read(bytes, pair, secure) }
            }
        }
    }

    private mutating func read(_ bytes: Span<UInt8>, _ pair: Range<Int>, _ secure: Bool) {
        let isHost = bytes.begins(with: Self.hostName, in: pair)
        guard isHost || bytes.begins(with: Self.plainName, in: pair) else {
            others.append(pair)
            return
        }
        // Never forward a session cookie of either spelling. The one that this listener uses counts. Browsers protect
        // `__Host-` in this spelling only.
        let name = CookieFormat.name(isSecure: secure)
        let end = pair.lowerBound + name.utf8CodeUnitCount
        guard isHost == secure, bytes.equals(name, in: pair.lowerBound..<end), cookies.count < Self.maxCount,
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: end, to: pair.upperBound)
        else { return }
        cookies.append(Cookie(suffix: end..<equals, value: equals + 1..<pair.upperBound))
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `range` begin with `name`, ignoring case.
    fileprivate func begins(with name: StaticString, in range: Range<Int>) -> Bool {
        let length = name.utf8CodeUnitCount
        return range.count >= length && equals(name, ignoringCaseIn: range.lowerBound..<range.lowerBound + length)
    }
}

extension FieldBlock.Field {
    /// Whether a `Set-Cookie` would make browsers send a session cookie. Matches its name in any case and with any
    /// prefix, and a nameless cookie whose value reads as one
    /// ([RFC 6265bis](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis)).
    func setsSessionCookie(_ bytes: Span<UInt8>) -> Bool {
        guard name == .setCookie else { return false }
        var start = value.lowerBound
        while start < value.upperBound,
            bytes[start] == .space || bytes[start] == .tab || bytes[start] == UInt8(ascii: "=")
        {
            start += 1
        }
        func skip(_ text: StaticString) -> Bool {
            let end = start + text.utf8CodeUnitCount
            guard end <= value.upperBound, bytes.equals(text, ignoringCaseIn: start..<end) else { return false }
            start = end
            return true
        }
        if !skip("__host-") { _ = skip("__secure-") }
        return skip("gateway-session-")
    }
}
