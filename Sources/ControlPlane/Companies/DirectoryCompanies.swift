package import Basics
package import Directory
package import GatewayConfiguration
import Synchronization

/// The companies of the directory in memory, each with its settings, which are made anew only when it changes.
package final class DirectoryCompanies: Sendable {
    private struct Entry {
        let stored: StoredCompany
        /// `nil` if its secrets are no keys.
        var settings: CompanySettings?
        /// When the next of its secrets ends.
        var end: Milliseconds?
    }

    private let entries = Mutex<[ExactText: Entry]>([:])

    package init() {}

    /// Takes all companies instead of those that were there. Returns a line for each that cannot be used.
    package func replace(with all: [StoredCompany], at now: Milliseconds) -> [String] {
        var faults: [String] = []
        var made: [ExactText: Entry] = [:]
        made.reserveCapacity(all.count)
        for company in all {
            let entry = Self.entry(company, at: now)
            if entry.settings == nil {
                let damaged = company.damagedSecrets.map { "secret \($0)" }.joined(separator: ", ")
                let what =
                    damaged.isEmpty
                    ? "a key of it cannot be used" : "\(damaged): changed in the database by something else"
                faults.append("company \(company.id): \(what): nothing of it is accepted")
            }
            made[ExactText(company.id)] = entry
        }
        let ready = made
        entries.withLock { $0 = ready }
        return faults
    }

    /// Takes a company that was made or changed; with `nil`, forgets it.
    package func set(_ id: String, _ company: StoredCompany?, at now: Milliseconds) {
        let entry = company.map { Self.entry($0, at: now) }
        entries.withLock { $0[ExactText(id)] = entry }
    }

    func company(_ id: String) -> StoredCompany? { entries.withLock { $0[ExactText(id)]?.stored } }

    /// All companies, the oldest first.
    var all: [StoredCompany] { sorted(entries.withLock { Array($0.values) }).map(\.stored) }

    /// The settings of all companies, the oldest first.
    package func settings(at now: Milliseconds) -> [CompanySettings] {
        let current = entries.withLock { entries in
            for (id, entry) in entries {
                if let end = entry.end, end <= now { entries[id] = Self.entry(entry.stored, at: now) }
            }
            return Array(entries.values)
        }
        return sorted(current).compactMap(\.settings)
    }

    /// Whether secrets have ended since the settings were made.
    package func hasEnded(at now: Milliseconds) -> Bool {
        entries.withLock { $0.values.contains { entry in entry.end.map { $0 <= now } ?? false } }
    }

    private func sorted(_ entries: [Entry]) -> [Entry] {
        entries.sorted { a, b in
            a.stored.createdAt != b.stored.createdAt
                ? a.stored.createdAt < b.stored.createdAt
                : a.stored.id.utf8.lexicographicallyPrecedes(b.stored.id.utf8)
        }
    }

    private static func entry(_ company: StoredCompany, at now: Milliseconds) -> Entry {
        Entry(
            stored: company,
            settings: try? CompanySettings(company, at: now),
            end: company.secrets.compactMap(\.until).filter { now < $0 }.min()
        )
    }
}
