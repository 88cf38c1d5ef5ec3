import ArgumentParser
import Basics
import GatewayConfiguration
import NIOHTTP1

/// `gateway removals …`
struct RemovalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "removals",
        abstract: "Keep viewers out of an event, and let them in again.",
        discussion: """
            The gateway that runs with the configuration does it. Removals are kept in its database; without [control] they \
            are kept in memory, and over when it stops.
            """,
        subcommands: [RemovalsList.self, RemovalsAdd.self, RemovalsLift.self]
    )

    /// Warns on standard error if the change will be forgotten at a restart.
    static func tellOfMemory(_ answer: JSONValue) {
        guard case .object(let members) = answer, case .string(let place)? = members["kept"], place == "memory" else {
            return
        }
        StandardError.line("gateway: there is no [control] database: this is forgotten when the gateway restarts")
    }

    /// Sends a request to the gateway. Reports the reason if it fails.
    static func ask(
        _ config: String,
        _ method: HTTPMethod,
        _ members: [(name: String, value: String?)]
    ) async throws -> JSONValue {
        let query = members.compactMap { member in member.value.map { (name: member.name, value: $0) } }
        do {
            let client = AdminClient(try ConfigurationFile(path: config).loadOrExit().admin)
            return try await client.send(method, SessionOptions.target(query, path: "/removals"))
        } catch let fault as AdminClient.Fault {
            StandardError.line("gateway: \(fault)")
            throw ExitCode(1)
        }
    }
}

/// `gateway removals list gateway.conf`
struct RemovalsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show who is kept out.")

    @Argument(help: "The configuration file.")
    var config: String

    @Option(help: "Of this company only.")
    var company: String?

    @Option(help: "Of this event only.")
    var event: String?

    @Flag(help: "Print the admin listener's answer.")
    var json = false

    func run() async throws {
        let answer = try await RemovalsCommand.ask(config, .GET, [("company", company), ("event", event)])
        guard !json, case .object(let members) = answer, case .array(let removals)? = members["removals"] else {
            print(String(decoding: answer.serialized(), as: UTF8.self))
            return
        }
        let columns = ["id", "company", "event", "userId", "email", "registrationId", "until", "reason"]
        let rows = removals.map { removal in
            columns.map { column in
                guard case .object(let members) = removal, case .string(let text)? = members[column] else { return "-" }
                return text
            }
        }
        print(TextTable.text(columns, rows))
        RemovalsCommand.tellOfMemory(answer)
    }
}

/// `gateway removals add gateway.conf --event E --user U`
struct RemovalsAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Remove a viewer from an event, until a time or for good; prints the removal's id."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Option(help: "The company that owns the event; not needed with one company, or if the directory knows the event.")
    var company: String?

    @Option(help: "From which event.")
    var event: String

    @Option(help: "The viewer with this user id.")
    var user: String?

    @Option(help: "The viewer with this e-mail.")
    var email: String?

    @Option(help: "The viewer with this registration.")
    var registration: String?

    @Option(help: "The end, such as 2030-01-31T17:00:00Z; by default for good.")
    var until: String?

    @Option(help: "The reason; viewers do not see it.")
    var reason: String?

    func validate() throws {
        guard [user, email, registration].compactMap({ $0 }).count == 1 else {
            throw ValidationError("name one viewer, with --user, --email or --registration")
        }
    }

    func run() async throws {
        let members = [
            ("company", company), ("event", event), ("user", user), ("email", email), ("registration", registration),
            ("until", until), ("reason", reason),
        ]
        let answer = try await RemovalsCommand.ask(config, .POST, members)
        guard case .object(let removal) = answer, case .string(let id)? = removal["id"] else {
            StandardError.line("gateway: not a gateway's answer")
            throw ExitCode(1)
        }
        print(id)
        RemovalsCommand.tellOfMemory(answer)
    }
}

/// `gateway removals lift gateway.conf ID…`
struct RemovalsLift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "lift", abstract: "Let viewers in again.")

    @Argument(help: "The configuration file.")
    var config: String

    @Argument(help: "Removals, by their ids in `gateway removals list`.")
    var removals: [String]

    func run() async throws {
        for id in removals { _ = try await RemovalsCommand.ask(config, .DELETE, [("id", id)]) }
        print(removals.count == 1 ? "1 removal lifted" : "\(removals.count) removals lifted")
    }
}
