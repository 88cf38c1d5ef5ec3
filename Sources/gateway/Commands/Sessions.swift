import ArgumentParser
import Basics
import GatewayConfiguration
import NIOHTTP1

/// `gateway sessions gateway.conf`
struct Sessions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who is there: the sessions of the gateway that runs with this configuration."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @OptionGroup var filter: SessionOptions

    @Option(help: "Show at most this many, those that joined first.")
    var limit = 1000

    @Flag(help: "Refresh every two seconds, until interrupted.")
    var watch = false

    @Flag(help: "Print the admin listener's answer.")
    var json = false

    func validate() throws {
        guard 1...100_000 ~= limit else { throw ValidationError("--limit \(limit) is not between 1 and 100000") }
    }

    func run() async throws {
        let client = AdminClient(try ConfigurationFile(path: config).loadOrExit().admin)
        let target = SessionOptions.target(filter.members + [("limit", "\(limit)")])
        repeat {
            let text: String
            do {
                text = try self.text(of: try await client.send(.GET, target))
            } catch {
                StandardError.line("gateway: \(error)")
                throw ExitCode(1)
            }
            // Clear the terminal first.
            print(watch ? "\u{1b}[H\u{1b}[2J" + text : text)
            if watch { try await Task.sleep(for: .seconds(2)) }
        } while watch
    }

    private func text(of answer: JSONValue) throws -> String {
        if json { return String(decoding: answer.serialized(), as: UTF8.self) }
        guard let list = SessionList(answer) else { throw AdminClient.Fault(description: "not a gateway's answer") }
        return list.table
    }
}
