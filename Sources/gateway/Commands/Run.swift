import ArgumentParser
import GatewayConfiguration

/// `gateway run gateway.conf`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve until SIGTERM. SIGHUP reloads the configuration."
    )

    @Argument(help: "The configuration file.")
    var config: String

    func run() async throws {
        let file = ConfigurationFile(path: config)
        let settings = try file.loadOrExit()
        try StartTrial.passOrExit(settings, from: config, isThorough: false)
        try await Server(settings: settings, file: file, remarks: file.openSecrets(settings)).run()
    }
}
