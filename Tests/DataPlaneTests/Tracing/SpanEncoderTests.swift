import Basics
import JOSE
import Testing

@testable import DataPlane

@Suite("Spans in JSON")
struct SpanEncoderTests {
    private static let resource = SpanEncoder.Resource(serviceName: "edge", version: "1.2", instance: "i-1")

    /// Notes of an exchange with these texts.
    private func notes(
        method: String = "GET",
        path: String = "/event/e1/page",
        userAgent: String = "",
        authority: String = "",
        client: String = "",
        _ change: (inout ExchangeTrace) -> Void = { _ in }
    ) -> TraceNotes {
        let notes = TraceNotes()
        notes.begin(wall: 1_700_000_000_000_000_000, now: 0, age: 0)
        let texts = [method, path, userAgent, authority, client, ""]
        for (kind, text) in zip(ExchangeTrace.Text.allCases, texts) {
            notes.add(kind) { $0.append(contentsOf: text.utf8) }
        }
        notes.trace.trace = (0x0af7_6519_16cd_43dd, 0x8448_eb21_1c80_319c)
        notes.trace.serverSpan = 0x1111_1111_1111_1111
        notes.trace.verdictSpan = 0x2222_2222_2222_2222
        notes.trace.clientSpan = 0x33
        notes.trace.endedAt = 5_000_000
        notes.trace.status = 200
        change(&notes.trace)
        return notes
    }

    private func encode(_ all: TraceNotes...) -> String {
        var chunk = SpanChunk()
        for notes in all { chunk.append(notes.trace, notes.text) }
        return text(SpanEncoder.encode([chunk], Self.resource))
    }

    /// The spans of an export, each with its members.
    private func spans(_ json: String) throws -> [[JSONMember]] {
        let bytes = bytes(json)
        var limits = JSONLimits(size: bytes.count)
        limits.depth = 32
        limits.members = 4096
        guard case .object(let root) = try JSONValue(parsing: bytes.span, limits: limits),
            case .array(let resources)? = root["resourceSpans"], case .object(let resource)? = resources.first,
            case .array(let scopes)? = resource["scopeSpans"], case .object(let scope)? = scopes.first,
            case .array(let spans)? = scope["spans"]
        else { return [] }
        return spans.compactMap { if case .object(let members) = $0 { members } else { nil } }
    }

    /// The value of an attribute, without its type.
    private func attribute(_ key: String, of span: [JSONMember]) -> String? {
        guard case .array(let attributes)? = span["attributes"] else { return nil }
        for case .object(let attribute) in attributes where attribute["key"] == .string(key) {
            guard case .object(let value)? = attribute["value"], case .string(let text)? = value.first?.value else {
                continue
            }
            return text
        }
        return nil
    }

