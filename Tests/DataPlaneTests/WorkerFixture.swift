import Admission
import GatewayConfiguration
import JOSE
import Logging
import TestSupport
import Transport

@testable import DataPlane

/// A worker on a loop that only runs when told to, with a small configuration.
final class WorkerFixture {
    let kernel = TestKernel()
    let loop: EventLoop
    let site: Site
    let worker: Worker

    static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

    init(
        publicURL: String = "https://embed.example.com",
        server: String = "127.0.0.1:3000",
        resolver: Resolver = Resolver(),
        limits: String = ""
    ) throws {
        let text = """
            public_url = "\(publicURL)"
            [[listener]]
            address = "127.0.0.1:8080"
            [[upstream]]
            name = "host"
            servers = ["\(server)"]
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
            snapshot: Snapshot(settings: settings, generation: 1, previous: nil),
            directory: DirectoryView(),
            cookieKey: Self.secret,
            assertionKey: try Key.generate(.es256, id: "assertion"),
            accessLog: LogOutput(descriptor: -1, isJSON: true),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
            resolver: resolver
        )
        loop = try EventLoop(kernel: kernel)
        worker = Worker(loop: loop, site: site)
    }

    deinit { loop.end() }

    /// Has the loop do what there is to be done.
    func run() { for _ in 0..<4 { loop.turn(waitingAtMost: 0) } }

    /// Reads a head into the worker's scratch space, as an exchange does before it looks for credentials.
    func read(_ head: String) throws -> [UInt8] {
        let octets = octets(head)
        try worker.requestHead.parse(octets.span, length: octets.count, limits: .init())
        try worker.requestTarget.judge(octets.span, in: worker.requestHead.target)
        worker.queryMembers.scan(
            octets.span,
            in: worker.requestTarget.query,
            tokenNames: worker.snapshot.tokenNames
        )
        worker.sessionCookies.scan(octets.span, worker.requestHead.block, secure: worker.snapshot.cookie.isSecure)
        return octets
    }
}
