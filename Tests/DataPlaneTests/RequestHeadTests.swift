import Testing

@testable import DataPlane

@Suite("Valid request heads")
struct RequestHeadTests {
    @Test("Method, target, authority and fields are the bytes that were sent")
    func parts() throws {
        let text = "GET /event/e1?a=b HTTP/1.1\r\nHost: Gateway.Example:8443\r\nCookie:\t a=b \t\r\nX-Empty:\r\n\r\n"
        let judged = try judge(text).get()
        #expect(judged.head.method == .get)
        #expect(judged.text(judged.head.methodRange) == "GET")
        #expect(judged.target == "/event/e1?a=b")
        #expect(judged.authority == "Gateway.Example:8443")
        #expect(judged.value(.cookie) == "a=b")
        #expect(judged.head.block.fields.map { judged.text($0.nameRange) } == ["Host", "Cookie", "X-Empty"])
        #expect(judged.head.block.fields.map { judged.text($0.value) } == ["Gateway.Example:8443", "a=b", ""])
        #expect(judged.head.block.fields.map { judged.text($0.line) }.last == "X-Empty:\r\n")
        #expect(judged.head.length == bytes(text).count)
        #expect(judged.head.framing == .none)
        #expect(judged.head.keepsAlive)
        #expect(!judged.head.isHTTP10)
        #expect(!judged.head.isUpgrade)
        #expect(!judged.head.expectsContinue)
    }

