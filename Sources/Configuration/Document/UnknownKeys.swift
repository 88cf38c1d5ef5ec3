import Basics

/// Finds keys that are not in the schema.
struct UnknownKeys {
    let problems: ProblemList

    func check(_ value: DocumentValue, against schema: Schema, at place: Place = .root) {
        guard case .table(let members) = value else { return }
        // Sort by name, since dictionaries have no order.
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let place = place.key(name)
            guard let position = schema.position(of: name) else {
                problems.report("unknown key" + hint(for: name, in: schema), at: place)
                continue
            }
            switch (schema.entries[position].shape, member) {
            case (.table(let inner), _):
                check(member, against: inner, at: place)
            case (.tables(let inner), .array(let elements)):
                for (index, element) in elements.enumerated() { check(element, against: inner, at: place.index(index)) }
            case (.tables, _), (.value, _):
                break
            }
        }
    }

    private func hint(for name: String, in schema: Schema) -> String {
        if let near = NearestName.find(name, among: schema.entries.map(\.name)) {
            return "; did you mean \(quoted(near))?"
        }
        let elsewhere = Self.tables(with: name, in: .root)
        return elsewhere.isEmpty ? "" : "; it belongs in \(elsewhere.joined(separator: " or "))"
    }

    /// The headers of the tables that have a key with exactly that name.
    private static func tables(with name: String, in schema: Schema, path: String = "") -> [String] {
        schema.entries.flatMap { entry -> [String] in
            let inner = path.isEmpty ? entry.name : "\(path).\(entry.name)"
            switch entry.shape {
            case .value: return []
            case .table(let table):
                return (table.position(of: name) == nil ? [] : ["[\(inner)]"])
                    + tables(with: name, in: table, path: inner)
            case .tables(let table):
                return (table.position(of: name) == nil ? [] : ["[[\(inner)]]"])
                    + tables(with: name, in: table, path: inner)
            }
        }
    }
}
