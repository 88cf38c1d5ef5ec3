import Basics

/// A configuration to load: its text, and access to what the text refers to.
package struct ConfigurationSource {
    /// The name in problem messages, as in `gateway.conf: …`.
    package let name: String
    package let text: String
    /// The value of an environment variable; `nil` if it is not set.
    package let environment: (String) -> String?
    package let readFile: (String) -> Result<[UInt8], FileFault>

    package init(
        name: String,
        text: String,
        environment: @escaping (String) -> String?,
        readFile: @escaping (String) -> Result<[UInt8], FileFault>
    ) {
        self.name = name
        self.text = text
        self.environment = environment
        self.readFile = readFile
    }
}

/// Why a file that the configuration names could not be read.
package enum FileFault: Error, Sendable, Equatable {
    case notFound
    case permissionDenied
    case isDirectory
    /// Larger than any key or secret needs to be.
    case tooLarge
    /// Any other reason, in the system's words.
    case other(String)

    /// The fault as the start of a sentence that ends in the file's path.
    var reason: String {
        switch self {
        case .notFound: "no such file"
        case .permissionDenied: "permission denied"
        case .isDirectory: "is a directory, not a file"
        case .tooLarge: "too large"
        case .other(let words): words
        }
    }
}

/// All problems of a configuration, in the order of the schema.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Lines such as `gateway.conf: listener[0].certificate: no such file: /etc/…`.
    package let problems: [String]

    /// Keeps each problem one line: the TOML library repeats characters of the file, and paths may hold any.
    package init(problems: [String]) {
        self.problems = problems.map(TerminalText.escaped)
    }

    package var description: String { problems.joined(separator: "\n") }
}
