/// Where in a document a value stands, such as `listener[0].certificate`.
struct Place: CustomStringConvertible {
    enum Step {
        case key(String)
        case index(Int)
    }

    private(set) var steps: [Step] = []

    static let root = Place()

    func key(_ name: String) -> Place {
        var place = self
        place.steps.append(.key(name))
        return place
    }

    func index(_ index: Int) -> Place {
        var place = self
        place.steps.append(.index(index))
        return place
    }

    var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let name):
                if !text.isEmpty { text += "." }
                text += name.isBareKey ? name : quoted(name)
            case .index(let index):
                text += "[\(index)]"
            }
        }
        return text
    }
}

extension String {
    /// Whether TOML lets the key stand without quotes, and it is short enough to read.
    fileprivate var isBareKey: Bool {
        !isEmpty && utf8.count <= 64
            && utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// An ASCII letter or digit.
    var isLetterOrDigit: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
}

/// The text in quotes for a message: control characters escaped, cut after 80 characters.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(80) {
        switch scalar {
        case "\"", "\\":
            result.unicodeScalars.append("\\")
            result.unicodeScalars.append(scalar)
        case _
        where scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
            || scalar.properties.generalCategory == .lineSeparator
            || scalar.properties.generalCategory == .paragraphSeparator:
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    if text.unicodeScalars.dropFirst(80).isEmpty == false { result += "…" }
    return result + "\""
}
