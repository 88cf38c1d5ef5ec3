import Admission

/// How session cookies are called and written.
///
/// The name ends in a short hash of the event, so that two events open in one browser do not overwrite each other.
struct CookieFormat: Sendable {
    /// Served to browsers over TLS. Clear text is for loopback only, where `__Host-` cookies would be refused.
    let isSecure: Bool

    /// Browsers keep cookies up to 4,096 octets, name and attributes included; a longer session is split.
    static let maxPart = 3800
    /// What all session cookies of a browser may take: engines keep 10 KiB for an embedding site, the application's own
    /// cookies among them.
    static let maxTotal = 6 << 10

    /// The eight hexadecimal digits that the name of an event's cookie ends in (32-bit FNV-1a: a name, not a secret).
    static func suffix(for event: Span<UInt8>) -> InlineArray<8, UInt8> {
        var hash: UInt32 = 0x811c_9dc5
        for index in event.indices { hash = (hash ^ UInt32(event[index])) &* 0x0100_0193 }
        return InlineArray { index in
            let digit = UInt8(hash >> UInt32(28 - 4 * index) & 15)
            return digit < 10 ? digit + 0x30 : digit + 0x57
        }
    }

    /// `Set-Cookie` for a session. Its value begins with the number of parts.
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

    /// Cookies that a session's text of this length takes.
    static func parts(of length: Int) -> Int { max(1, (length + maxPart - 1) / maxPart) }

    /// Octets that a session's text of this length takes in a `Cookie` field, about.
    static func size(of length: Int) -> Int { length + 40 * parts(of: length) }

    /// `Set-Cookie` that removes a cookie.
    ///
    /// - Parameter suffix: what its name ends in, as the browser sent it.
    func clearCookie(suffix: Span<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        appendName(suffix, to: &line)
        line.append(contentsOf: "=; Max-Age=0".utf8)
        appendAttributes(to: &line)
        return line
    }

    private func appendName(_ suffix: Span<UInt8>, to line: inout [UInt8]) {
        line.append(contentsOf: "Set-Cookie: ".utf8)
        line.append(contentsOf: (isSecure ? "__Host-gateway-session-" : "gateway-session-").utf8)
        for index in suffix.indices { line.append(suffix[index]) }
    }

    private func appendAttributes(to line: inout [UInt8]) {
        line.append(
            contentsOf: (isSecure
                ? "; Path=/; Secure; HttpOnly; SameSite=None; Partitioned\r\n" : "; Path=/; HttpOnly; SameSite=Lax\r\n")
                .utf8
        )
    }
}