    @Test(
        "Methods are recognized by their exact spelling",
        arguments: [
            ("GET", Method.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
            ("OPTIONS", .options), ("PATCH", .other), ("get", .other), ("GETS", .other), ("M-SEARCH", .other),
            ("!#$%&'*+-.^_`|~09", .other),
        ]
    )
    func methods(_ name: String, _ method: Method) throws {
        #expect(try judge(request(line: "\(name) / HTTP/1.1")).get().head.method == method)
    }

    @Test(
        "Only safe methods may be repeated, or need no check of their origin",
        arguments: [
            (Method.get, true, true), (.head, true, true), (.options, true, true), (.put, true, false),
            (.delete, true, false), (.post, false, false), (.other, false, false),
        ]
    )
    func safety(_ method: Method, _ isIdempotent: Bool, _ isSafe: Bool) {
        #expect(method.isIdempotent == isIdempotent)
        #expect(method.isSafe == isSafe)
    }

    @Test(
        "An absolute form's authority wins over Host",
        arguments: [
            ("http://a.example/x?y", "a.example", "/x?y"), ("HTTP://a/", "a", "/"), ("https://a:443/", "a:443", "/"),
            ("hTTps://[::1]:8/x", "[::1]:8", "/x"), ("http://a//b", "a", "//b"),
        ]
    )
    func absoluteForm(_ target: String, _ authority: String, _ path: String) throws {
        let judged = try judge(request(line: "GET \(target) HTTP/1.1")).get()
        #expect(judged.authority == authority)
        #expect(judged.target == path)
    }

    @Test(
        "Forms of Host",
        arguments: [
            "a", "gateway.example", "GATEWAY.example.", "under_score.example", "10.0.0.1", "10.0.0.1:1", "a:",
            "a:65535",
            "[::1]", "[2001:db8::1]:443", "[::ffff:1.2.3.4]", "xn--bcher-kva.example",
            String(repeating: "a", count: 300),
        ]
    )
    func hosts(_ host: String) throws {
        let judged = try judge("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").get()
        #expect(judged.authority == host)
    }

    @Test("HTTP/1.0 needs no Host and keeps its connection only if requested")
    func oldVersion() throws {
        let bare = try judge("GET / HTTP/1.0\r\n\r\n").get()
        #expect(bare.head.isHTTP10)
        #expect(bare.authority == nil)
        #expect(!bare.head.keepsAlive)
        let kept = try judge("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").get()
        #expect(kept.head.keepsAlive)
        let body = try judge("POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n").get()
        #expect(body.head.framing == .length(4))
    }

    @Test("HTTP/1.0 has neither upgrades nor expectations")
    func oldVersionIgnores() throws {
        let lines =
            "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n"
            + "Expect: 100-continue\r\n"
        let judged = try judge(request(lines, line: "GET / HTTP/1.0")).get()
        #expect(!judged.head.isUpgrade)
        #expect(!judged.head.expectsContinue)
    }

    @Test(
        "Connection decides whether the connection stays",
        arguments: [
            ("Connection: close\r\n", false), ("Connection: CLOSE\r\n", false), ("connection: keep-alive\r\n", true),
            ("Connection: keep-alive, close\r\n", false), ("Connection: close, keep-alive\r\n", false),
            ("Connection: keep-alive\r\nConnection: x, Close\r\n", false), ("Connection: ,, ,close,\r\n", false),
            ("Connection: closed\r\n", true), ("Connection: x-close\r\n", true), ("Connection:\r\n", true), ("", true),
            ("Keep-Alive: close\r\n", true),
        ]
    )
    func keepAlive(_ lines: String, _ keepsAlive: Bool) throws {
        #expect(try judge(request(lines)).get().head.keepsAlive == keepsAlive)
    }

    @Test(
        "Fields listed in Connection are removed, except those that the recipient needs",
        arguments: [
            ("X-A: 1\r\nX-B: 2\r\nConnection: x-a\r\n", ["X-A"]),
            ("Connection: x-b ,\tX-A\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\n", ["X-A", "X-B", "x-a"]),
            ("Connection: X-A\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 2\r\n", ["X-A", "X-B"]),
            ("Connection: Origin, Cookie\r\nOrigin: o\r\nCookie: c\r\n", ["Origin", "Cookie"]),
            ("Connection: host, content-length, transfer-encoding\r\nContent-Length: 3\r\n", []),
            ("Connection: x\r\nX-A: 1\r\n", []),
            ("Connection: close\r\nClose: 1\r\n", []),
        ]
    )
    func listed(_ lines: String, _ removed: [String]) throws {
        #expect(try judge(request(lines)).get().removed == removed)
    }

    @Test(
        "Framing",
        arguments: [
            ("", BodyFraming.none), ("Content-Length: 0\r\n", .length(0)), ("Content-Length: 5\r\n", .length(5)),
            ("content-length:\t0005 \r\n", .length(5)),
            ("Content-Length: 999999999999999999\r\n", .length(999_999_999_999_999_999)),
            ("Transfer-Encoding: chunked\r\n", .chunked), ("transfer-encoding: CHUNKED\r\n", .chunked),
        ]
    )
    func framing(_ lines: String, _ framing: BodyFraming) throws {
        #expect(try judge(request(lines, line: "POST / HTTP/1.1")).get().head.framing == framing)
    }

    @Test(
        "100-continue is sent only to a client that has a body",
        arguments: [
            ("Content-Length: 1\r\n", true), ("Transfer-Encoding: chunked\r\n", true), ("Content-Length: 0\r\n", false),
            ("", false),
        ]
    )
    func expectation(_ lines: String, _ expectsContinue: Bool) throws {
        let judged = try judge(request(lines + "Expect: 100-Continue\r\n", line: "POST / HTTP/1.1")).get()
        #expect(judged.head.expectsContinue == expectsContinue)
    }

    static let handshake = "Upgrade: WebSocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n"

    @Test(
        "A WebSocket handshake is an upgrade; any other upgrade request is not",
        arguments: [
            ("Connection: Upgrade\r\n" + handshake, true),
            ("Connection: keep-alive, upgrade\r\nContent-Length: 0\r\n" + handshake, true),
            (handshake, false), ("Connection: close\r\n" + handshake, false), ("Connection: upgrade\r\n", false),
            ("Connection: upgrade\r\nUpgrade: h2c\r\n", false),
            ("Connection: upgrade\r\nUpgrade: websocket/13\r\n", false),
            ("Connection: upgrade\r\nUpgrade: h2c\r\n" + handshake, false),
        ]
    )
    func upgrade(_ lines: String, _ isUpgrade: Bool) throws {
        #expect(try judge(request(lines)).get().head.isUpgrade == isUpgrade)
    }

    @Test("A head of exactly the permitted size and count passes; one more byte or field does not")
    func limits() {
        let text = request("X: y\r\n")
        let size = bytes(text).count
        #expect(judge(text, limits: .init(size: size, count: 2)).fault == nil)
        #expect(judge(text, limits: .init(size: size - 1, count: 2)).fault == .tooLarge)
        #expect(judge(text, limits: .init(size: size, count: 1)).fault == .tooLarge)
    }

    @Test("A name of 65,535 bytes is read, a longer one is invalid")
    func longestName() throws {
        let limits = RequestHead.Limits(size: 1 << 20, count: 10)
        let name = String(repeating: "n", count: 65_535)
        let judged = try judge(request("\(name): v\r\n"), limits: limits).get()
        #expect(judged.text(judged.head.block.fields[1].nameRange) == name)
        #expect(judge(request("\(name)n: v\r\n"), limits: limits).fault == .malformed)
    }

    @Test("Bytes above ASCII are allowed in a value")
    func obsText() throws {
        #expect(try judge(request("Origin: h\u{e9}\u{2028}\r\n")).get().value(.origin) == "h\u{e9}\u{2028}")
    }
}
