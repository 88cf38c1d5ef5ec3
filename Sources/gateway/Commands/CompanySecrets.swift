import ArgumentParser
import Basics
import NIOHTTP1

/// `gateway company secret …`
struct CompanySecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Add and revoke client secrets, with which a company's backend gets API tokens.",
        subcommands: [CompanySecretAdd.self, CompanySecretRevoke.self]
    )
}

/// `gateway company secret add gateway.conf ID`
struct CompanySecretAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make a client secret and print it; it is shown only now. The others stay good."
    )

    @OptionGroup var company: CompanyArguments

    @Option(help: "The file of a secret to use instead of a new one.")
    var secretFile: String?

    @Option(help: "When the others end, such as 2030-01-31T17:00:00Z; by default not.")
    var previousUntil: String?

    func run() async throws {
        var members: [JSONMember] = []
        if let secretFile { members.append(JSONMember("secret", .string(try CompanyCommand.content(of: secretFile)))) }
        if let previousUntil { members.append(JSONMember("previousUntil", .string(previousUntil))) }
        let answer = try await CompanyCommand.ask(company.config, .POST, [company.id, "secrets"], members)
        print(try CompanyCommand.text(secretFile == nil ? "secret" : "id", of: answer))
    }
}

/// `gateway company secret revoke gateway.conf ID SECRET`
struct CompanySecretRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a client secret and the API tokens that it obtained."
    )

    @OptionGroup var company: CompanyArguments

    @Argument(help: "The secret's id, in `gateway company show`.")
    var secret: String

    func run() async throws {
        _ = try await CompanyCommand.ask(company.config, .DELETE, [company.id, "secrets", secret])
        print("secret \(secret) is revoked")
    }
}

/// `gateway company key …`
struct CompanyKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Add and revoke keys, which sign and verify viewers' tokens.",
        subcommands: [CompanyKeyAdd.self, CompanyKeyRevoke.self]
    )
}

/// `gateway company key add gateway.conf ID`
struct CompanyKeyAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a key. By default a new one, which signs from now on; the one before is still good."
    )

    @OptionGroup var company: CompanyArguments

    @Option(name: .customLong("kid"), help: "Its id in tokens; by default a random one.")
    var keyID: String?

    @Option(help: "Its algorithm, such as ES256; of a new key by default HS256.")
    var algorithm: String?

    @Option(help: "The file of a secret that the company signs with.")
    var secretFile: String?

    @Option(help: "The file of a public key (PEM) that the company signs with.")
    var publicKeyFile: String?

    @Option(help: "Where the company publishes its keys.")
    var jwksURL: String?

    @Flag(help: "Let the gateway sign with the given secret too.")
    var signs = false

    @Option(help: "When the keys that signed before end, such as 2030-01-31T17:00:00Z; by default not.")
    var previousUntil: String?

    func run() async throws {
        var members: [JSONMember] = []
        for (name, text) in [
            ("id", keyID), ("algorithm", algorithm), ("secret", try secretFile.map(CompanyCommand.content)),
            ("publicKey", try publicKeyFile.map(CompanyCommand.content)), ("jwksUrl", jwksURL),
            ("previousUntil", previousUntil),
        ] {
            if let text { members.append(JSONMember(name, .string(text))) }
        }
        if signs { members.append(JSONMember("signs", .bool(true))) }
        let answer = try await CompanyCommand.ask(company.config, .POST, [company.id, "keys"], members)
        print(try CompanyCommand.text("id", of: answer))
    }
}

/// `gateway company key revoke gateway.conf ID KEY`
struct CompanyKeyRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a key, and the links and sessions that stand on it."
    )

    @OptionGroup var company: CompanyArguments

    @Argument(help: "The key's id, in `gateway company show`.")
    var key: String

    func run() async throws {
        _ = try await CompanyCommand.ask(company.config, .DELETE, [company.id, "keys", key])
        print("key \(key) is revoked")
    }
}
