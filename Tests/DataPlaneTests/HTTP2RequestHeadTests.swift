import Testing

@testable import DataPlane

@Suite("An HTTP/2 request in the form of HTTP/1")
struct HTTP2RequestHeadTests {
    typealias Fields = [(String, String)]

    static let get: Fields = [
        (":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/x?y=1"),
    ]

    private func written(_ fields: Fields, hasBody: Bool = false) -> Result<String, HeadFault> {
        var head = HTTP2RequestHead()
        for (name, value) in fields { _ = head.add(bytes(name).span, bytes(value).span, limits: .init()) }
        var text: [UInt8] = []
        do throws(HeadFault) {
            try head.write(to: &text, hasBody: hasBody, webSocketKey: bytes("a2V5"))
            return .success(DataPlaneTests.text(text))
        } catch {
            return .failure(error)
        }
    }

    @Test("Pseudo-header fields become the request line and Host, the others field lines")
    func plain() throws {
        let head = try written(Self.get + [("accept", "*/*"), ("x-one", "1")]).get()
        #expect(head == "GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\naccept: */*\r\nx-one: 1\r\n\r\n")
    }

    @Test("The written head is valid by HTTP/1's own rules")
    func judged() throws {
        let head = try judge(bytes(try written(Self.get + [("content-length", "3")], hasBody: true).get())).get()
        #expect(head.authority == "a.example")
        #expect(head.target == "/x?y=1")
        #expect(head.head.framing == .length(3))
    }

    @Test(
        "The fields that are written with a head are those that reading it would give",
        arguments: [
            get,
            get + [("accept", "*/*"), ("cookie", "a=1"), ("x-one", ""), ("cookie", "b=2"), ("x-forwarded-for", "1")],
            get + [("x_forwarded_for", "1"), ("x.real.ip", "2"), ("te", "trailers"), ("content-length", "3")],
            get.filter { $0.0 != ":authority" } + [("host", "b.example"), ("user-agent", "a  b")],
            [(":method", "CONNECT"), (":protocol", "websocket")] + get[1...]
                + [("sec-websocket-version", "13"), ("origin", "https://a.example")],
        ],
        [false, true]
    )
    func sameFields(_ fields: Fields, hasBody: Bool) throws {
        var gathered = HTTP2RequestHead()
        for (name, value) in fields { _ = gathered.add(bytes(name).span, bytes(value).span, limits: .init()) }
        var assembled: [UInt8] = []
        var head = RequestHead()
        do throws(HeadFault) {
            try gathered.write(to: &assembled, head.block, hasBody: hasBody, webSocketKey: bytes("a2V5"))
            try head.judge(assembled.span, limits: .init())
        } catch {
            Issue.record("\(error)")
        }
        let read = try judge(assembled).get().head
        #expect("\(head.block.fields)" == "\(read.block.fields)")
        #expect(FieldName.allCases.allSatisfy { head.block.first($0) == read.block.first($0) })
        #expect(head.framing == read.framing)
        #expect(head.isUpgrade == read.isUpgrade)
        #expect(head.authority == read.authority)
        #expect(head.length == assembled.count)
    }

    @Test("A body without a length is chunked towards the upstream; without a body, none is announced")
    func framing() throws {
        #expect(try judge(bytes(try written(Self.get, hasBody: true).get())).get().head.framing == .chunked)
        #expect(try judge(bytes(try written(Self.get, hasBody: false).get())).get().head.framing == .none)
    }