    @Test("An exchange becomes exactly this")
    func exact() {
        let notes = notes(method: "GET", userAgent: "curl/8", authority: "embed.example:8443", client: "192.0.2.7") {
            $0.parent = 0xb7ad_6b71_6920_3331
            $0.scheme = .https
            $0.version = "2"
            $0.route = "/event/{event}/**"
            $0.requestBytes = 3
            $0.responseBytes = 42
            ($0.judgedFrom, $0.judgedUntil, $0.verdict) = (1000, 2000, "join")
            ($0.company, $0.role, $0.credential) = ("acme", "host", "authorization")
            ($0.algorithm, $0.isCached) = (.hs256, false)
            ($0.forwardedAt, $0.connectedAt, $0.answeredAt) = (3000, 1_003_000, 3_003_000)
            ($0.upstream, $0.server, $0.upstreamStatus, $0.resends) = ("embed-host", "10.0.0.1:3000", 200, 1)
        }
        let expected =
            #"{"resourceSpans":[{"resource":{"attributes":["#
            + #"{"key":"service.name","value":{"stringValue":"edge"}},"#
            + #"{"key":"service.version","value":{"stringValue":"1.2"}},"#
            + #"{"key":"service.instance.id","value":{"stringValue":"i-1"}}]},"#
            + #""scopeSpans":[{"scope":{"name":"embed-gateway","version":"1.2"},"spans":["#
            // The server.
            + #"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"1111111111111111","#
            + #""parentSpanId":"b7ad6b7169203331","flags":769,"name":"GET /event/{event}/**","kind":2,"#
            + #""startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000005000000","attributes":["#
            + #"{"key":"http.request.method","value":{"stringValue":"GET"}},"#
            + #"{"key":"url.scheme","value":{"stringValue":"https"}},"#
            + #"{"key":"url.path","value":{"stringValue":"/event/e1/page"}},"#
            + #"{"key":"http.route","value":{"stringValue":"/event/{event}/**"}},"#
            + #"{"key":"http.response.status_code","value":{"intValue":"200"}},"#
            + #"{"key":"network.protocol.version","value":{"stringValue":"2"}},"#
            + #"{"key":"server.address","value":{"stringValue":"embed.example"}},"#
            + #"{"key":"server.port","value":{"intValue":"8443"}},"#
            + #"{"key":"client.address","value":{"stringValue":"192.0.2.7"}},"#
            + #"{"key":"user_agent.original","value":{"stringValue":"curl/8"}},"#
            + #"{"key":"http.request.body.size","value":{"intValue":"3"}},"#
            + #"{"key":"http.response.body.size","value":{"intValue":"42"}}]},"#
            // The verdict.
            + #"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"2222222222222222","#
            + #""parentSpanId":"1111111111111111","flags":257,"name":"verdict","kind":1,"#
            + #""startTimeUnixNano":"1700000000000001000","endTimeUnixNano":"1700000000000002000","attributes":["#
            + #"{"key":"gateway.verdict","value":{"stringValue":"join"}},"#
            + #"{"key":"gateway.credential","value":{"stringValue":"authorization"}},"#
            + #"{"key":"gateway.token.algorithm","value":{"stringValue":"HS256"}},"#
            + #"{"key":"gateway.token.cached","value":{"boolValue":false}},"#
            + #"{"key":"gateway.company","value":{"stringValue":"acme"}},"#
            + #"{"key":"gateway.role","value":{"stringValue":"host"}}]},"#
            // The upstream.
            + #"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000033","#
            + #""parentSpanId":"1111111111111111","flags":257,"name":"GET","kind":3,"#
            + #""startTimeUnixNano":"1700000000000003000","endTimeUnixNano":"1700000000005000000","attributes":["#
            + #"{"key":"http.request.method","value":{"stringValue":"GET"}},"#
            + #"{"key":"gateway.upstream","value":{"stringValue":"embed-host"}},"#
            + #"{"key":"server.address","value":{"stringValue":"10.0.0.1"}},"#
            + #"{"key":"server.port","value":{"intValue":"3000"}},"#
            + #"{"key":"url.full","value":{"stringValue":"http://10.0.0.1:3000/event/e1/page"}},"#
            + #"{"key":"http.response.status_code","value":{"intValue":"200"}},"#
            + #"{"key":"network.protocol.version","value":{"stringValue":"1.1"}},"#
            + #"{"key":"http.request.resend_count","value":{"intValue":"1"}},"#
            + #"{"key":"gateway.upstream.connect_time","value":{"doubleValue":0.001000000}},"#
            + #"{"key":"gateway.upstream.head_time","value":{"doubleValue":0.002000000}}]}]}]}]}"#
        #expect(encode(notes) == expected)
    }

    @Test("Several exchanges of several chunks are one list, each with its own texts")
    func several() throws {
        var chunks = [SpanChunk(), SpanChunk()]
        for (index, path) in ["/a", "/bb", "/ccc"].enumerated() {
            let notes = notes(path: path)
            chunks[index / 2].append(notes.trace, notes.text)
        }
        let spans = try spans(text(SpanEncoder.encode(chunks, Self.resource)))
        #expect(spans.map { attribute("url.path", of: $0) } == ["/a", "/bb", "/ccc"])
        #expect(try self.spans(text(SpanEncoder.encode([], Self.resource))).isEmpty)
    }

    @Test("Attack: whatever bytes a client sends, the export is JSON with the same text")
    func hostileBytes() throws {
        var hostile: [UInt8] = Array(0...255)
        hostile += bytes("\"},{\"\\u0000\u{2028}\u{1f600}")
        let notes = TraceNotes()
        notes.begin(wall: 0, now: 0, age: 0)
        // Neither blanks nor @ separate or hide anything here.
        for kind in ExchangeTrace.Text.allCases { notes.add(kind) { $0 += hostile } }
        let json = encode(notes)
        let isASCII = json.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
        #expect(isASCII)
        let span = try #require(try spans(json).first)
        let address = try #require(attribute("client.address", of: span))
        #expect(address.hasSameBytes(as: String(decoding: hostile, as: UTF8.self)))
    }

    @Test("Times never go back, even if the notes do")
    func times() throws {
        let notes = notes {
            ($0.judgedFrom, $0.judgedUntil) = (9_000_000, 8_000_000)
            ($0.forwardedAt, $0.connectedAt, $0.answeredAt) = (7_000_000, 6_000_000, 5_000_000)
        }
        for span in try spans(encode(notes)) {
            guard case .string(let start)? = span["startTimeUnixNano"], case .string(let end)? = span["endTimeUnixNano"]
            else {
                Issue.record("no times")
                continue
            }
            #expect(Int(start) ?? .max <= Int(end) ?? 0)
            #expect(Int(end) ?? .max <= 1_700_000_000_005_000_000)
        }
    }

    private struct ErrorCase: Sendable {
        var status = 200
        var upstreamStatus = 0
        var fault: String?
        var refusal: String?
        var cut: Cut?
        /// `error.type` of the server's span and of the client's.
        var errors: [String?]
    }

