import Admission
import ArgumentParser
import Basics
import DataPlane
import Glibc
import JOSE

/// `gateway demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try it on this machine: a company's site with live events in a frame, behind the gateway.",
        discussion: """
            Needs no configuration and no network. What it writes is in a temporary folder, which goes when it ends, and so do \
            its keys.
            """
    )

    @Option(help: "The port on 127.0.0.1 of the company's site; 8080, or any free one, if it is not given.")
    var port: Int?

    @Option(help: "The port on 127.0.0.1 of the gateway; 8081, or any free one, if it is not given.")
    var gatewayPort: Int?

    func validate() throws {
        for (name, port) in [("port", port), ("gateway-port", gatewayPort)] {
            guard let port, !(0...65535 ~= port) else { continue }
            throw ValidationError("--\(name) \(port) is not between 0 and 65535")
        }
    }

    func run() async throws {
        let site = try DemoPort(port, usual: 8080)
        let gateway = try DemoPort(gatewayPort, usual: 8081, not: site.number)
        let folder = try DemoFolder()
        defer { folder.remove() }
        let company = try DemoCompany(sitePort: site.number, gatewayPort: gateway.number)
        let names = EventNames()
        let host = try await EmbedHost(site: company.siteURL, names: names)
        let decisions = try Decisions(path: "\(folder.path)/decisions")
        let settings = try company.settings(
            upstreamPort: host.port,
            folder: folder.path,
            decisions: decisions.path
        )
        let (opening, opened) = AsyncStream<Void>.makeStream()
        let server = Server(
            settings: settings,
            file: nil,
            keys: DataPlane.Keys(cookie: SystemRandom.bytes(32), assertion: try Key.generate(.es256, id: "demo")),
            whenListening: { opened.finish() }
        )
        let backend = PortalBackend(company, gatewayPort: gateway.number)
        let portal = Portal(company: company, backend: backend, decisions: decisions, port: site.number)
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.run() }
            group.addTask {
                // Ends when the gateway listens.
                for await _ in opening {}
                try Task.checkCancellation()
                try await backend.makeEvents()
                names.set(try await backend.events())
                try await portal.serve { Self.tell(site, gateway, company, decisions) }
            }
            // Whichever ends, the demo does.
            defer { group.cancelAll() }
            try await group.next()
        }
        try await host.close()
    }

    private static func tell(_ site: DemoPort, _ gateway: DemoPort, _ company: DemoCompany, _ decisions: Decisions) {
        for (port, what) in [(site, "8080"), (gateway, "8081")] where port.isOther {
            print("Port \(what) is taken by another program: using \(port.number) instead.")
        }
        print(
            """

            Embed Gateway demo. Open  \(company.siteURL)

            A company's site, where you sign in as one of four people and open an event. Beside it you see what the gateway
            decides, and the code that made the link. The gateway itself listens on \(company.gatewayURL).

            Below: a line for each request to the gateway. Ctrl-C ends the demo.

            """
        )
        // Flush before the lines below, which come from another thread.
        fflush(nil)
        decisions.follow { line in
            print(DecisionText.line(line))
            fflush(nil)
        }
    }
}
