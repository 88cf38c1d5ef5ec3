import Foundation
import Testing

extension Chaos {
    /// An answer, or none, of an upstream that is otherwise well: it serves the next request.
    private static func answer(
        _ name: String,
        _ client: String,
        _ log: String,
        _ metrics: [String: Double] = [:],
        method: String = "GET",
        body: [UInt8] = [],
        timeout: String = "20s",
        _ script: @escaping RecordingUpstream.Script
    ) -> Chaos {
        Chaos(
            name: name,
            client: client,
            log: log,
            metrics: metrics,
            adjust: { $0.upstream = "response_timeout = \"\(timeout)\"" },
            scripts: ["/public/chaos": script],
            act: { chaos in
                let answer = try chaos.request(method: method, body: body)
                #expect(try chaos.request("/public/next") == "200 GET /public/next 0")
                return answer
            }
        )
    }

    /// A server that cannot be used at all.
    private static func server(
        _ fault: String,
        _ name: String,
        upstream: String = "",
        _ address: @escaping @Sendable (_ upstream: String) throws -> String
    ) -> Chaos {
        Chaos(
            name: name,
            client: "502 upstream_unavailable",
            log: "status=502 verdict=refuse refusal=upstream_unavailable fault=\(fault)",
            message: "is down: \(fault)",
            metrics: ["upstream_faults fault=\(fault)": 1, "refusals code=upstream_unavailable": 1],
            adjust: {
                $0.servers = [try address($0.servers[0])]
                $0.upstream = upstream
            },
            act: { try $0.request() }
        )
    }

    static let upstreams = servers + silence + bodies + connections

    private static let servers = [
        server("refused", "nobody listens") { _ in "127.0.0.1:\(try Listener.freePorts(1)[0])" },
        server("unreachable", "its socket is gone") { _ in "unix:/nowhere/embed-host.sock" },
        server("dns", "the name server does not know its name") { _ in "no-such-host.invalid:80" },
        server("tls", "it does not speak TLS", upstream: "connect_timeout = \"2s\"") { "https://\($0)" },
    ]

    private static let tooLate = (
        client: "504 upstream_timeout",
        log: "status=504 verdict=refuse refusal=upstream_timeout fault=timeout",
        metrics: ["upstream_faults fault=timeout": 1.0, "refusals code=upstream_timeout": 1.0]
    )

    private static func unavailable(_ fault: String) -> String {
        "status=502 verdict=refuse refusal=upstream_unavailable fault=\(fault)"
    }

    private static let silence = [
        answer("it accepts and never answers", tooLate.client, tooLate.log, tooLate.metrics, timeout: "2s") {
            exchange in
            _ = exchange.socket.receive(within: 20)
            return false
        },
        answer("it sends half a head, then nothing", tooLate.client, tooLate.log, tooLate.metrics, timeout: "2s") {
            exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Le")
            _ = exchange.socket.receive(within: 20)
            return false
        },
        answer("it sends its head by the byte", tooLate.client, tooLate.log, tooLate.metrics, timeout: "2s") {
            exchange in
            exchange.send("HTTP/1.1 200 OK\r\nX: ")
            while exchange.socket.send([120], within: 20) { usleep(50_000) }
            return false
        },
        answer(
            "it sends half a head and closes",
            "502 upstream_unavailable",
            unavailable("closed_early"),
            ["upstream_faults fault=closed_early": 1, "refusals code=upstream_unavailable": 1]
        ) { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Le")
            return false
        },
        answer(
            "its head has no end: 2 GB are on their way",
            "502 upstream_unavailable",
            unavailable("bad_response:too_large"),
            ["upstream_faults fault=bad_response": 1, "refusals code=upstream_unavailable": 1]
        ) { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nX: ")
            #expect(sentUntilClosed(exchange, [UInt8](repeating: 120, count: 65_536)) < kernelBuffers)
            return false
        },
    ]

    private static let bodies = [
        answer(
            "it resets in the body",
            "cut after 5 bytes of the body",
            "status=200 fault=closed_early cut=upstream",
            ["upstream_faults fault=closed_early": 1, "requests_cut by=upstream": 1]
        ) { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
            // A reset discards what the gateway has not read yet.
            usleep(100_000)
            exchange.socket.resetOnClose()
            return false
        },
        // As server-sent events do, and so nothing is wrong. It takes twice response_timeout.
        answer("it sends a body by the byte", "200 12345678", "status=200", timeout: "1500ms") { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
            for digit in 1...8 {
                usleep(400_000)
                exchange.send("\(digit)")
            }
            return true
        },
        answer(
            "the size of a chunk has no end: 2 GB are on their way",
            "cut after 0 bytes of the body",
            "status=200 fault=bad_response:chunk cut=upstream",
            ["upstream_faults fault=bad_response": 1, "requests_cut by=upstream": 1]
        ) { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(sentUntilClosed(exchange, [UInt8](repeating: 48, count: 65_536)) < kernelBuffers)
            return false
        },
        answer(
            "it answers before the upload and resets",
            "413 no",
            "status=413",
            method: "POST",
            body: [UInt8](repeating: 120, count: 8_000_000)
        ) { exchange in
            exchange.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            usleep(100_000)
            exchange.socket.resetOnClose()
            return false
        },
    ]

    private static let connections = [
        kept("GET", "200 GET /public/chaos 0", "status=200", arrivals: 2, ["upstream_retries": 1]),
        kept(
            "POST",
            "502 upstream_unavailable",
            unavailable("closed_early"),
            arrivals: 1,
            ["refusals code=upstream_unavailable": 1]
        ),
    ]

    /// A connection that has served a request, and closes as the next one arrives.
    private static func kept(
        _ method: String,
        _ client: String,
        _ log: String,
        arrivals: Int,
        _ metrics: [String: Double]
    ) -> Chaos {
        Chaos(
            name: "its kept connection closes as a \(method) arrives",
            client: client,
            log: log,
            metrics: metrics.merging(["upstream_faults fault=closed_early": 1]) { $1 },
            adjust: { $0.top = "threads = 1" },
            act: { chaos in
                #expect(try chaos.request("/public/first") == "200 GET /public/first 0")
                let used = chaos.site.upstream.requests.last?.connection
                chaos.site.upstream.on(chaos.path) { try $0.request.connection != used && $0.echo() }
                let answer = try chaos.request(method: method, body: method == "POST" ? [1] : [])
                #expect(chaos.site.upstream.requests(for: chaos.path).count == arrivals)
                return answer
            }
        )
    }

    /// More than the kernel takes for a reader that reads no more.
    private static let kernelBuffers = 32 << 20

    /// Sends a piece again and again, up to 2 GB. Returns how many bytes were taken before the gateway closed.
    private static func sentUntilClosed(_ exchange: UpstreamExchange, _ piece: [UInt8]) -> Int {
        var count = 0
        while count < 2 << 30, exchange.socket.send(piece, within: 20) { count += piece.count }
        return count
    }
}