    @Test(
        "A client's mistake is no error of the server's span, but one of the upstream's",
        arguments: [
            ErrorCase(upstreamStatus: 200, errors: [nil, nil]),
            ErrorCase(status: 404, upstreamStatus: 404, errors: [nil, "404"]),
            ErrorCase(status: 500, upstreamStatus: 500, errors: ["500", "500"]),
            ErrorCase(
                status: 502,
                fault: "refused",
                refusal: "upstream_unavailable",
                errors: ["upstream_unavailable", "refused"]
            ),
            ErrorCase(
                upstreamStatus: 200,
                fault: "closed_early",
                cut: .upstream,
                errors: ["closed_early", "closed_early"]
            ),
            ErrorCase(upstreamStatus: 200, cut: .upstream, errors: ["closed_early", "closed_early"]),
            ErrorCase(status: 499, cut: .client, errors: [nil, nil]),
        ]
    )
    private func errors(_ row: ErrorCase) throws {
        let notes = notes {
            $0.forwardedAt = 0
            ($0.status, $0.upstreamStatus, $0.fault) = (row.status, row.upstreamStatus, row.fault)
            ($0.refusal, $0.cut) = (row.refusal, row.cut)
        }
        let spans = try spans(encode(notes))
        #expect(spans.map { attribute("error.type", of: $0) } == row.errors)
        #expect(spans.map { $0["status"] != nil } == row.errors.map { $0 != nil })
    }

    @Test("A refusal is the verdict's only if it was one")
    func refusals() throws {
        let refused = notes {
            ($0.judgedFrom, $0.verdict, $0.refusal, $0.fault) = (0, "refuse", "token_invalid", "signature")
        }
        let verdict = try #require(try spans(encode(refused)).last)
        #expect(attribute("gateway.refusal", of: verdict) == "token_invalid")
        #expect(attribute("gateway.fault", of: verdict) == "signature")
        let unreached = notes {
            ($0.judgedFrom, $0.judgedUntil, $0.verdict, $0.refusal) = (0, 1, "admit", "upstream_timeout")
        }
        let spans = try spans(encode(unreached))
        #expect(attribute("gateway.refusal", of: spans[0]) == "upstream_timeout")
        #expect(attribute("gateway.refusal", of: spans[1]) == nil)
    }

    @Test("An unknown method names no span")
    func methods() throws {
        let span = try #require(try spans(encode(notes(method: "X-BREW") { $0.route = "/**" })).first)
        #expect(span["name"] == .string("HTTP /**"))
        #expect(attribute("http.request.method", of: span) == "_OTHER")
        #expect(attribute("http.request.method_original", of: span) == "X-BREW")
        let long = try #require(try spans(encode(notes(method: String(repeating: "M", count: 64)))).first)
        #expect(attribute("http.request.method_original", of: long)?.utf8.count == 32)
    }

    @Test(
        "An authority is split into address and port",
        arguments: [
            ("a.example", "a.example", nil), ("a.example:80", "a.example", 80), ("[::1]:8080", "::1", 8080),
            ("[::1]", "::1", nil), ("::1", "::1", nil), ("a:", "a:", nil), (":80", ":80", nil), ("80", "80", nil),
            ("a:123456", "a:123456", nil), ("", "", nil), ("[", "[", nil), ("]:1", "]", 1), ("[]:1", "", 1),
        ] as [(String, String, Int?)]
    )
    func authorities(_ authority: String, _ address: String, _ port: Int?) {
        let bytes = bytes(authority)
        let parts = SpanEncoder.split(bytes.span)
        #expect(text(bytes[parts.host]) == address && parts.port == port)
    }

    @Test(
        "E-mails, and what follows an encoded question mark, are left out of paths",
        arguments: [
            ("/a/b", "/a/b"), ("", ""), ("/", "/"), ("/u/ada@example.com/x", "/u/*/x"),
            ("/u/ada%40example.com", "/u/*"),
            ("/u/ada%2540example.com", "/u/*"), ("/event/e%3Ftoken=abc/x", "/event/*"), ("/e%3fx", "/*"),
            ("/%4", "/%4"), ("/%40", "/*"), ("/a%20b", "/a%20b"), ("/@/@", "/*/*"),
        ]
    )
    func paths(_ path: String, _ shown: String) {
        #expect(text(SpanEncoder.withoutPersons(bytes(path).span, isPath: true)) == shown)
    }

    @Test(
        "E-mails are left out of user agents",
        arguments: [
            ("Bot/1 (bot@example.com; x)", "Bot/1 (*; x)"), ("Bot mailto:a@b,c", "Bot *,c"), ("curl/8.1", "curl/8.1"),
            ("Bot/1 (mailto:bot%40example.com)", "Bot/1 (*)"), ("Bot bot%2540example.com;x", "Bot *;x"),
            ("a%4", "a%4"), ("50%", "50%"),
        ]
    )
    func agents(_ agent: String, _ shown: String) {
        #expect(text(SpanEncoder.withoutPersons(bytes(agent).span, isPath: false)) == shown)
    }
}
