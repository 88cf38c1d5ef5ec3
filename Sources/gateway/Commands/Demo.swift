import ArgumentParser

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show it all on this machine: a small embed host behind the gateway, and links to try.")
    func run() async throws {}
}
