import ArgumentParser
import GatewayConfiguration

/// `gateway run gateway.conf`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve until SIGTERM. SIGHUP reloads the configuration."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Flag(
        help:
            "Take the place of the gateway that runs with this configuration: no connection is refused, no session is lost."
    )
    var takeOver = false

    @Option(help: ArgumentHelp("With --take-over: only from this process.", visibility: .hidden))
    var from: Int32?

    func run() async throws {
        let file = ConfigurationFile(path: config)
        let settings = try file.loadOrExit()
        try StartTrial.passOrExit(settings, from: config, isThorough: false)
        var server = Server(settings: settings, file: file, remarks: file.openFiles(settings))
        server.takesOver = takeOver
        server.predecessor = from
        try await server.run()
    }
}
