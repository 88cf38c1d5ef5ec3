import Admission
import Basics
import CLinux
import GatewayConfiguration
import JOSE
import Logging
import Transport

@testable import DataPlane

/// A worker on a loop that takes turns only on request. Its upstream is the other end of a socket pair.
final class Wire {
    /// The bytes sent on both sides.
    struct Outcome {
        var toClient: [UInt8] = []
        /// One array per upstream connection.
        var toUpstream: [[UInt8]] = []
    }

    private let kernel = UpstreamKernel()
    private let loop: EventLoop
    private let worker: Worker
    private let site: Site

    /// The number of turns after which everything ready was handled.
    private static let turns = 6

    init() throws {
        let text = """
            public_url = "https://embed.example.com"
            [[listener]]
            address = "127.0.0.1:8080"
            [[upstream]]
            name = "host"
            servers = ["127.0.0.1:3000"]
            [[route]]
            path = "/event/{event}"
            upstream = "host"
            access = "token"
            [[route]]
            path = "/**"
            upstream = "host"
            access = "public"
            [[company]]
            id = "acme"
            [[company.key]]
            id = "one"
            algorithm = "HS256"
            secret_file = "/secret"
            [limits]
            failures_per_minute = 1000000
            """
        let secret = utf8("0123456789abcdef0123456789abcdef")
        let settings = try Settings(
            loading: ConfigurationSource(
                name: "gateway.conf",
                text: text,
                environment: { _ in nil },
                readFile: { _ in .success(secret) }
            )
        )
        site = Site(
            snapshot: Snapshot(settings: settings, previous: nil),
            directory: DirectoryView(),
            cookieKey: secret,
            assertionKey: try Key.generate(.es256, id: "assertion"),
            accessLog: LogOutput(LogSink(descriptor: -1), isJSON: true),
            logger: Logger(label: "fuzz", factory: { _ in SwiftLogNoOpLogHandler() }),
            descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
            resolver: Resolver()
        )
        loop = try EventLoop(kernel: kernel)
        worker = Worker(loop: loop, site: site)
    }

    deinit {
        worker.closeAll()
        loop.end()
    }

    /// Serves a client that sends `request`, in two parts if `cut` is given, and then ends. The upstream answers the
    /// first bytes of each connection with `answer`.
    func serve(_ request: [UInt8], cutAt cut: Int? = nil, answer: [UInt8]) throws -> Outcome {
        let connection = ClientConnection(
            worker: worker,
            listener: .viewers(0),
            address: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1"),
            isSecure: false
        )
        let (served, peer) = try FarEnd.pair()
        try connection.open(served)
        connection.begin()
        var outcome = Outcome()
        for part in [request[..<(cut ?? 0)], request[(cut ?? 0)...]] where !part.isEmpty {
            peer.send(part)
            run(&outcome, peer, answer)
        }
        peer.finishSending()
        for upstream in kernel.upstreams { upstream.finishSending() }
        run(&outcome, peer, answer)
        try end(&outcome, peer)
        return outcome
    }

    private func run(_ outcome: inout Outcome, _ peer: FarEnd, _ answer: [UInt8]) {
        for _ in 0..<Self.turns {
            loop.turn(waitingAtMost: 0)
            outcome.toClient += peer.receive()
            for (index, upstream) in kernel.upstreams.enumerated() {
                if index == outcome.toUpstream.count { outcome.toUpstream.append([]) }
                let isFirst = outcome.toUpstream[index].isEmpty
                outcome.toUpstream[index] += upstream.receive()
                if isFirst, !outcome.toUpstream[index].isEmpty { upstream.send(answer[...]) }
            }
        }
    }

    /// Closes both peers, and ends the drain for a client that might still read. Fails if a descriptor is left.
    private func end(_ outcome: inout Outcome, _ peer: FarEnd) throws {
        peer.close()
        closeUpstreams()
        for handler in handlers { (handler as? any ServedConnection)?.endDrain() }
        closeUpstreams()
        let left = handlers.count
        try require(left == 0, "\(left) descriptors are left after both peers have gone")
    }

    private func closeUpstreams() {
        for _ in 0..<Self.turns {
            for upstream in kernel.upstreams { upstream.close() }
            kernel.upstreams = []
            loop.turn(waitingAtMost: 0)
        }
    }

    private var handlers: [EventHandler] {
        var handlers: [EventHandler] = []
        loop.forEachHandler { handlers.append($0) }
        return handlers
    }
}

/// A kernel whose upstream connections are socket pairs.
private final class UpstreamKernel: Kernel {
    var upstreams: [FarEnd] = []

    override func socket(_ family: Int32) -> Int {
        guard let (served, peer) = try? FarEnd.pair() else { return -Int(EMFILE) }
        upstreams.append(peer)
        return Int(served)
    }

    override func connect(_ socket: Int32, to address: NetworkAddress) -> Int { 0 }
}

/// The end of a socket pair that the loop does not have.
final class FarEnd {
    private var descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    static func pair() throws(SystemFault) -> (served: Int32, peer: FarEnd) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the call writes two descriptors to a local.
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw SystemFault("socketpair", EMFILE)
        }
        return (ends[0], FarEnd(ends[1]))
    }

    /// Sends what the kernel accepts without waiting.
    func send(_ bytes: ArraySlice<UInt8>) {
        guard descriptor >= 0 else { return }
        // SAFETY: the slice keeps its bytes alive for the call.
        unsafe bytes.withUnsafeBytes { bytes in _ = unsafe gateway_send(descriptor, bytes.baseAddress, bytes.count, 0) }
    }

    /// Receives what is available.
    func receive() -> [UInt8] {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        while descriptor >= 0 {
            // SAFETY: the call writes at most as many bytes as the array has.
            let count = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe gateway_receive(descriptor, bytes.baseAddress, bytes.count)
            }
            guard count > 0 else { break }
            all += bytes[..<count]
        }
        return all
    }

    func finishSending() { if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_WR)) } }

    func close() {
        guard descriptor >= 0 else { return }
        CLinux.close(descriptor)
        descriptor = -1
    }
}
