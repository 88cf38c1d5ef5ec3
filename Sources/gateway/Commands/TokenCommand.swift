import ArgumentParser

/// `gateway token …`
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, inspect and verify tokens.",
        subcommands: [TokenMint.self, TokenInspect.self, TokenVerify.self]
    )
}
