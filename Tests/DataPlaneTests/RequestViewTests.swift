import Testing

@testable import DataPlane

@Suite("The view of a request")
struct RequestViewTests {
    private static let tokenNames = [bytes("token"), bytes("jwt")]

    private static func text(_ span: Span<UInt8>?) -> String? {
        guard let span else { return nil }
        return DataPlaneTests.text(span.copied())
    }

    /// What `read` sees of a request with these field lines.
    private func see<Result>(
        _ lines: String = "",
        line: String = "GET / HTTP/1.1",
        _ read: (RequestView) throws -> Result
    ) throws -> Result {
        try withView(request(lines, line: line), RequestParts(), read)
    }

    @Test("The start line, the target and its parts are as they arrived")
    func startLine() throws {
        let line = "PATCH /a/b%20c?x=1&y HTTP/1.1"
        #expect(try see(line: line) { Self.text($0.methodName) } == "PATCH")
        #expect(try see(line: line) { Self.text($0.target) } == "/a/b%20c?x=1&y")
        #expect(try see(line: line) { Self.text($0.path) } == "/a/b%20c")
        #expect(try see(line: line) { Self.text($0.query) } == "x=1&y")
        #expect(
            try see(line: line) { request in request.segments.map { Self.text(request.bytes.extracting($0)) } } == [
                "a", "b%20c",
            ]
        )
        #expect(try see { Self.text($0.query) } == nil)
        #expect(try see(line: "GET /? HTTP/1.1") { Self.text($0.query) } == "")
    }

    @Test("The authority is the target's, and otherwise that of Host")
    func authority() throws {
        #expect(try see { Self.text($0.authority) } == "gateway.example")
        #expect(try see(line: "GET http://other.example/a HTTP/1.1") { Self.text($0.authority) } == "other.example")
        #expect(try see(line: "GET http://other.example/a?b HTTP/1.1") { Self.text($0.path) } == "/a")
    }

    @Test("A field's value is that of the first with its name; other requests leave nothing behind")
    func values() throws {
        let lines = "Origin: https://a\r\norigin: https://b\r\nAccept:  text/html \r\n"
        #expect(try see(lines) { Self.text($0.value(of: .origin)) } == "https://a")
        #expect(try see(lines) { Self.text($0.value(of: .accept)) } == "text/html")
        #expect(try see(lines) { Self.text($0.value(of: .referer)) } == nil)
        #expect(
            try see(lines) { [$0.contains(.origin), $0.isSingle(.origin), $0.isSingle(.accept)] } == [
                true, false, true,
            ]
        )
        #expect(try see(lines) { $0.field(.accept, is: "text/html") && !$0.field(.referer, is: "") })
        let parts = RequestParts()
        try withView(request(lines + "Cookie: a=b\r\n", line: "GET /?token=x HTTP/1.1"), parts) { request in
            request.scanQuery(tokenNames: Self.tokenNames)
            request.scanCookies(isSecure: true)
        }
        try withView(request(), parts) { request in
            let found = (request.tokens.count, request.removedMembers.count, request.otherCookies.count)
            let hasOrigin = request.contains(.origin)
            #expect(found == (0, 0, 0) && !hasOrigin)
        }
    }

    @Test(
        "The bearer token, without blanks",
        arguments: [
            ("Bearer abc", "abc"), ("bEARER \t abc ", "abc"), ("Bearer", nil), ("Bearer  ", nil), ("Basic abc", nil),
            ("Bearerabc", nil), ("", nil),
        ] as [(String, String?)]
    )
    func bearer(_ value: String, _ token: String?) throws {
        let found = try see("Authorization: \(value)\r\n") { request in
            request.bearerToken.flatMap { Self.text(request.bytes.extracting($0)) }
        }
        #expect(found == token)
    }

    @Test(
        "A Referer counts only on our own origin, and not on one that merely begins like it",
        arguments: [
            ("https://own.example/event/e1?a", "/event/e1?a"), ("https://own.example/", "/"),
            ("https://own.example", nil), ("https://own.example.evil/event/e1", nil), ("https://own.example:1/a", nil),
            ("https://own.example@evil/a", nil), ("http://own.example/a", nil), ("", nil),
        ] as [(String, String?)]
    )
    func referer(_ value: String, _ target: String?) throws {
        let own = bytes("https://own.example")
        #expect(try see("Referer: \(value)\r\n") { Self.text($0.refererTarget(on: own)) } == target)
    }

    @Test(
        "The target is forwarded without our members and doubled slashes, and otherwise unchanged",
        arguments: [
            ("/a?token=x", "/a"), ("/a?b=1&token=x&c", "/a?b=1&c"), ("/a?token=x&b", "/a?b"), ("/a?b&jwt=", "/a?b"),
            ("//a//?b", "/a/?b"), ("//a?token=1&jwt=2", "/a"), ("/a?", "/a?"), ("/a?b&&c=%20", "/a?b&&c=%20"),
            ("/a?gateway-ticket=1&b", "/a?b"),
        ]
    )
    func target(_ target: String, _ forwarded: String) throws {
        let written = try see(line: "GET \(target) HTTP/1.1") { request in
            request.scanQuery(tokenNames: Self.tokenNames)
            var buffer = ByteBuffer()
            _ = buffer.write(atMost: 100) { request.writeTarget(to: &$0) }
            return DataPlaneTests.text(buffer.contents)
        }
        #expect(written == forwarded)
    }

    @Test("A member's value is decoded, and that of the first with this name that has one")
    func member() throws {
        let line = "GET /?event=&events=1&event=a%20b&event=c HTTP/1.1"
        #expect(try see(line: line) { $0.member("event") } == bytes("a b"))
        #expect(try see(line: line) { $0.member("even") } == nil)
        #expect(try see { $0.member("event") } == nil)
    }

    @Test(
        "A secret in the Referer's query is found",
        arguments: [
            ("https://a/?token=x", true), ("https://a/?b&gateway-ticket=", true), ("https://a/token=x", false),
            ("https://a/?b", false), ("", false),
        ]
    )
    func secretInReferer(_ referer: String, _ isSecret: Bool) throws {
        let found = try see("Referer: \(referer)\r\n") { request in
            request.scanReferer(tokenNames: Self.tokenNames, takesJoinCodes: false)
            return request.hasSecretInReferer
        }
        #expect(found == isSecret)
    }

    @Test("Session cookies are apart from the application's")
    func cookies() throws {
        let lines = "Cookie: a=b; __Host-gateway-session-0011aabb=1x; gateway-session-0011aabb=1y\r\nCookie: c\r\n"
        try see(lines) { request in
            request.scanCookies(isSecure: true)
            let bytes = request.bytes
            let values = request.cookies.map { Self.text(bytes.extracting($0.value)) }
            let others = request.otherCookies.map { Self.text(bytes.extracting($0)) }
            #expect(values == ["1x"] && others == ["a=b", "c"])
            request.forgetOtherCookies()
            let left = request.otherCookies.count
            #expect(left == 0)
        }
    }

    // MARK: Browsers

    @Test(
        "Navigations, by the mode that the browser names, or by what it accepts",
        arguments: [
            ("GET", "Sec-Fetch-Mode: navigate\r\n", true), ("POST", "Sec-Fetch-Mode: navigate\r\n", true),
            ("PUT", "Sec-Fetch-Mode: navigate\r\n", false),
            ("GET", "Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n", false),
            ("GET", "Accept: image/*, TEXT/html;q=0.9\r\n", true), ("HEAD", "Accept: text/html\r\n", true),
            ("POST", "Accept: text/html\r\n", false), ("GET", "Accept: text/html5, */*\r\n", false), ("GET", "", false),
        ]
    )
    func navigation(_ method: String, _ lines: String, _ isOne: Bool) throws {
        #expect(try see(lines, line: "\(method) / HTTP/1.1") { $0.isNavigation } == isOne)
    }

    @Test(
        "Requests in advance",
        arguments: [
            ("Sec-Purpose: prefetch\r\n", true), ("Sec-Purpose: Prefetch;prerender\r\n", true),
            ("Purpose: preview\r\n", true), ("X-Moz: prerender ; x\r\n", true), ("Sec-Purpose: x;prefetch\r\n", false),
            ("Sec-Purpose: prefetched\r\nPurpose: \r\n", false), ("", false),
        ]
    )
    func speculative(_ lines: String, _ isOne: Bool) throws {
        #expect(try see(lines) { $0.isSpeculative } == isOne)
    }

    @Test("What a response is for")
    func destinations() throws {
        for name in ["image", "Style", "font", "iframe", "FRAME", "object", "embed", "document", "script", ""] {
            let lower = name.lowercased()
            let (isDecoration, isForFrame, isForTab) = try see("Sec-Fetch-Dest: \(name)\r\n") {
                ($0.isDecoration, $0.isForFrame, $0.isForTab)
            }
            #expect(isDecoration == ["image", "style", "font"].contains(lower))
            #expect(isForFrame == ["iframe", "frame", "object", "embed"].contains(lower))
            #expect(isForTab == (lower == "document"))
        }
    }

    @Test("Preflights: OPTIONS without a body, with an origin and a well-formed method")
    func preflight() throws {
        let (origin, asks) = ("Origin: https://a\r\n", "Access-Control-Request-Method: PUT\r\n")
        let options = "OPTIONS / HTTP/1.1"
        #expect(try see(origin + asks, line: options) { $0.isPreflight })
        #expect(try see(origin + asks + "Content-Length: 0\r\n", line: options) { $0.isPreflight })
        for (lines, line) in [
            (origin + asks, "GET / HTTP/1.1"), (asks, options), (origin, options),
            (origin + "Access-Control-Request-Method:\r\n", options),
            (origin + "Access-Control-Request-Method: A B\r\n", options),
            (origin + asks + "Content-Length: 1\r\n", options),
            (origin + asks + "Transfer-Encoding: chunked\r\n", options),
        ] {
            #expect(try !see(lines, line: line) { $0.isPreflight }, "\(lines)")
        }
    }
}
