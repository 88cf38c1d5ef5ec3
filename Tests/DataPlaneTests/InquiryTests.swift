import Basics
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("Inquiries: requests of the gateway's own")
struct InquiryTests {
    /// What a server says, piece by piece, and whether it then ends its side.
    private struct Case: Sendable, CustomTestStringConvertible {
        let pieces: [String]
        let ends: Bool
        /// `nil` while there is no result.
        let result: Result<Inquiry.Answer, InquiryFault>?

        init(_ pieces: [String], ends: Bool = false, _ result: Result<Inquiry.Answer, InquiryFault>?) {
            (self.pieces, self.ends, self.result) = (pieces, ends, result)
        }

        init(_ pieces: [String], ends: Bool = false, _ status: Int, maxAge: Int? = nil, _ body: String = "") {
            let answer = Inquiry.Answer(status: status, maxAge: maxAge, body: Array(body.utf8))
            self.init(pieces, ends: ends, .success(answer))
        }

        var testDescription: String { String("\(pieces)".prefix(100)) }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    private static let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    private func results(of row: Case, maxBody: Int?) throws -> [Result<Inquiry.Answer, InquiryFault>] {
        let loop = try EventLoop(kernel: TestKernel())
        defer { loop.end() }
        let (served, peer) = try Peer.pair()
        defer { peer.close() }
        var results: [Result<Inquiry.Answer, InquiryFault>] = []
        let request = Inquiry.get("/a?b", host: "h:1")
        let connection = InquiryConnection(request, maxBody: maxBody, on: loop) { results.append($0) }
        try connection.begin(Descriptor(served), tls: nil)
        #expect(text(peer.readAvailable()).hasPrefix("GET /a?b HTTP/1.1\r\nHost: h:1\r\n"))
        for piece in row.pieces {
            peer.send(piece)
            loop.turn(waitingAtMost: 0)
        }
        if row.ends { peer.finishSending() }
        for _ in 0..<3 { loop.turn(waitingAtMost: 0) }
        connection.stop()
        loop.turn(waitingAtMost: 0)
        return results
    }

    @Test(
        "The head of an answer",
        arguments: [
            Case([ok], 200), Case(ok.utf8.map { String(UnicodeScalar($0)) }, 200),
            Case(["HTTP/1.0 399 X\r\n\r\nbody"], 399), Case([hint + hint + ok], 200),
            Case([hint, hint, String(ok.dropLast()), "\r\n"], 200), Case(["HTTP/1.1 404 \r\n\r\n"], 404),
            Case(["HTTP/1.1 101 Switching Protocols\r\n\r\n"], 101),
            Case(["HTTP/1.1 200 OK\r\nCache-Control: public, Max-Age=60\r\n\r\n"], 200, maxAge: 60),
            Case(["HTTP/1.1 200 OK\r\nCache-Control: max-age=\"7\" , x\r\n\r\n"], 200, maxAge: 7),
            Case(["HTTP/1.1 200 OK\r\nCache-Control: max-age=x\r\n\r\n"], 200),
            Case(["HTTP/1.1 200 OK\r\nCache-Control: private\r\ncache-control: max-age=8\r\n\r\n"], 200, maxAge: 8),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"], nil), Case([hint], nil), Case([], nil),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"], ends: true, .failure(.closed)),
            Case([], ends: true, .failure(.closed)), Case(["SSH-2.0-x\r\n"], .failure(.malformed)),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], .failure(.malformed)),
            Case(["HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000)], .failure(.tooLarge)),
            Case(Array(repeating: hint, count: 20), .failure(.malformed)),
            Case(Array(repeating: hint, count: 15) + [ok], 200),
        ]
    )
    private func heads(_ row: Case) throws {
        #expect(try results(of: row, maxBody: nil) == (row.result.map { [$0] } ?? []))
    }

    private static func chunks(_ size: Int, _ count: Int) -> String {
        String(repeating: "\(String(size, radix: 16))\r\n\(String(repeating: "x", count: size))\r\n", count: count)
    }

    private static let chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    private static let plainHead = "HTTP/1.1 200 OK\r\n\r\n"

    @Test(
        "The body of an answer, at most 1,000 bytes",
        arguments: [
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", "bcd"], 200, "abc"),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"], nil),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"], ends: true, .failure(.closed)),
            Case(["HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"], .failure(.tooLarge)),
            Case([chunkedHead + "1\r\na\r\n2", "\r\nbc\r", "\n0\r\n\r\n"], 200, "abc"),
            Case([chunkedHead + "1\r\na\r\n"], ends: true, .failure(.closed)),
            Case([chunkedHead + "x\r\n"], .failure(.malformed)),
            Case([chunkedHead, chunks(500, 2), "0\r\n\r\n"], 200, String(repeating: "x", count: 1000)),
            Case([chunkedHead, chunks(500, 2), chunks(1, 1)], .failure(.tooLarge)),
            Case([chunkedHead + "1;" + String(repeating: "x", count: 300)], .failure(.malformed)),
            Case([plainHead + "ab", "c"], ends: true, 200, "abc"), Case([plainHead + "abc"], nil),
            Case([plainHead, String(repeating: "x", count: 1001)], .failure(.tooLarge)),
            Case(["HTTP/1.1 204 No Content\r\n\r\n"], 204),
            Case(["HTTP/1.1 503 Down\r\nContent-Length: 99999\r\n\r\n"], 503),
        ]
    )
    private func bodies(_ row: Case) throws {
        #expect(try results(of: row, maxBody: 1000) == (row.result.map { [$0] } ?? []))
    }

    @Test(
        "Retry-After counts in seconds",
        arguments: [("7", 7), ("0", 0), ("99999999999999999999", Int.max), ("-1", nil), ("x", nil), ("", nil)]
            as [(String, Int?)]
    )
    func retryAfter(_ value: String, _ seconds: Int?) throws {
        let row = Case(["HTTP/1.1 503 X\r\nX: y\r\nRETRY-AFTER: \(value)\r\n\r\n"], nil)
        let answer = Inquiry.Answer(status: 503, retryAfter: seconds)
        #expect(try results(of: row, maxBody: 1000) == [.success(answer)])
    }

    @Test("A POST has its length, its further fields and its body")
    func post() {
        let fields = bytes("Authorization: Bearer x\r\n")
        let request = Inquiry.post(
            "/v1/traces",
            host: "h:1",
            type: "application/json",
            fields: fields,
            body: bytes("{}")
        )
        #expect(
            text(request)
                == "POST /v1/traces HTTP/1.1\r\nHost: h:1\r\nUser-Agent: embed-gateway\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: 2\r\nAuthorization: Bearer x\r\n\r\n{}"
        )
    }

    @Test("The first check decides; then it takes three failures in a row, or two good checks; more failures tell why")
    func history() {
        var history = CheckHistory(rise: 2, fall: 3)
        let results: [(isGood: Bool, decides: Bool)] = [
            (true, true), (true, false), (false, false), (false, false), (true, false), (false, false), (false, false),
            (false, true), (false, true), (true, false), (false, true), (true, false), (true, true), (false, false),
        ]
        for (step, result) in results.enumerated() {
            let decides = history.add(isGood: result.isGood)
            #expect(decides == result.decides, "step \(step)")
        }
        var down = CheckHistory(rise: 1, fall: 1)
        for isGood in [false, true, false] {
            let decides = down.add(isGood: isGood)
            #expect(decides)
        }
    }
}
