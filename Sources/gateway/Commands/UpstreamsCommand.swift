import ArgumentParser
import Basics
import GatewayConfiguration
import NIOHTTP1

/// `gateway upstreams …`
struct UpstreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstreams",
        abstract: "Show the upstream servers, and take them out for maintenance.",
        discussion: """
            The gateway that runs with the configuration does it. A drained server gets no more requests; those in progress \
            finish, WebSockets too. Reloads keep it drained, a restart does not.
            """,
        subcommands: [UpstreamsList.self, UpstreamsDrain.self, UpstreamsReady.self]
    )

    /// Sends a request to the gateway. Reports the reason if it fails.
    fileprivate static func ask(
        _ config: String,
        _ method: HTTPMethod,
        _ members: [(name: String, value: String)] = []
    ) async throws -> JSONValue {
        let client = AdminClient(try ConfigurationFile(path: config).loadOrExit().admin)
        do {
            return try await client.send(method, SessionOptions.target(members, path: "/upstreams"))
        } catch {
            StandardError.line("gateway: \(error)")
            throw ExitCode(1)
        }
    }

    fileprivate static func table(of answer: JSONValue) -> String {
        let columns = ["upstream", "server", "state", "connections", "weight", "backup", "reason"]
        guard case .object(let members) = answer, case .array(let upstreams)? = members["upstreams"] else {
            return "not a gateway's answer"
        }
        var rows: [[String]] = []
        for case .object(let upstream) in upstreams {
            guard case .array(let servers)? = upstream["servers"] else { continue }
            for case .object(let server) in servers {
                rows.append([text(upstream["name"]), text(server["address"])] + columns[2...].map { text(server[$0]) })
            }
        }
        return TextTable.text(columns, rows)
    }

    private static func text(_ value: JSONValue?) -> String {
        switch value {
        case .string(let text): text
        case .number(let number): "\(Int(number))"
        case .bool(let isSo): isSo ? "yes" : "no"
        default: "-"
        }
    }
}

/// `gateway upstreams list gateway.conf`
struct UpstreamsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show how the servers are.")

    @Argument(help: "The configuration file.")
    var config: String

    @Flag(help: "Print the admin listener's answer.")
    var json = false

    func run() async throws {
        let answer = try await UpstreamsCommand.ask(config, .GET)
        print(json ? String(decoding: answer.serialized(), as: UTF8.self) : UpstreamsCommand.table(of: answer))
    }
}

/// The server that a command is about.
struct ServerOptions: ParsableArguments {
    @Argument(help: "The configuration file.")
    var config: String

    @Argument(help: "The upstream, by its name.")
    var upstream: String

    @Argument(help: "The server, as in `gateway upstreams list`.")
    var server: String

    fileprivate func set(_ state: String) async throws {
        let members = [("upstream", upstream), ("server", server), ("state", state)]
        print(UpstreamsCommand.table(of: try await UpstreamsCommand.ask(config, .POST, members)))
    }
}

/// `gateway upstreams drain gateway.conf UPSTREAM SERVER`
struct UpstreamsDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send a server no more requests. It has none left once its connections are 0."
    )

    @OptionGroup var server: ServerOptions

    func run() async throws { try await server.set("drain") }
}

/// `gateway upstreams ready gateway.conf UPSTREAM SERVER`
struct UpstreamsReady: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ready",
        abstract: "Send a drained server requests again."
    )

    @OptionGroup var server: ServerOptions

    func run() async throws { try await server.set("ready") }
}
