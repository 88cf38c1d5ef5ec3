import ArgumentParser
import Basics
import GatewayConfiguration
import NIOHTTP1

/// `gateway kick gateway.conf SESSION…`
struct Kick: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "End sessions for good. Their viewers may join again with their links; `gateway removals add` keeps them out."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Argument(help: "Sessions, by their names in `gateway sessions` and the log.")
    var sessions: [String] = []

    @OptionGroup var filter: SessionOptions

    func validate() throws {
        let empty = filter.members.first { $0.value.allSatisfy(\.isWhitespace) }
        if let empty { throw ValidationError("--\(empty.name) is empty, and selects nothing") }
        guard !sessions.contains("") else { throw ValidationError("a session is empty, and selects nothing") }
        guard !sessions.isEmpty || !filter.members.isEmpty else {
            throw ValidationError("name sessions, or use one of --company, --event, --user, --email, --registration")
        }
    }

    func run() async throws {
        let client = AdminClient(try ConfigurationFile(path: config).loadOrExit().admin)
        let queries = sessions.isEmpty ? [filter.members] : sessions.map { filter.members + [("session", $0)] }
        var count = 0
        var last: JSONValue?
        do {
            for query in queries {
                let answer = try await client.send(.DELETE, SessionOptions.target(query))
                count += SessionList(answer)?.total ?? 0
                last = answer
            }
        } catch {
            StandardError.line("gateway: \(error)")
            throw ExitCode(1)
        }
        print(count == 1 ? "1 session ended" : "\(count) sessions ended")
        guard count > 0 else { throw ExitCode(1) }
        if let last { RemovalsCommand.tellOfMemory(last) }
    }
}
