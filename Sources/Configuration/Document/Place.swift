import Basics

/// The position of a value in a document, such as `listener[0].certificate`.
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
    /// Whether TOML allows the key without quotes, and it is short enough to read.
    fileprivate var isBareKey: Bool {
        !isEmpty && utf8.count <= 64
            && utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}

/// Quotes a text for a message: escapes control characters and cuts it after 80 characters.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(80) {
        switch scalar {
        case "\"", "\\":
            result.unicodeScalars.append("\\")
            result.unicodeScalars.append(scalar)
        case _ where TerminalText.isActive(scalar):
            result += TerminalText.escape(scalar)
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    if text.unicodeScalars.dropFirst(80).isEmpty == false { result += "…" }
    return result + "\""
}
