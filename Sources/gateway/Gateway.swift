import ArgumentParser
import Basics

/// The command line: commands and wiring, nothing else.
@main
struct Gateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Reverse-proxy auth gateway for embedded live events.",
        version: ProductVersion.text,
        subcommands: [
            Run.self, Check.self, TokenCommand.self, Sessions.self, Kick.self, RemovalsCommand.self,
            CompanyCommand.self, DirectoryCommand.self, UpstreamsCommand.self, Demo.self,
        ]
    )

    static func main() async {
        if let command = CommandLine.arguments.dropFirst().first, ["run", "demo"].contains(ExactText(command)) {
            EarlySignals.keep()
            // Ask now: later another version may be there.
            _ = (Program.startedAt, Program.path)
        }
        await main(nil)
    }
}
