extension Settings {
    /// A message for the operator in which companies and upstreams have their name, not their number in the file: says
    /// `company["acme"].key[0]` for `company[3].key[0]`.
    package func naming(_ message: String) -> String {
        let words = message.split(separator: " ", omittingEmptySubsequences: false)
        return words.map { named($0) ?? String($0) }.joined(separator: " ")
    }

    /// Returns `nil` if a word begins with no company and no upstream.
    private func named(_ word: Substring) -> String? {
        for (table, names) in [("company", companies.map(\.id)), ("upstream", upstreams.map(\.name))] {
            let start = "\(table)["
            guard word.utf8.starts(with: start.utf8) else { continue }
            let rest = word.utf8.dropFirst(start.utf8.count)
            let digits = rest.prefix { $0 != UInt8(ascii: "]") }
            guard digits.count < rest.count, let index = Int(Substring(digits)), names.indices.contains(index) else {
                return nil
            }
            return "\(start)\(quoted(names[index]))\(Substring(rest.dropFirst(digits.count)))"
        }
        return nil
    }
}
