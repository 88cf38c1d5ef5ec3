import Testing

extension EndToEnd {
    @Suite("A request that can be read in two ways is refused, and nothing is smuggled")
    struct MalformedRequestTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws { site = try Self.shared.get() }

        @Test("There are at least 120 such requests")
        func count() {
            #expect(MalformedRequest.all.count >= 120)
            #expect(Set(MalformedRequest.all.map(\.name)).count == MalformedRequest.all.count)
        }

        @Test("Complete", arguments: MalformedRequest.all)
        func whole(request: MalformedRequest) throws {
            try expect(request, runs: 1) { clients in clients[0].send(request.bytes) }
        }

        @Test("With another request right after it", arguments: MalformedRequest.all)
        func pipelined(request: MalformedRequest) throws {
            let next = "GET /public/smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            try expect(request, runs: 1, isFollowed: true) { clients in
                clients[0].send(request.bytes + Array(next.utf8))
            }
        }

        @Test("Byte by byte", arguments: MalformedRequest.all)
        func slowly(request: MalformedRequest) throws {
            guard request.bytes.count < 1000 else { return }
            try expect(request, runs: 1) { clients in clients[0].sendSlowly(request.bytes) }
        }

        @Test("In two pieces, split at every byte", arguments: MalformedRequest.all)
        func split(request: MalformedRequest) throws {
            let bytes = request.bytes
            let step = bytes.count < 1000 ? 1 : bytes.count / 24
            let cuts = Array(stride(from: 1, to: bytes.count, by: step))
            try expect(request, runs: cuts.count) { clients in
                for (client, cut) in zip(clients, cuts) { client.send(Array(bytes[..<cut])) }
                // A valid exchange gives the gateway time to read the first pieces separately.
                let status = try fetch(site.port, "/.gateway/healthz").status
                #expect(status == 200)
                for (client, cut) in zip(clients, cuts) { client.send(Array(bytes[cut...])) }
            }
        }

        /// Sends on new connections, and checks the answers on each and what the upstream saw.
        private func expect(
            _ request: MalformedRequest,
            runs: Int,
            isFollowed: Bool = false,
            _ send: ([Client]) throws -> Void
        ) throws {
            if case .unfinished = request.outcome, !isFollowed { return }
            site.upstream.forget()
            let bytes = site.upstream.byteCount
            let clients = try (0..<runs).map { _ in try Client(port: site.port) }
            try send(clients)
            let answers = clients.map { Answer($0, request, isFollowed: isFollowed) }
            for answer in answers where !answer.isRight {
                Issue.record("\(request.name): \(answer.text)")
                break
            }
            // Everything in progress arrives before this.
            let barrier = try fetch(site.port, "/public/barrier")
            #expect(barrier.text == "GET /public/barrier 0")
            let served = answers.count { $0.isServed }
            expectUpstream(request, served: served, followed: answers.count { $0.isNextServed }, bytesBefore: bytes)
        }

        private func expectUpstream(_ request: MalformedRequest, served: Int, followed: Int, bytesBefore: Int) {
            let seen = site.upstream.requests.filter { $0.target != "/public/barrier" }
            let barrier = site.upstream.requests(for: "/public/barrier").reduce(0) { $0 + $1.head.count + 4 }
            let whole = seen.filter(\.isComplete)
            #expect(whole.filter { $0.target == "/public/m" }.count == served, "\(request.name): whole requests")
            #expect(whole.count == served + followed, "\(request.name): a second request: \(whole.map(\.target))")
            switch request.outcome {
            case .refused:
                let count = site.upstream.byteCount - bytesBefore - barrier
                #expect(count == 0, "\(request.name): the upstream got \(count) bytes: \(seen.map(\.target))")
            case .refusedInBody, .unfinished:
                #expect(seen.allSatisfy { $0.target == "/public/m" && !$0.isComplete }, "\(request.name)")
            case .served(let body), .either(let body):
                #expect(whole.allSatisfy { $0.target != "/public/m" || $0.body.count == body }, "\(request.name)")
            }
        }
    }
}

/// The answers on one connection.
private struct Answer {
    var isRight = false
    var isServed = false
    /// Whether the request after it was served too.
    var isNextServed = false
    var text = ""

    init(_ client: Client, _ request: MalformedRequest, isFollowed: Bool) {
        defer { client.socket.close() }
        do {
            let response = try client.response(within: 8)
            text = "\(response.status) \(response.text.prefix(200))"
            isServed = response.status == 200
            switch request.outcome {
            case .refused, .refusedInBody, .unfinished: isRight = (400..<600).contains(response.status) && isEnd(client)
            case .served(let body): isRight = isRightAnswer(response, body) && isNextRight(client, isFollowed)
            case .either(let body):
                isRight =
                    isServed
                    ? isRightAnswer(response, body) && isNextRight(client, isFollowed)
                    : (400..<600).contains(response.status) && isEnd(client)
            }
        } catch MessageFault.closed {
            // Input that is not HTTP at all needs no answer.
            text = "closed without an answer"
            isRight =
                !request.bytes.starts(with: Array("GET".utf8)) && !request.bytes.starts(with: Array("POST".utf8))
        } catch {
            text = "\(error), \(String(decoding: client.reader.buffer.prefix(200), as: UTF8.self))"
        }
    }

    private mutating func isEnd(_ client: Client) -> Bool {
        if client.isClosed(within: 8) { return true }
        text += "; then not the end, but \(String(decoding: client.reader.buffer.prefix(100), as: UTF8.self))"
        return false
    }

    private func isRightAnswer(_ response: Response, _ body: Int) -> Bool {
        response.status == 200 && response.text.hasSuffix("/public/m \(body)")
    }

    /// The request after it gets its own answer, or the connection ends.
    private mutating func isNextRight(_ client: Client, _ isFollowed: Bool) -> Bool {
        guard isFollowed else { return true }
        do {
            let next = try client.response(within: 8)
            isNextServed = next.status == 200
            if next.text != "GET /public/smuggled 0" { text += "; next: \(next)" }
            return next.text == "GET /public/smuggled 0"
        } catch MessageFault.closed {
            return true
        } catch {
            text += "; next: \(error)"
            return false
        }
    }
}
