import Admission
import Basics
import GatewayConfiguration
import JOSE
import Logging
import TestSupport
import Transport

@testable import DataPlane

/// A worker on a loop that runs only when told to, with a small configuration.
final class WorkerFixture {
    let kernel = TestKernel()
    let loop: EventLoop
    let site: Site
    let worker: Worker

    static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

    init(
        publicURL: String = "https://embed.example.com",
        server: String = "127.0.0.1:3000",
        upstream: String = "",
        resolver: Resolver = Resolver(),
        companies: String = "",
        limits: String = "",
        accessLog: LogOutput = LogOutput(LogSink(descriptor: -1), isJSON: true)
    ) throws {
        let text = """
            public_url = "\(publicURL)"
            [[listener]]
            address = "127.0.0.1:8080"
            [[upstream]]
            name = "host"
            servers = ["\(server)"]
            \(upstream)
            [[route]]
            path = "/event/{event}"
            upstream = "host"
            access = "token"
            [[route]]
            path = "/public/**"
            upstream = "host"
            access = "public"
            [[company]]
            id = "acme"
            [[company.key]]
            id = "one"
            algorithm = "HS256"
            secret_file = "/secret"
            \(companies)
            [limits]
            \(limits)
            """
        let settings = try Settings(
            loading: ConfigurationSource(
                name: "gateway.conf",
                text: text,
                environment: { _ in nil },
                readFile: { _ in .success(Self.secret) }
            )
        )
        site = Site(
            snapshot: Snapshot(settings: settings, previous: nil),
            directory: DirectoryView(),
            cookieKey: Self.secret,
            assertionKey: try Key.generate(.es256, id: "assertion"),
            accessLog: accessLog,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
            resolver: resolver
        )
        loop = try EventLoop(kernel: kernel)
        worker = Worker(loop: loop, site: site)
    }

    deinit {
        worker.closeAll()
        loop.end()
    }

    /// The far end of a client's HTTP/1.1 connection.
    ///
    /// - Parameter other: serves it instead of ``worker``.
    func connect(isSecure: Bool = false, to other: Worker? = nil) throws -> Peer {
        let connection = ClientConnection(
            worker: other ?? worker,
            listener: .viewers(0),
            address: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1"),
            isSecure: isSecure
        )
        let (served, peer) = try Peer.pair()
        try connection.open(served)
        connection.begin()
        return peer
    }

    /// Lets the loop do everything that is ready.
    func run() { for _ in 0..<4 { loop.turn(waitingAtMost: 0) } }

    /// Reads a head as an exchange does before it looks for credentials.
    func withRequest<Result>(_ head: String, _ body: (RequestView) throws -> Result) throws -> Result {
        try withView(head, worker.requestParts) { request in
            request.scanQuery(tokenNames: worker.snapshot.tokenNames)
            request.scanCookies(isSecure: worker.snapshot.cookie.isSecure)
            return try body(request)
        }
    }
}
