import Testing

@testable import DataPlane

@Suite("The format of session cookies")
struct CookieFormatTests {
    @Test(
        "A cookie is named by the 32-bit FNV-1a hash of its event",
        arguments: [("", "811c9dc5"), ("a", "e40c292c"), ("b", "e70c2de5"), ("foobar", "bf9cf968")]
    )
    func suffix(_ event: String, _ expected: String) {
        let event = bytes(event)
        let suffix = CookieFormat.suffix(for: event.span)
        #expect(text(suffix.indices.map { suffix[$0] }) == expected)
    }

    @Test("Over TLS it is bound to the host, hidden from scripts and partitioned by the embedding site")
    func secure() {
        let event = bytes("foobar")
        let line = CookieFormat(isSecure: true).setCookie(event: event.span, session: bytes("ses"))
        #expect(
            text(line)
                == "Set-Cookie: __Host-gateway-session-bf9cf968=1ses; Path=/; Secure; HttpOnly; SameSite=None; Partitioned\r\n"
        )
    }

    @Test("In plaintext it has no prefix that a browser would refuse")
    func clear() {
        let event = bytes("foobar")
        let line = CookieFormat(isSecure: false).setCookie(event: event.span, session: bytes("ses"))
        #expect(text(line) == "Set-Cookie: gateway-session-bf9cf968=1ses; Path=/; HttpOnly; SameSite=Lax\r\n")
    }

    @Test("Removing it names the same cookie with the same attributes", arguments: [true, false])
    func clearing(_ isSecure: Bool) {
        let event = bytes("e1")
        let format = CookieFormat(isSecure: isSecure)
        let set = text(format.setCookie(event: event.span, session: []))
        let suffix = CookieFormat.suffix(for: event.span)
        #expect(text(format.clearCookie(suffix: suffix.span)) == set.replacing("=1;", with: "=; Max-Age=0;"))
    }

    @Test("A long session is split into cookies that browsers keep", arguments: [1, 3799, 3800, 3801, 7600, 10_000])
    func size(_ length: Int) throws {
        let event = bytes("e1")
        let session = (0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let lines = text(CookieFormat(isSecure: true).setCookie(event: event.span, session: session))
            .split(separator: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count - "Set-Cookie: ".utf8.count <= 4096 })
        let values = try lines.map { line in
            let start = try #require(line.firstIndex(of: "="))
            return line[line.index(after: start)...].prefix { $0 != ";" }
        }
        #expect(values.first?.first == Character("\(lines.count)"))
        #expect(values.joined().dropFirst() == text(session)[...])
        let names = lines.map { $0.prefix { $0 != "=" } }
        #expect(names.dropFirst().enumerated().allSatisfy { $1 == "\(names[0])-\($0 + 1)" })
    }

    @Test(
        "A cookie that was set comes back as the cookie of that event",
        arguments: [true, false],
        ["e1", "", "caf\u{e9} /;=", "E1"]
    )
    func roundTrip(_ isSecure: Bool, _ event: String) throws {
        let event = bytes(event)
        let line = CookieFormat(isSecure: isSecure).setCookie(event: event.span, session: bytes("se-_s"))
        let pair = text(line.dropFirst(bytes("Set-Cookie: ").count).prefix { $0 != UInt8(ascii: ";") })
        let (bytes, block) = try fields("Cookie: theme=dark; \(pair)\r\n")
        var cookies = SessionCookies()
        cookies.scan(bytes.span, block, secure: isSecure)
        let found = try #require(cookies.cookies.first)
        let suffix = CookieFormat.suffix(for: event.span)
        let isThisEvent = bytes.span.equals(suffix.span, in: found.event)
        #expect(isThisEvent)
        #expect(text(bytes[found.value]) == "1se-_s")
        #expect(cookies.others.map { text(bytes[$0]) } == ["theme=dark"])
    }
}
