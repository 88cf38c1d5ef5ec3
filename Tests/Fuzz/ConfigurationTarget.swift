import GatewayConfiguration

extension FuzzTarget {
    /// The text of a configuration file.
    static let configuration = FuzzTarget("configuration") { bytes in
        let settings: Settings
        do throws(ConfigurationError) {
            settings = try load(text(bytes))
        } catch {
            try require(!error.problems.isEmpty, "a file is refused without a reason")
            for problem in error.problems {
                try require(
                    problem.hasPrefix("gateway.conf: ") && problem.utf8.allSatisfy { $0 != 0 && $0 != 0x0a },
                    "a problem is no line: \(problem)"
                )
            }
            return
        }
        let printed = settings.printed()
        let again: Settings
        do throws(ConfigurationError) {
            again = try load(printed)
        } catch {
            throw BrokenProperty(description: "what is printed does not load: \(error)\n\(printed)")
        }
        try require(again.printed() == printed, "settings change when they are printed:\n\(printed)")
    }

    private static func load(_ text: String) throws(ConfigurationError) -> Settings {
        try Settings(
            loading: ConfigurationSource(
                name: "gateway.conf",
                text: text,
                environment: { $0.utf8.elementsEqual("HOST".utf8) ? "embed.example.com" : nil },
                readFile: { path in
                    path.utf8.elementsEqual("/secret".utf8)
                        ? .success(Array(repeating: UInt8(ascii: "s"), count: 32)) : .failure(.notFound)
                }
            )
        )
    }
}
