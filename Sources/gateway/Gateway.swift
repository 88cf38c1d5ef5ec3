import ArgumentParser

/// The command line: commands and wiring, nothing else.
@main
struct Gateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Reverse-proxy auth gateway for embedded live events.",
        version: "0.1.0",
        subcommands: [
            Run.self, Check.self, TokenCommand.self, Sessions.self, Kick.self, RemovalsCommand.self, Demo.self,
        ]
    )
}