    @Test("RFC 9113 section 8.2.3: split cookies become one field again")
    func crumbs() throws {
        let head = try written(Self.get + [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2")]).get()
        #expect(head.contains("\r\ncookie: a=1; b=2\r\n"))
        #expect(head.components("cookie") == 1)
    }

    @Test("RFC 9113 section 8.3.1: Host may repeat the authority, in any case, or replace it, but not differ from it")
    func host() throws {
        #expect(try written(Self.get + [("host", "A.example")]).get().components("a.example") == 1)
        let without = Self.get.filter { $0.0 != ":authority" }
        #expect(try written(without + [("host", "b.example")]).get().contains("\r\nHost: b.example\r\n"))
        #expect(written(Self.get + [("host", "b.example")]).isMalformed)
        #expect(written(Self.get + [("host", "a.example"), ("host", "a.example")]).isMalformed)
    }

    @Test("RFC 8441 section 5: a WebSocket on a stream becomes an upgrade")
    func webSocket() throws {
        var fields = Self.get
        fields[0].1 = "CONNECT"
        fields += [(":protocol", "websocket"), ("sec-websocket-version", "13")]
        let head = try judge(bytes(try written(fields, hasBody: true).get())).get()
        #expect(head.head.isUpgrade)
        #expect(head.head.method == .get)
        #expect(head.value(.secWebSocketKey) == "a2V5")
        #expect(head.head.framing == .none)
        #expect(written(fields + [("content-length", "1")], hasBody: true).isMalformed)
    }

    @Test("Any other CONNECT is not served", arguments: [nil, "connect-udp", "WebSocket", "websocket, x", ""])
    func connect(_ name: String?) {
        var fields = Self.get
        fields[0].1 = "CONNECT"
        if let name { fields.append((":protocol", name)) }
        #expect(throws: HeadFault.self) { try written(fields).get() }
    }

    @Test(
        "Attack: nothing in a pseudo-header field breaks out of its place",
        arguments: [
            (0, "GET / HTTP/1.1\r\nX:"), (0, "GET "), (0, "G\u{0}T"), (3, "/ HTTP/1.1\r\nEvil: 1\r\n\r\nGET /"),
            (3, "/a b"),
            (3, "/\t"), (3, "*"), (3, "x"), (3, ""), (3, "http://b.example/"), (3, "/\u{7f}"), (3, "/é"),
            (2, "a.example\r\nEvil: 1"), (2, "a b"), (1, "ftp"), (1, ""), (1, "HTTPS"),
        ]
    )
    func pseudoFields(_ index: Int, _ value: String) {
        var fields = Self.get
        fields[index].1 = value
        switch written(fields) {
        case .failure: break
        case .success(let head):
            // What gathering accepts is left to the judge of all heads.
            if case .success = judge(bytes(head)) { Issue.record("\(head.debugDescription)") }
        }
    }

    @Test("An unknown pseudo-header field is malformed", arguments: [":status", ":x", ":", ":Method"])
    func unknownPseudo(_ name: String) { #expect(written(Self.get + [(name, "x")]).isMalformed) }

    @Test(
        "Attack: no value ends its line or hides in white space",
        arguments: ["a\r\nb: c", "a\nb", "a\rb", "a\u{0}b", " a", "a ", "\ta", "a\t", "\u{7f}"]
    )
    func values(_ value: String) { #expect(written(Self.get + [("x-one", value)]).isMalformed) }

    @Test("Attack: connection-specific fields cannot add a framing of their own")
    func framingFields() {
        for (name, value) in [("transfer-encoding", "chunked"), ("connection", "upgrade, content-length")] {
            let head = try? judge(
                bytes(written(Self.get + [(name, value), ("content-length", "1")], hasBody: true).get())
            ).get()
            #expect(head == nil || name == "connection")
            if let head { #expect(!head.head.isUpgrade && head.head.framing == .length(1)) }
        }
    }

    @Test("A head over the limits is too large, and one far over them ends the connection")
    func limits() {
        var head = HTTP2RequestHead()
        let limits = RequestHead.Limits(size: 1000, count: 10)
        var isBearable = true
        var taken = 0
        while isBearable, taken < 10_000 {
            isBearable = head.add(bytes("x-name").span, bytes("value").span, limits: limits)
            taken += 1
        }
        #expect((10...100).contains(taken))
        var text: [UInt8] = []
        #expect(throws: HeadFault.tooLarge) { try head.write(to: &text, hasBody: false, webSocketKey: []) }
    }

    @Test("Of a head that is too large, what tells who sent it remains, and no more")
    func remains() {
        var head = HTTP2RequestHead()
        let limits = RequestHead.Limits(size: 1000, count: 10)
        let long = String(repeating: "a", count: 2000)
        let few = [("accept", "text/html"), ("accept-language", "de"), ("sec-fetch-mode", "navigate")]
        let fields = [(":method", "GET"), (":path", "/\(long)"), ("x", "y"), ("cookie", "a=1"), ("accept", long)] + few
        for (name, value) in fields {
            let isBearable = head.add(bytes(name).span, bytes(value).span, limits: limits)
            #expect(isBearable)
        }
        var remains: [UInt8] = []
        head.writeRemains(to: &remains)
        let lines = few.map { "\($0): \($1)\r\n" }.joined()
        #expect(text(remains) == "GET  HTTP/2\r\n\(lines)")
        for _ in 0..<40 { _ = head.add(bytes("accept").span, bytes("text/html").span, limits: limits) }
        head.writeRemains(to: &remains)
        #expect(remains.count < 300)
    }

    @Test("Nothing of one request remains in the next")
    func cleared() throws {
        var head = HTTP2RequestHead()
        for (name, value) in Self.get + [("host", "a.example"), ("cookie", "a=1"), ("content-length", "1"), ("x", " ")]
        {
            _ = head.add(bytes(name).span, bytes(value).span, limits: .init())
        }
        head.clear()
        for (name, value) in Self.get { _ = head.add(bytes(name).span, bytes(value).span, limits: .init()) }
        var text: [UInt8] = []
        try head.write(to: &text, hasBody: false, webSocketKey: [])
        #expect(DataPlaneTests.text(text) == "GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
    }
}

extension Result<String, HeadFault> {
    fileprivate var isMalformed: Bool {
        if case .failure(.malformed) = self { true } else { false }
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(_ part: String) -> Int { ranges(of: part).count }
}

extension HTTP2RequestHead {
    fileprivate func write(
        to head: inout [UInt8],
        hasBody: Bool,
        webSocketKey: @autoclosure () -> [UInt8]
    ) throws(HeadFault) {
        try write(to: &head, FieldBlock(), hasBody: hasBody, webSocketKey: webSocketKey())
    }
}
