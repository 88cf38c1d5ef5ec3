import Testing

@testable import DataPlane

@Suite("Session cookies as they are written")
struct CookieFormatTests {
    @Test(
        "A cookie is named by the 32-bit FNV-1a hash of its event",
        arguments: [("", "811c9dc5"), ("a", "e40c292c"), ("b", "e70c2de5"), ("foobar", "bf9cf968")]
    )
    func suffix(_ event: String, _ expected: String) {
        let event = octets(event)
        let suffix = CookieFormat.suffix(for: event.span)
        #expect(text(suffix.indices.map { suffix[$0] }) == expected)
    }

    @Test("Over TLS it is bound to the host, hidden from scripts and partitioned by the embedding site")
    func secure() {
        let (event, token) = (octets("foobar"), octets("tok"))
        let line = CookieFormat(isSecure: true).setCookie(event: event.span, session: octets("ses"), token: token.span)
        #expect(
            text(line)
                == "Set-Cookie: __Host-gateway-session-bf9cf968=ses.tok; Path=/; Secure; HttpOnly; SameSite=None; Partitioned\r\n"
        )
    }

    @Test("In clear text it has no prefix that a browser would refuse")
    func clear() {
        let (event, token) = (octets("foobar"), octets("tok"))
        let line = CookieFormat(isSecure: false).setCookie(event: event.span, session: octets("ses"), token: token.span)
        #expect(text(line) == "Set-Cookie: gateway-session-bf9cf968=ses.tok; Path=/; HttpOnly; SameSite=Lax\r\n")
    }

    @Test("Removing it names the same cookie with the same attributes", arguments: [true, false])
    func clearing(_ isSecure: Bool) {
        let (event, token) = (octets("e1"), octets(""))
        let format = CookieFormat(isSecure: isSecure)
        let set = text(format.setCookie(event: event.span, session: [], token: token.span))
        #expect(text(format.clearCookie(event: event.span)) == set.replacing("=.;", with: "=; Max-Age=0;"))
    }

    @Test("The largest value that is set fits with its name and attributes into what browsers keep")
    func size() {
        let event = octets("e1")
        let token = [UInt8](repeating: 0x61, count: CookieFormat.maxValueSize - 53)
        let session = [UInt8](repeating: 0x62, count: 52)
        let line = CookieFormat(isSecure: true).setCookie(event: event.span, session: session, token: token.span)
        #expect(line.count - octets("Set-Cookie: \r\n").count <= 4096)
    }

    @Test(
        "What is set comes back as the cookie of that event",
        arguments: [true, false],
        ["e1", "", "caf\u{e9} /;=", "E1"]
    )
    func roundTrip(_ isSecure: Bool, _ event: String) throws {
        let (event, token) = (octets(event), octets("eyJh.eyJi.c-_"))
        let line = CookieFormat(isSecure: isSecure).setCookie(
            event: event.span,
            session: octets("ses"),
            token: token.span
        )
        let pair = text(line.dropFirst(octets("Set-Cookie: ").count).prefix { $0 != UInt8(ascii: ";") })
        let (octets, block) = try fields("Cookie: theme=dark; \(pair)\r\n")
        var cookies = SessionCookies()
        cookies.scan(octets.span, block, secure: isSecure)
        let found = try #require(cookies.cookies.first)
        let suffix = CookieFormat.suffix(for: event.span)
        let isThisEvent = octets.span.equals(suffix.span, in: found.event)
        #expect(isThisEvent)
        #expect(text(octets[found.value]) == "ses.eyJh.eyJi.c-_")
        #expect(cookies.others.map { text(octets[$0]) } == ["theme=dark"])
    }
}
