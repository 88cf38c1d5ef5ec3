import Testing

@testable import DataPlane

@Suite("Session cookies among others")
struct SessionCookiesTests {
    private func scan(_ lines: String, secure: Bool = true) throws -> (cookies: [[String]], others: [String]) {
        let (bytes, block) = try fields(lines)
        var cookies = SessionCookies()
        let earlier = try fields("Cookie: __Host-gateway-session-old=1; x=y\r\n")
        cookies.scan(earlier.bytes.span, earlier.block, secure: true)
        cookies.scan(bytes.span, block, secure: secure)
        return (
            cookies.cookies.map { [text(bytes[$0.event]), text(bytes[$0.value])] },
            cookies.others.map { text(bytes[$0]) }
        )
    }

    @Test(
        "Ours are removed, and the rest stays unchanged and in order",
        arguments: [
            ("", [], []), ("Cookie: a=b\r\n", [], ["a=b"]), ("Cookie: a=b; c=d\r\n", [], ["a=b", "c=d"]),
            ("Cookie: __Host-gateway-session-0a=s.t\r\n", [["0a", "s.t"]], []),
            ("Cookie: a=b; __Host-gateway-session-0a=s.t; c=d\r\n", [["0a", "s.t"]], ["a=b", "c=d"]),
            ("Cookie: a=b;__Host-gateway-session-0a=s.t;c=d\r\n", [["0a", "s.t"]], ["a=b", "c=d"]),
            ("Cookie: a=1\r\nCookie: __Host-gateway-session-1=x\r\ncookie: b=2\r\n", [["1", "x"]], ["a=1", "b=2"]),
            ("Cookie: __Host-gateway-session-1=x; __Host-gateway-session-2=y\r\n", [["1", "x"], ["2", "y"]], []),
            ("Cookie: ; ;a=b;;\r\n", [], ["a=b"]), ("Cookie: \t a=b \t;\t c \r\n", [], ["a=b", "c"]),
            ("Cookie: a=\"b c\"; d==e\r\n", [], ["a=\"b c\"", "d==e"]),
            ("Cookie: __Host-gateway-session-1=a=b\r\n", [["1", "a=b"]], []),
            ("Cookie: __Host-gateway-session-=v\r\n", [["", "v"]], []),
            (
                "Cookie: gateway-session=x; __Host-gateway-sessio-1=y\r\n", [],
                ["gateway-session=x", "__Host-gateway-sessio-1=y"]
            ),
            ("Cookie: a=__Host-gateway-session-1=x\r\n", [], ["a=__Host-gateway-session-1=x"]),
        ]
    )
    func taken(_ lines: String, _ cookies: [[String]], _ others: [String]) throws {
        let found = try scan(lines)
        #expect(found.cookies == cookies)
        #expect(found.others == others)
    }

    @Test("Only this listener's spelling counts, and neither spelling goes to the upstream", arguments: [true, false])
    func spelling(_ secure: Bool) throws {
        let found = try scan("Cookie: gateway-session-1=p; x=y; __Host-gateway-session-1=h\r\n", secure: secure)
        #expect(found.cookies == [["1", secure ? "h" : "p"]])
        #expect(found.others == ["x=y"])
    }

    @Test("Attack: a spelling in another case does not carry a session cookie past the gateway")
    func otherCase() throws {
        let found = try scan("Cookie: __HOST-Gateway-Session-1=x; GATEWAY-SESSION-1=y; a=b\r\n")
        #expect(found.others == ["a=b"])
    }

    @Test("A name without a value is not a session and is not forwarded")
    func noValue() throws {
        let found = try scan("Cookie: __Host-gateway-session-1; a\r\n")
        #expect(found.cookies == [])
        #expect(found.others == ["a"])
    }

    @Test("Attack: of a thousand session cookies, not all are examined, and none is forwarded")
    func many() throws {
        let pairs = (0..<1000).map { "__Host-gateway-session-\($0)=x" }.joined(separator: "; ")
        let (bytes, block) = try fieldsOfAnySize("Cookie: \(pairs); a=b\r\n")
        var cookies = SessionCookies()
        cookies.scan(bytes.span, block, secure: true)
        #expect(cookies.cookies.count == SessionCookies.maxCount)
        #expect(cookies.others.map { text(bytes[$0]) } == ["a=b"])
    }

    private func fieldsOfAnySize(_ lines: String) throws -> ([UInt8], FieldBlock) {
        let judged = try judge(request(lines), limits: .init(size: 1 << 20, count: 100)).get()
        return (judged.bytes, judged.head.block)
    }
}
