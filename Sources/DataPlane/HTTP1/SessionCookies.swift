/// The session cookies of a request, and what is left of its `Cookie` fields without them.
package struct SessionCookies: Sendable {
    /// One session cookie.
    package struct Cookie: Sendable {
        /// What its name ends in: the hash of its event, and for all but the first part of a long one, `-` and its number.
        package var suffix: Range<Int>
        package var value: Range<Int>

        /// The hash of the event.
        package var event: Range<Int> { suffix.lowerBound..<min(suffix.upperBound, suffix.lowerBound + 8) }
        /// Whether it is, or may be, all of a session or its beginning.
        package var isFirst: Bool { suffix.count <= 8 }

        /// The number of a part behind the first.
        func part(_ bytes: Span<UInt8>) -> Int? {
            guard suffix.count == 10, bytes[suffix.upperBound - 2] == UInt8(ascii: "-"),
                bytes[suffix.upperBound - 1].isDigit
            else { return nil }
            return Int(bytes[suffix.upperBound - 1] - UInt8(ascii: "0"))
        }

        /// Whether the name is one that we give, and may be written into a field.
        func isNamed(_ bytes: Span<UInt8>) -> Bool {
            guard suffix.count == 8 || part(bytes) != nil else { return false }
            return event.allSatisfy { bytes[$0].hexValue != nil }
        }
    }

    package private(set) var cookies: ContiguousArray<Cookie> = []
    /// Pairs that are forwarded.
    package private(set) var others: ContiguousArray<Range<Int>> = []

    /// Nothing of the application's own is forwarded.
    package mutating func forgetOthers() { others.removeAll(keepingCapacity: true) }

    /// More session cookies than this in one request are not looked at.
    static let maxCount = 64
    private static func exactName(secure: Bool) -> StaticString {
        secure ? "__Host-gateway-session-" : "gateway-session-"
    }

    private static let plainName: StaticString = "gateway-session-"
    private static let hostName: StaticString = "__host-gateway-session-"

    package init() {}

    package mutating func scan(_ bytes: Span<UInt8>, _ block: FieldBlock, secure: Bool) {
        cookies.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        guard block.contains(.cookie) else { return }
        for field in block.fields where field.name == .cookie {
            var start = field.value.lowerBound
            while start < field.value.upperBound {
                let end =
                    bytes.firstIndex(of: UInt8(ascii: ";"), from: start, to: field.value.upperBound)
                    ?? field.value.upperBound
                let pair = bytes.trimming(start..<end)
                if !pair.isEmpty { read(bytes, pair, secure) }
                start = end + 1
            }
        }
    }

    private mutating func read(_ bytes: Span<UInt8>, _ pair: Range<Int>, _ secure: Bool) {
        for (name, counts) in [(Self.hostName, secure), (Self.plainName, !secure)] {
            let end = pair.lowerBound + name.utf8CodeUnitCount
            guard end <= pair.upperBound, bytes.equals(name, ignoringCaseIn: pair.lowerBound..<end) else { continue }
            // A session cookie of either spelling is never forwarded; the one of this listener's spelling counts.
            // Browsers guard `__Host-` in this spelling only.
            let isExact = bytes.equals(Self.exactName(secure: secure), in: pair.lowerBound..<end)
            guard counts, isExact, cookies.count < Self.maxCount,
                let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: end, to: pair.upperBound)
            else { return }
            cookies.append(Cookie(suffix: end..<equals, value: equals + 1..<pair.upperBound))
            return
        }
        others.append(pair)
    }
}

extension FieldBlock.Field {
    /// Whether a `Set-Cookie` would have browsers send a session cookie. Its name counts in any case, with any prefix, and
    /// where the cookie has no name but a value that reads as one
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
