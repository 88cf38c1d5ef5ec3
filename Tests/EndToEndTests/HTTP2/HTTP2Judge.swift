import Foundation
import Testing

/// Compares what the gateway does in a case with what it must do.
struct HTTP2Judge {
    let upstream: RecordingUpstream
    /// The port for the case.
    let port: UInt16
    /// The port for other requests meanwhile, over HTTP/1.1.
    let clearPort: UInt16

    func expect(_ promise: HTTP2Case) throws {
        settle()
        let bytes = upstream.byteCount
        let client = try HTTP2Client(port: port)
        defer { client.transport.close() }
        if let settings = promise.settings { try client.start(settings) }
        try promise.act(client)
        let verdict = HTTP2Verdict(client, promise)
        #expect(verdict.isRight, "\(promise): \(verdict.text); \(client.trace)")
        #expect(client.faults.isEmpty, "\(promise): \(client.faults)")
        expectUpstream(promise, isServed: verdict.isServed, bytesBefore: bytes)
    }

    /// Waits until nothing from earlier cases reaches the upstream any more: a request that was given up is read late.
    private func settle() {
        _ = eventually(within: 2) {
            upstream.forget()
            let bytes = upstream.byteCount
            _ = try? fetch(clearPort, "/public/barrier")
            usleep(500)
            let barrier = upstream.requests(for: "/public/barrier").reduce(0) { $0 + $1.head.count + 4 }
            return upstream.byteCount - bytes == barrier
        }
        upstream.forget()
    }

    private func expectUpstream(_ promise: HTTP2Case, isServed: Bool, bytesBefore: Int) {
        // Everything in progress arrives before this.
        #expect((try? fetch(clearPort, "/public/barrier").text) == "GET /public/barrier 0")
        let barrier = upstream.requests(for: "/public/barrier").reduce(0) { $0 + $1.head.count + 4 }
        let seen = upstream.requests.filter { !["/public/barrier", "/public/first"].contains($0.target) }
        let whole = seen.filter(\.isComplete)
        #expect(seen.allSatisfy { $0.target == "/public/m" }, "\(promise): \(seen.map(\.target))")
        switch promise.outcome {
        case .refused:
            let count = upstream.byteCount - bytesBefore - barrier
            #expect(count == 0, "\(promise): the upstream got \(count) bytes: \(seen.map(\.target))")
        case .refusedInBody:
            #expect(whole.isEmpty, "\(promise): \(seen.map { String(decoding: $0.head, as: UTF8.self) })")
        case .refusedBehind(let body):
            #expect(whole.count <= 1 && whole.allSatisfy { $0.body.count == body }, "\(promise): \(whole)")
        case .served(let body), .either(let body):
            #expect(whole.last?.body.count == (isServed ? body : nil), "\(promise)")
            #expect(whole.allSatisfy { $0.fields.allSatisfy(Self.isForwarded) }, "\(promise): \(whole)")
        case .connectionError, .streamError, .ignored, .ignoredOrError, .closed:
            #expect(seen.count <= 1, "\(promise): \(seen.map(\.target))")
        }
    }

    /// Fields that no request of the cases may bring to the upstream.
    private static func isForwarded(_ field: Field) -> Bool {
        let name = field.name.lowercased()
        return !name.hasPrefix(":") && !["te", "upgrade", "keep-alive"].contains(name)
    }
}

/// The outcome of a case.
private struct HTTP2Verdict {
    var isRight = false
    /// Whether the upstream's answer arrived.
    var isServed = false
    var text: String

    init(_ client: HTTP2Client, _ promise: HTTP2Case) {
        switch promise.outcome {
        case .connectionError(let codes):
            client.wait(within: 8) { client.failure != nil }
            let outcome = client.outcome(of: promise.stream, within: 0)
            text = "\(outcome)"
            if case .goAway(let code) = outcome, codes.contains(code) { isRight = client.isClosed() }
            if !client.isEnded { text += ", the connection stays" }
            if client.goAways.count > 2 { isRight = false }
        case .streamError(let codes):
            client.wait(within: 8) { client.failure != nil || client.streams[promise.stream]?.reset != nil }
            let outcome = client.outcome(of: promise.stream, within: 0)
            text = "\(outcome)"
            if case .goAway(let code) = outcome, codes.contains(code) { isRight = client.isClosed() }
            if case .reset(let code) = outcome, codes.contains(code) { isRight = client.isAlive() }
        case .refused, .refusedInBody, .refusedBehind:
            let outcome = client.outcome(of: promise.stream)
            text = "\(outcome)"
            isRight = Self.isRefusal(outcome, client)
            if case .refusedBehind = promise.outcome, outcome == .answered(200) { isRight = client.isAlive() }
        case .served, .either:
            let outcome = client.outcome(of: promise.stream)
            text = "\(outcome)"
            isServed = outcome == .answered(200)
            if isServed {
                isRight = client.isAlive() || client.hasSentGoAway
            } else if case .either = promise.outcome {
                isRight = Self.isRefusal(outcome, client)
            }
        case .ignored:
            isRight = client.isAlive() && client.failure == nil
            text = "\(client.outcome(of: promise.stream, within: 0))"
        case .ignoredOrError(let codes):
            let isAlive = client.isAlive()
            let outcome = client.outcome(of: promise.stream, within: 0)
            text = "\(outcome)"
            switch outcome {
            case .goAway(let code): isRight = codes.contains(code) && client.isClosed()
            case .reset(let code): isRight = isAlive && (codes.contains(code) || code == .cancel)
            case .answered, .nothing: isRight = isAlive
            case .closed: break
            }
        case .closed:
            isRight = client.isClosed()
            text = isRight ? "closed" : "not closed"
        }
    }

    /// An error of the stream or of the connection, or an answer that reports one.
    private static func isRefusal(_ outcome: HTTP2Outcome, _ client: HTTP2Client) -> Bool {
        switch outcome {
        case .goAway(let code): [.protocolError, .enhanceYourCalm].contains(code) && client.isClosed()
        case .reset(let code): [.protocolError, .refusedStream].contains(code) && client.isAlive()
        case .answered(let status): (400..<600).contains(status) && client.isAlive()
        case .closed, .nothing: false
        }
    }
}
