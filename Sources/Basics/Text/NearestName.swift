/// Finds the name that a misspelt one means.
package enum NearestName {
    /// The candidate that `name` is probably a misspelling of: at most two edits away, and at most a third of its
    /// length.
    package static func find(_ name: String, among candidates: [String]) -> String? {
        let name = Array(name.utf8)
        return
            candidates
            .compactMap { candidate in edits(name, Array(candidate.utf8)).map { (candidate: candidate, edits: $0) } }
            .min { $0.edits < $1.edits }?
            .candidate
    }

    /// How many edits make `candidate` of `name`. Returns `nil` if it is not probably a misspelling of it.
    package static func edits(_ name: [UInt8], _ candidate: [UInt8]) -> Int? {
        let limit = min(2, max(1, candidate.count / 3))
        guard abs(name.count - candidate.count) <= limit, name.count <= 64 else { return nil }
        let distance = editDistance(name, candidate)
        return distance <= limit ? distance : nil
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
