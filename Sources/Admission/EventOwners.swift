import Basics

/// Which company owns the events whose ids the directory does not know: `event_ids` of all companies.
///
/// No id has two owners, so one company's token never opens another company's event.
package struct EventOwners: Sendable, Equatable {
    /// A company's event ids: one id, or all ids with a common prefix.
    package struct Pattern: Sendable, Equatable {
        let prefix: [UInt8]
        let takesRest: Bool

        /// Returns `nil` if a `*` stands anywhere but at the end.
        package init?(_ text: String) {
            var bytes = Array(text.utf8)
            takesRest = bytes.last == UInt8(ascii: "*")
            if takesRest { bytes.removeLast() }
            guard !bytes.contains(UInt8(ascii: "*")) else { return nil }
            prefix = bytes
        }

        /// Whether some id matches both patterns.
        package func overlaps(_ other: Pattern) -> Bool {
            prefix == other.prefix || takesRest && other.prefix.starts(with: prefix)
                || other.takesRest && prefix.starts(with: other.prefix)
        }

        func matches(_ id: Span<UInt8>) -> Bool {
            guard takesRest ? id.count >= prefix.count : id.count == prefix.count else { return false }
            return id.extracting(0..<prefix.count).hasSameBytes(as: prefix.span)
        }
    }

    private struct Entry: Sendable, Equatable {
        let pattern: Pattern
        let company: String
    }

    /// Sorted by prefix. No two overlap, so only the last entry that does not sort after an id can match it.
    private let entries: [Entry]
    /// Whether there is a directory, whose ids are UUIDs.
    private let hasDirectory: Bool

    /// - Parameters:
    ///   - patterns: by company; no two may overlap.
    ///   - hasDirectory: whether ids that read as UUIDs belong to the directory, and are valid in its own spelling
    ///     only.
    package init(_ patterns: [(company: String, patterns: [Pattern])] = [], hasDirectory: Bool = false) {
        entries = patterns.flatMap { company, patterns in patterns.map { Entry(pattern: $0, company: company) } }
            .sorted { $0.pattern.prefix.lexicographicallyPrecedes($1.pattern.prefix) }
        self.hasDirectory = hasDirectory
    }

    /// Whether the viewer's company owns the viewer's own event, which the directory does not know.
    package func haveOwn(of viewer: Viewer) -> Bool {
        if hasDirectory, viewer.eventIsRespelled { return false }
        let id = viewer.eventBytes
        guard let company = owner(of: id.span) else { return false }
        return company.hasSameBytes(as: viewer.company)
    }

    private func owner(of id: Span<UInt8>) -> String? {
        var (start, end) = (0, entries.count)
        while start < end {
            let middle = (start + end) / 2
            if Self.precedes(id, entries[middle].pattern.prefix) { end = middle } else { start = middle + 1 }
        }
        guard start > 0, entries[start - 1].pattern.matches(id) else { return nil }
        return entries[start - 1].company
    }

    private static func precedes(_ id: Span<UInt8>, _ prefix: [UInt8]) -> Bool {
        for index in 0..<min(id.count, prefix.count) where id[index] != prefix[index] {
            return id[index] < prefix[index]
        }
        return id.count < prefix.count
    }
}
