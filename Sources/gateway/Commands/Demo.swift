import Admission
import ArgumentParser
import Basics
import DataPlane
import Glibc
import JOSE

/// `gateway demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try it on this machine: a small embed host behind the gateway, and links to open.",
        discussion: "Needs no configuration, writes no files, and forgets its keys when it ends."
    )

    @Option(help: "The port on 127.0.0.1 that the gateway listens on.")
    var port = 8080

    func validate() throws {
        guard 1...65535 ~= port else { throw ValidationError("--port \(port) is not between 1 and 65535") }
    }

    func run() async throws {
        let company = try DemoCompany(publicURL: "http://localhost:\(port)")
        let links = try company.links()
        let host = try await EmbedHost(links: links)
        let settings = try company.settings(port: port, upstreamPort: host.port)
        let server = Server(
            settings: settings,
            file: nil,
            directory: company.directory(),
            keys: DataPlane.Keys(cookie: SystemRandom.bytes(32), assertion: try Key.generate(.es256, id: "demo")),
            whenListening: {
                print(DemoLink.text(links, index: company.publicURL))
                // Flush before the access log's lines, which bypass the buffer of `print`.
                fflush(nil)
            }
        )
        do {
            try await server.run()
        } catch {
            StandardError.line("gateway: another program may have port \(port); choose one with --port")
            throw error
        }
        try await host.close()
    }
}
