import Basics

/// Replaces `${NAME}` in the strings of a document by environment variables; `$$` is a dollar sign.
struct Expansion {
    let environment: (String) -> String?
    let problems: ProblemList

    func expanded(_ value: DocumentValue, at place: Place = .root) -> DocumentValue {
        switch value {
        case .string(let text):
            do {
                return .string(try expanded(text))
            } catch {
                problems.report(error.reason, at: place)
                return .faulty
            }
        case .array(let elements):
            return .array(elements.enumerated().map { expanded($1, at: place.index($0)) })
        case .table(let members):
            var result: [String: DocumentValue] = [:]
            for (key, member) in members { result[key] = expanded(member, at: place.key(key)) }
            return .table(result)
        case .integer, .number, .boolean, .dateTime, .faulty:
            return value
        }
    }

    func expanded(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
                continue
            }
            guard rest.first == "{", let end = rest.firstIndex(of: "}") else {
                throw ValueFault("a lone $: write ${NAME} for an environment variable, $$ for a dollar sign")
            }
            let name = String(rest[rest.index(after: rest.startIndex)..<end])
            guard Self.isVariableName(name) else {
                throw ValueFault("${…}: \(quoted(name)) is no name of an environment variable")
            }
            guard let value = environment(name) else {
                throw ValueFault("the environment variable \(name) is not set")
            }
            guard !value.utf8.contains(0) else {
                throw ValueFault("the environment variable \(name) holds a NUL character")
            }
            result += value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !first.isDigit, name.utf8.count <= 128 else { return false }
        return name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
    }
}
