/// Builds a TOML text.
struct TOMLWriter {
    private(set) var text = ""

    /// Begins a table. The header includes its brackets.
    mutating func header(_ header: String) {
        text += "\n\(header)\n"
    }

    mutating func entry(_ key: String, _ value: String?) {
        if let value { text += "\(key) = \(Self.literal(value))\n" }
    }

    mutating func entry(_ key: String, _ value: [String]) { entry(key, literals: value.map(Self.literal)) }

    /// Writes a list of values that are in TOML already.
    mutating func entry(_ key: String, literals: [String]) {
        text += "\(key) = [\(literals.joined(separator: ", "))]\n"
    }

    /// Writes nothing for no value, and a single value without a list.
    mutating func entry(_ key: String, oneOrSeveral values: [String]) {
        switch values.count {
        case 0: break
        case 1: entry(key, values[0])
        default: entry(key, values)
        }
    }

    mutating func entry(_ key: String, _ value: Int) { text += "\(key) = \(value)\n" }

    mutating func entry(_ key: String, _ value: Double) { text += "\(key) = \(value)\n" }

    mutating func entry(_ key: String, _ value: Bool) { text += "\(key) = \(value)\n" }

    mutating func entry(_ key: String, _ value: Duration) { entry(key, value.configurationText) }

    mutating func entry(_ key: String, size: Int) { entry(key, Size.text(of: size)) }

    /// A basic string in which a dollar sign does not begin an environment variable.
    static func literal(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "$": result += "$$"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
