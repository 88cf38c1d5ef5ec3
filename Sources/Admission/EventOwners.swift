import JOSE

/// Which company the events are of whose ids the directory does not know: `event_ids` of all companies.
///
/// No id has two owners, so that one company's token never opens what another's opens too.
package struct EventOwners: Sendable, Equatable {
    /// Event ids that one company has: one id, or all that begin alike.
    package struct Pattern: Sendable, Equatable {
        let prefix: [UInt8]
        let takesRest: Bool

        /// Nil where a `*` stands anywhere but at the end.
        package init?(_ text: String) {
            var bytes = Array(text.utf8)
            takesRest = bytes.last == UInt8(ascii: "*")
            if takesRest { bytes.removeLast() }
            guard !bytes.contains(UInt8(ascii: "*")) else { return nil }
            prefix = bytes
        }

        /// Whether some id matches both.
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

    /// By prefix. No two overlap, so that only the last one that does not come after an id can match it.
    private let entries: [Entry]
    /// Whether there is a directory, whose ids are UUIDs.
    private let hasDirectory: Bool

    /// - Parameters:
    ///   - patterns: by company; no two may overlap.
    ///   - hasDirectory: whether ids that read as UUIDs are the directory's, and good in its own spelling only.
    package init(_ patterns: [(company: String, patterns: [Pattern])] = [], hasDirectory: Bool = false) {
        entries = patterns.flatMap { company, patterns in patterns.map { Entry(pattern: $0, company: company) } }
            .sorted { $0.pattern.prefix.lexicographicallyPrecedes($1.pattern.prefix) }
        self.hasDirectory = hasDirectory
    }

    /// Whether the viewer's own event, of which the directory knows nothing, is the viewer's company's.
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
