/// A configuration to load: its text, and where it gets what the text refers to.
package struct ConfigurationSource {
    /// What problems call it, as in `gateway.conf: …`.
    package let name: String
    package let text: String
    /// The value of an environment variable, nil when it is not set.
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
    /// Longer than any key or secret has a reason to be.
    case tooLarge
    /// Anything else, in the system's words.
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

/// Everything that is wrong with a configuration, in the order of the schema.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Each a line such as `gateway.conf: listener[0].certificate: no such file: /etc/…`.
    package let problems: [String]

    package init(problems: [String]) {
        self.problems = problems
    }

    package var description: String { problems.joined(separator: "\n") }
}
