import Admission

/// How session cookies are called and written.
///
/// The name ends in a short hash of the event, so that two events open in one browser do not overwrite each other.
struct CookieFormat: Sendable {
    /// Served to browsers over TLS. Clear text is for loopback only, where `__Host-` cookies would be refused.
    let isSecure: Bool

    /// Browsers keep cookies up to 4096 octets, name and attributes included.
    static let maxValueSize = 3840

    /// The eight hexadecimal digits that the name of an event's cookie ends in (32-bit FNV-1a: a name, not a secret).
    static func suffix(for event: Span<UInt8>) -> InlineArray<8, UInt8> {
        var hash: UInt32 = 0x811c_9dc5
        for index in event.indices { hash = (hash ^ UInt32(event[index])) &* 0x0100_0193 }
        return InlineArray { index in
            let digit = UInt8(hash >> UInt32(28 - 4 * index) & 15)
            return digit < 10 ? digit + 0x30 : digit + 0x57
        }
    }

    /// `Set-Cookie` for a session joined with a token.
    func setCookie(event: Span<UInt8>, session: [UInt8], token: Span<UInt8>) -> [UInt8] {
        var line = Array("Set-Cookie: ".utf8)
        line.reserveCapacity(160 + session.count + token.count)
        appendName(event, to: &line)
        line.append(contentsOf: session)
        line.append(UInt8(ascii: "."))
        for index in token.indices { line.append(token[index]) }
        appendAttributes(to: &line)
        return line
    }

    /// `Set-Cookie` that removes an event's cookie.
    func clearCookie(event: Span<UInt8>) -> [UInt8] {
        var line = Array("Set-Cookie: ".utf8)
        appendName(event, to: &line)
        line.append(contentsOf: "; Max-Age=0".utf8)
        appendAttributes(to: &line)
        return line
    }

    private func appendName(_ event: Span<UInt8>, to line: inout [UInt8]) {
        line.append(contentsOf: (isSecure ? "__Host-gateway-session-" : "gateway-session-").utf8)
        let suffix = Self.suffix(for: event)
        for index in suffix.indices { line.append(suffix[index]) }
        line.append(UInt8(ascii: "="))
    }

    private func appendAttributes(to line: inout [UInt8]) {
        line.append(
            contentsOf: (isSecure
                ? "; Path=/; Secure; HttpOnly; SameSite=None; Partitioned\r\n" : "; Path=/; HttpOnly; SameSite=Lax\r\n")
                .utf8
        )
    }
}
