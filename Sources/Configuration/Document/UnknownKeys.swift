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
        if let near = Self.nearest(to: name, among: schema.entries.map(\.name)) {
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

    /// The candidate that `name` is probably a misspelling of: at most two edits away, and at most a third of its
    /// length.
    static func nearest(to name: String, among candidates: [String]) -> String? {
        guard name.utf8.count <= 64 else { return nil }
        return
            candidates
            .map { (candidate: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
            .filter { $0.distance <= min(2, max(1, $0.candidate.utf8.count / 3)) }
            .min { $0.distance < $1.distance }?
            .candidate
    }

    /// The number of insertions, removals, replacements and swaps of neighbours that turn one into the other.
    static func editDistance(_ first: [UInt8], _ second: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for i in first.indices {
            var row = [i + 1]
            for j in second.indices {
                let replaced = last[j] + (first[i] == second[j] ? 0 : 1)
                var best = min(replaced, last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            beforeLast = last
            last = row
        }
        return last[second.count]
    }
}
