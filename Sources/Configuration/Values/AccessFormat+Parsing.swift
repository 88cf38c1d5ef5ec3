import Basics

extension AccessFormat {
    /// Reads the name of a format, or a template such as `{client} {method} {path} {status}`.
    package init(parsing text: String) throws(ValueFault) {
        if let named = Self.named.first(where: { $0.name.hasSameBytes(as: text) }) {
            self = named.format
            return
        }
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) else {
            let names = Self.named.map(\.name)
            let near = NearestName.find(text, among: names).map { "; did you mean \(quoted($0))?" } ?? ""
            let list = names.map(quoted).joined(separator: ", ")
            throw ValueFault("\(quoted(text)) is not one of \(list), nor fields such as \"{client} {path}\"\(near)")
        }
        self = .template(try AccessTemplate(parsing: text))
    }

    /// The format in the form of the configuration.
    package var text: String {
        switch self {
        case .json: "json"
        case .text: "text"
        case .combined: "combined"
        case .template(let template): template.text
        }
    }
}

extension AccessTemplate {
    /// In bytes.
    private static let maxLength = 2048

    /// Reads text with fields in braces.
    init(parsing text: String) throws(ValueFault) {
        guard text.utf8.count <= Self.maxLength else {
            throw ValueFault("must not be longer than \(Self.maxLength) bytes")
        }
        var parts: [Part] = []
        var rest = Substring(text)
        while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            try Self.add(rest[..<brace], to: &parts)
            rest = rest[brace...]
            guard rest.first == "{" else { throw ValueFault("holds a } that no { precedes") }
            guard let end = rest.firstIndex(of: "}") else { throw ValueFault("holds a { without its }") }
            parts.append(.field(try Self.field(String(rest[rest.index(after: brace)..<end]))))
            rest = rest[rest.index(after: end)...]
        }
        try Self.add(rest, to: &parts)
        self.init(parts: parts, text: text)
    }

    private static func add(_ literal: Substring, to parts: inout [Part]) throws(ValueFault) {
        guard !literal.isEmpty else { return }
        guard literal.utf8.allSatisfy({ 0x20...0x7e ~= $0 || $0 == 0x09 }) else {
            throw ValueFault("may hold only ASCII text between its fields, without line ends")
        }
        parts.append(.literal(String(literal)))
    }

    private static func field(_ name: String) throws(ValueFault) -> AccessField {
        let names = AccessField.allCases.map(\.rawValue)
        if let field = AccessField.allCases.first(where: { $0.rawValue.hasSameBytes(as: name) }) { return field }
        if let near = NearestName.find(name, among: names) {
            throw ValueFault("no field is named {\(escaped(name))}; did you mean {\(near)}?")
        }
        throw ValueFault("no field is named {\(escaped(name))}; there are \(names.joined(separator: ", "))")
    }

    private static func escaped(_ name: String) -> String { TerminalText.escaped(String(name.prefix(64))) }
}
