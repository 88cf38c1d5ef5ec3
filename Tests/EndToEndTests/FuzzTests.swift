import Basics
import Foundation
import JOSE
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Invalid input never crashes the process")
    struct FuzzTests {
        static let requests = 100_000
        static let threads = 4

        @Test("After 100,000 mutated requests and tokens a valid request passes in the same process")
        func mutated() throws {
            let site = try Site { $0.log = "access = false" }
            site.upstream.keepRequests(false)
            let pid = site.gateway.pid
            let port = site.port
            let sent = Mutex(0)
            inParallel(Self.threads) { index in
                let count = Fuzzer(port: port, seed: UInt64(index) + 2026).run(Self.requests / Self.threads)
                sent.withLock { $0 += count }
            }
            #expect(sent.withLock { $0 } == Self.requests)
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
            let token = Minter.acme.registration("after")
            #expect(try fetch(port, "/event/e1?token=\(token)").text == "GET /event/e1 0")
            #expect(try fetch(port, "/event/e1").status == 401)
        }
    }
}

/// Sends invalid requests, many on one connection while it stays open.
private struct Fuzzer {
    let port: UInt16
    private var mutation: Mutation
    private let good: [[UInt8]]
    private let tokens: [[UInt8]]

    init(port: UInt16, seed: UInt64) {
        self.port = port
        mutation = Mutation(seed: seed)
        let token = Minter.acme.token()
        let registration = Minter.acme.registration("fuzz")
        tokens = [token, registration].map { Array($0.utf8) }
        good = [
            "GET /event/e1?a=1&token=\(token)&b=2 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
            "GET /event/e1/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(registration)\r\n\r\n",
            "POST /public/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
            "POST /public/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n",
            "GET /public/a/b%20c?d=e HTTP/1.1\r\nHost: localhost\r\nCookie: a=1; gateway-session-811c9dc5=x.\(token)\r\n\r\n",
            "GET /event/e1 HTTP/1.1\r\nHost: localhost\r\nGateway-Session: AAAA\r\nAuthorization: Bearer \(token)\r\n\r\n",
            "GET http://localhost/public/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HEAD /.gateway/session HTTP/1.1\r\nHost: localhost\r\nConnection: X-A, close\r\nX-A: 1\r\n\r\n",
        ].map { Array($0.utf8) }
    }

    /// Returns how many requests it has sent.
    func run(_ count: Int) -> Int {
        var fuzzer = self
        var client: Client?
        for sent in 0..<count {
            if client == nil { client = try? Client(port: port) }
            guard let current = client else { return sent }
            if !fuzzer.exchange(on: current) { client = nil }
        }
        return count
    }

    /// Returns whether the connection can continue.
    private mutating func exchange(on client: Client) -> Bool {
        let isToken = mutation.number(below: 3) == 0
        let bytes = isToken ? withMutatedToken() : mutation.mutate(mutation.pick(good))
        guard client.send(bytes) else { return false }
        if !isToken {
            // Ends whatever the invalid request has left open.
            client.socket.finishSending()
        }
        do {
            _ = try client.response(within: 2)
            return isToken
        } catch {
            return false
        }
    }

    /// A request that is valid except for its token.
    private mutating func withMutatedToken() -> [UInt8] {
        let token = mutation.number(below: 2) == 0 ? mutation.mutate(mutation.pick(tokens)) : mutatedClaims()
        let text = token.map { byte in
            (0x21...0x7e).contains(byte) ? String(UnicodeScalar(byte)) : "."
        }.joined()
        return Array("GET /event/e1/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(text)\r\n\r\n".utf8)
    }

    /// A token with odd claims and a valid signature.
    private mutating func mutatedClaims() -> [UInt8] {
        let claims = Array(
            #"{"sub":"u","companyId":"acme","eventId":"e1","eventSpecific":true,"exp":4102444800,"name":"n","jti":"j"}"#
                .utf8
        )
        let header = Array(#"{"alg":"HS256","kid":"acme-2026"}"#.utf8)
        let changed = mutation.mutate(claims)
        var token = Base64URL.encode(header.span) + [UInt8(ascii: ".")] + Base64URL.encode(changed.span)
        let code = MACKey(Array(Minter.secret.utf8)).code(for: token.span)
        token += [UInt8(ascii: ".")] + Base64URL.encode(code.span)
        return token
    }
}
