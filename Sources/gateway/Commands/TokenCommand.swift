import ArgumentParser

/// `gateway token …`
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, look into and check tokens.",
        subcommands: [TokenMint.self, TokenInspect.self, TokenVerify.self]
    )
}
