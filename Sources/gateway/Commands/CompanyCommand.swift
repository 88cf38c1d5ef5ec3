import ArgumentParser
import Basics
import GatewayConfiguration
import NIOHTTP1

/// `gateway company …`
struct CompanyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "company",
        abstract: "Make and change companies while the gateway runs.",
        discussion: """
            The gateway that runs with the configuration keeps them in the database of [control]. Each change is in effect \
            when the command ends. A [[company]] of the configuration is shown, and changed there.
            """,
        subcommands: [
            CompanyList.self, CompanyShow.self, CompanyCreate.self, CompanyChange.self, CompanySuspend.self,
            CompanyResume.self, CompanyRemove.self, CompanySecretCommand.self, CompanyKeyCommand.self,
        ]
    )

    /// Sends a request about companies to the gateway. Reports the reason if it fails.
    ///
    /// - Parameter path: the segments after `/companies`.
    static func ask(
        _ config: String,
        _ method: HTTPMethod,
        _ path: [String] = [],
        query: [(name: String, value: String)] = [],
        _ body: [JSONMember]? = nil
    ) async throws -> JSONValue {
        do {
            let client = AdminClient(try ConfigurationFile(path: config).loadOrExit().admin)
            let place = (["/companies"] + path.map(percentEncoded)).joined(separator: "/")
            return try await client.send(method, SessionOptions.target(query, path: place), body.map { .object($0) })
        } catch let fault as AdminClient.Fault {
            StandardError.line("gateway: \(fault)")
            throw ExitCode(1)
        }
    }

    /// Prints an answer as JSON.
    static func show(_ answer: JSONValue) { print(String(decoding: answer.serialized(), as: UTF8.self)) }

    /// A text among the members of an answer.
    static func text(_ name: String, of answer: JSONValue) throws -> String {
        guard case .object(let members) = answer, case .string(let text)? = members[name] else {
            StandardError.line("gateway: not a gateway's answer")
            throw ExitCode(1)
        }
        return text
    }

    /// The text of a file without white space at its ends, for values that a list of processes must not show.
    static func content(of path: String) throws -> String {
        switch SystemFile.readToEnd(path, maxSize: 64 << 10) {
        case .success(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            return String(String(text.drop(while: \.isWhitespace).reversed()).drop(while: \.isWhitespace).reversed())
        case .failure(let fault):
            StandardError.line("gateway: \(path): \(fault.words)")
            throw ExitCode(1)
        }
    }
}

/// The gateway and the company that a command is about.
struct CompanyArguments: ParsableArguments {
    @Argument(help: "The configuration file.")
    var config: String

    @Argument(help: "The company's id.")
    var id: String
}

/// What can be changed of a company.
struct CompanyOptions: ParsableArguments {
    @Option(help: "Its name; by default its id.")
    var name: String?

    @Option(name: .customLong("origin"), help: "An origin that may frame its events; repeat it for several.")
    var origins: [String] = []

    @Option(name: .customLong("issuer"), help: "An issuer of its own tokens; repeat it for several.")
    var issuers: [String] = []

    @Option(name: .customLong("audience"), help: "An audience of its own tokens; repeat it for several.")
    var audiences: [String] = []

    @Option(
        name: .customLong("page"),
        help: "What its pages show, such as accent=#1d4ed8: name, logo, accent, contact, home; repeat it for several.",
        transform: PageOption.init(parsing:)
    )
    var page: [PageOption] = []

    var members: [JSONMember] {
        let lists = [("embedOrigins", origins), ("issuers", issuers), ("audiences", audiences)]
        return (name.map { [JSONMember("name", .string($0))] } ?? [])
            + lists.filter { !$0.1.isEmpty }.map { JSONMember($0.0, .array($0.1.map(JSONValue.string))) }
            + (page.isEmpty ? [] : [JSONMember("page", .object(page.map(\.member)))])
    }
}

/// `accent=#1d4ed8`: a member of a company's page. Without a value, it is taken away.
struct PageOption {
    let member: JSONMember

    init(parsing text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw ValidationError("write KEY=VALUE, such as accent=#1d4ed8") }
        member = JSONMember(String(parts[0]), parts[1].isEmpty ? .null : .string(String(parts[1])))
    }
}

/// `gateway company list gateway.conf`
struct CompanyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show companies.")

    @Argument(help: "The configuration file.")
    var config: String

    @Option(help: "Those with this in their id or name.")
    var query: String?

    @Option(help: "Show at most this many, the first by id.")
    var limit = 1000

    @Flag(help: "Print the admin listener's answer.")
    var json = false

    func run() async throws {
        let filter = [("limit", "\(limit)")] + (query.map { [("q", $0)] } ?? [])
        let answer = try await CompanyCommand.ask(config, .GET, query: filter.map { (name: $0.0, value: $0.1) })
        guard !json, case .object(let members) = answer, case .array(let companies)? = members["companies"] else {
            return CompanyCommand.show(answer)
        }
        let columns = ["id", "name", "source", "state", "createdAt"]
        let rows = companies.map { company in
            columns.map { column in
                guard case .object(let members) = company, case .string(let text)? = members[column] else { return "-" }
                return text
            }
        }
        print(TextTable.text(columns, rows))
        if let total = members["total"]?.number, Int(total) > rows.count {
            print("… of \(Int(total)) companies in all")
        }
    }
}

/// `gateway company show gateway.conf ID`
struct CompanyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one company, as JSON.")

    @OptionGroup var company: CompanyArguments

    func run() async throws {
        CompanyCommand.show(try await CompanyCommand.ask(company.config, .GET, [company.id]))
    }
}

/// `gateway company create gateway.conf ID`
struct CompanyCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a company with a key that signs; prints its client secret, which is shown only now."
    )

    @OptionGroup var company: CompanyArguments
    @OptionGroup var options: CompanyOptions

    func run() async throws {
        let members = [JSONMember("id", .string(company.id))] + options.members
        let answer = try await CompanyCommand.ask(company.config, .POST, [], members)
        print(try CompanyCommand.text("clientSecret", of: answer))
    }
}

/// `gateway company change gateway.conf ID --origin …`
struct CompanyChange: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change",
        abstract: "Change a company: each option that is given takes the place of what was there."
    )

    @OptionGroup var company: CompanyArguments
    @OptionGroup var options: CompanyOptions

    func validate() throws {
        guard !options.members.isEmpty else {
            throw ValidationError("give --name, --origin, --issuer, --audience or --page")
        }
    }

    func run() async throws {
        CompanyCommand.show(try await CompanyCommand.ask(company.config, .PATCH, [company.id], options.members))
    }
}

/// `gateway company suspend gateway.conf ID`
struct CompanySuspend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Accept nothing of a company, and end its sessions, until it is resumed."
    )

    @OptionGroup var company: CompanyArguments

    func run() async throws {
        let members = [JSONMember("suspended", .bool(true))]
        _ = try await CompanyCommand.ask(company.config, .PATCH, [company.id], members)
        print("\(company.id) is suspended")
    }
}

/// `gateway company resume gateway.conf ID`
struct CompanyResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "End a suspension.")

    @OptionGroup var company: CompanyArguments

    func run() async throws {
        let members = [JSONMember("suspended", .bool(false))]
        _ = try await CompanyCommand.ask(company.config, .PATCH, [company.id], members)
        print("\(company.id) is active")
    }
}

/// `gateway company remove gateway.conf ID`
struct CompanyRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a company with its events, for good."
    )

    @OptionGroup var company: CompanyArguments

    func run() async throws {
        _ = try await CompanyCommand.ask(company.config, .DELETE, [company.id])
        print("\(company.id) is removed")
    }
}
