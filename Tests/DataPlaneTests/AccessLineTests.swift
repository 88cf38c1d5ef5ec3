import Basics
import Foundation
import TestSupport
import Testing

@testable import DataPlane

@Suite("Lines of the access log")
struct AccessLineTests {
    /// The lines that these requests leave.
    private func lines(_ log: String, _ requests: [String]) throws -> [String] {
        var ends: [Int32] = [-1, -1]
        // SAFETY: pipe writes two descriptors to an array of two.
        try #require(unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress!) } == 0)
        let output = LogOutput(LogSink(descriptor: ends[1]), isJSON: true)
        let fixture = try WorkerFixture(limits: "[log]\n\(log)", accessLog: output)
        for request in requests {
            let peer = try fixture.connect()
            peer.send(request)
            fixture.run()
            #expect(!peer.readAvailable().isEmpty)
        }
        fixture.worker.closeAll()
        output.stop()
        output.run()
        close(ends[1])
        let written = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readDataToEndOfFile()
        return String(decoding: written, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func get(_ target: String, _ fields: String = "") -> String {
        request(fields, line: "GET \(target) HTTP/1.1")
    }

    private func line(_ log: String, _ request: String) throws -> String {
        let lines = try lines(log, [request])
        try #require(lines.count == 1, "\(lines)")
        return lines[0]
    }

    @Test("A JSON line has what is known of the request, and leaves out the rest")
    func json() throws {
        let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        let fields = "User-Agent: curl/8 \"x\"\r\nX-Request-Id: r1\r\nReferer: https://a/b\r\n" + trace
        let line = try line("", get("/event/e1?x=y", fields))
        let data = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let expected = [
            "client": "192.0.2.1", "method": "GET", "path": "/event/e1?x=*", "protocol": "HTTP/1.1",
            "route": "/event/{event}", "verdict": "refuse", "refusal": "token_missing", "user_agent": "curl/8 \"x\"",
            "request_id": "r1", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        ]
        for (name, value) in expected { #expect(data[name] as? String == value, "\(name) in \(line)") }
        for name in ["status", "duration_ms", "request_bytes", "response_bytes"] {
            #expect(data[name] is Int, "\(name)")
        }
        #expect(data["status"] as? Int == 401)
        #expect(
            Set(data.keys)
                == Set(expected.keys).union(["time", "status", "duration_ms", "request_bytes", "response_bytes"])
        )
    }

    @Test("A text line has words in a fixed order, then what is known besides, by name")
    func text() throws {
        let line = try line("format = \"text\"", get("/event/e1", "User-Agent: a b\r\nX-Request-Id: r1\r\n"))
        let pattern =
            /\S+Z 192\.0\.2\.1 GET \/event\/e1 401 \d+ms 0 \d+ - - - - token_missing r1 verdict=refuse route=\/event\/\{event\} protocol=HTTP\/1\.1 trace_id=[0-9a-f]{32} user_agent="a b"/
        #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
    }

    @Test("The combined format is that of nginx, without queries")
    func combined() throws {
        let fields = "User-Agent: Mozilla/5.0 (X11)\r\nReferer: https://a.example/b?token=secret#c\r\n"
        let line = try line("access_format = \"combined\"", get("/event/e1?a=b", fields))
        let pattern =
            /192\.0\.2\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/event\/e1\?a=\* HTTP\/1\.1" 401 \d+ "https:\/\/a\.example\/b" "Mozilla\/5\.0 \(X11\)"/
        #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
    }

    @Test("A template's fields are words, or keep their spaces between quotation marks; what is unknown is a dash")
    func template() throws {
        let format = #"access_format = "<{user_agent}> \"{user_agent}\" {method}{status} {upstream} '{fault}' end""#
        let line = try line(format, get("/event/e1", "User-Agent: a \"b\" \u{e9}\r\n"))
        #expect(line == #"<a%20"b"%20%C3%A9> "a \x22b\x22 \xc3\xa9" GET401 - '-' end"#)
    }

    /// Formats that have a user agent, and what separates lines of them.
    static let formats = [
        "", "format = \"text\"", "access_format = \"combined\"", "access_format = \"{path} {user_agent}\"",
    ]

    @Test("Attack: no field of a request forges a line, or reaches a terminal", arguments: formats)
    func forged(_ log: String) throws {
        let values = [
            "\u{1b}]0;title\u{7}", "x\" \"y", "\\", "\\\"", "é\u{9b}2J\u{202e}", "a\tb", "\"}{\"path\":\"/x\"}",
            "%0a%0d",
        ]
        let requests = values.map { get("/event/e1", "User-Agent: \($0)\r\nReferer: https://\($0)/\r\n") }
        let lines = try lines(log, requests)
        #expect(lines.count == values.count)
        for line in lines {
            #expect(line.utf8.allSatisfy { 0x20...0x7e ~= $0 }, "\(line)")
            guard log.isEmpty else { continue }
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
    }

    @Test("Attack: a long user agent is cut, and what may be a token in it is masked")
    func userAgent() throws {
        let long = String(repeating: "ab ", count: 1000)
        let cut = try line("access_format = \"{user_agent}\"", get("/event/e1", "User-Agent: \(long)\r\n"))
        #expect(cut.utf8.count < 600)
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlIG9mIGEgdG9rZW4"
        let masked = try line("access_format = \"{user_agent}\"", get("/event/e1", "User-Agent: x \(token) y\r\n"))
        #expect(masked == "x%20*%20y")
    }

    @Test("With a sample of 0.0, refusals and errors still have lines, and nothing else has")
    func sample() throws {
        let requests = ["/.gateway/healthz", "/event/e1", "/none"].map { get($0) }
        #expect(
            try lines("access_sample = 0.0\naccess_format = \"{path} {status}\"", requests) == [
                "/event/e1 401", "/none 404",
            ]
        )
        #expect(try lines("access_sample = 1.0\naccess_format = \"{path}\"", requests).count == 3)
        let half = try lines(
            "access_sample = 0.5\naccess_format = \"{path}\"",
            Array(repeating: requests[0], count: 400)
        )
        // Fails once in 10^22 runs.
        #expect((100...300).contains(half.count), "\(half.count)")
    }

    @Test("Without probes, health checks have lines only if they fail, and other requests always")
    func probes() throws {
        let requests =
            ["/.gateway/healthz", "/.gateway/readyz", "/.gateway/jwks.json", "/event/e1"].map { get($0) }
            + [request(line: "POST /.gateway/healthz HTTP/1.1")]
        let format = "access_format = \"{method} {path} {status}\"\n"
        #expect(
            try lines(format + "access_probes = false", requests) == [
                "GET /.gateway/jwks.json 200", "GET /event/e1 401", "POST /.gateway/healthz 405",
            ]
        )
        #expect(try lines(format, requests).count == 5)
    }
}
