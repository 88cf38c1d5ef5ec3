import Basics

/// How session cookies are named and written.
///
/// The name ends in a short hash of the event, so that two events open in one browser do not overwrite each other's
/// cookie.
struct CookieFormat: Sendable {
    /// Whether browsers get here over TLS. Plaintext is for loopback only, where browsers would refuse `__Host-`
    /// cookies.
    let isSecure: Bool

    /// Browsers keep cookies of up to 4,096 bytes, including name and attributes. A longer session is split.
    static let maxPart = 3800
    /// The most bytes for all session cookies of a browser. Engines keep 10 KiB for an embedding site, including the
    /// application's own cookies.
    static let maxTotal = 6 << 10

    /// The part of every session cookie's name before its event's.
    static func name(isSecure: Bool) -> StaticString { isSecure ? "__Host-gateway-session-" : "gateway-session-" }

    /// The eight hexadecimal digits at the end of an event's cookie name (32-bit FNV-1a: a name, not a secret).
    static func suffix(for event: Span<UInt8>) -> InlineArray<8, UInt8> {
        var hash: UInt32 = 0x811c_9dc5
        for index in event.indices { hash = (hash ^ UInt32(event[index])) &* 0x0100_0193 }
        return InlineArray { index in UInt8(hexDigit: UInt8(truncatingIfNeeded: hash >> UInt32(28 - 4 * index))) }
    }

    /// The `Set-Cookie` line or lines of a session. The value begins with the number of parts.
    func setCookie(event: Span<UInt8>, session: [UInt8]) -> [UInt8] {
        let parts = Self.parts(of: session.count)
        var lines: [UInt8] = []
        lines.reserveCapacity(session.count + 160 * parts)
        let suffix = Self.suffix(for: event)
        for part in 0..<parts {
            appendName(suffix.span, to: &lines)
            if part > 0 { lines.append(contentsOf: "-\(part)".utf8) }
            lines.append(UInt8(ascii: "="))
            if part == 0 { lines.append(UInt8(ascii: "0") + UInt8(parts)) }
            lines.append(contentsOf: session[part * Self.maxPart..<min((part + 1) * Self.maxPart, session.count)])
            appendAttributes(to: &lines)
        }
        return lines
    }

    /// How many cookies a session's text of this length takes.
    static func parts(of length: Int) -> Int { max(1, (length + maxPart - 1) / maxPart) }

    /// Roughly how many bytes a session's text of this length takes in a `Cookie` field.
    static func size(of length: Int) -> Int { length + 40 * parts(of: length) }

    /// The `Set-Cookie` line that removes a cookie.
    ///
    /// - Parameter suffix: the end of its name, as the browser sent it.
    func clearCookie(suffix: Span<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        appendName(suffix, to: &line)
        line.append(contentsOf: "=; Max-Age=0".utf8)
        appendAttributes(to: &line)
        return line
    }

    private func appendName(_ suffix: Span<UInt8>, to line: inout [UInt8]) {
        line.append(contentsOf: "Set-Cookie: ".utf8)
        line.append(literal: Self.name(isSecure: isSecure))
        line.append(suffix)
    }

    private func appendAttributes(to line: inout [UInt8]) {
        line.append(
            contentsOf: (isSecure
                ? "; Path=/; Secure; HttpOnly; SameSite=None; Partitioned\r\n" : "; Path=/; HttpOnly; SameSite=Lax\r\n")
                .utf8
        )
    }
}
