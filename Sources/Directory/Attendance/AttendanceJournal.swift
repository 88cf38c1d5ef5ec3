package import Admission
import Basics

/// Arrivals and departures that were not written yet, in order.
///
/// While nothing can be written, the journal grows up to a limit. Then the least informative entries are dropped first:
/// whole stays that ended soon, the shortest first; then the oldest entries.
package struct AttendanceJournal: Sendable {
    /// How many entries are written at once.
    package static let part = 1000

    private let limit: Int
    package private(set) var changes: [SessionChange] = []
    /// Entries dropped since ``takeDropped()`` was last called.
    private var dropped = 0

    package init(limit: Int) { self.limit = limit }

    package mutating func add(_ more: [SessionChange]) {
        changes += more
        // Drop an eighth more than needed, so that it does not happen again at once.
        if changes.count > limit { drop(changes.count - limit + limit / 8) }
    }

    /// Removes the first `count` entries, which were written.
    package mutating func wrote(_ count: Int) { changes.removeFirst(count) }

    /// How many entries were dropped since the last call.
    package mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }

    private mutating func drop(_ count: Int) {
        var goes = shortStays().prefix((count + 1) / 2).reduce(into: Set<Int>()) { goes, stay in
            goes.insert(stay.arrival)
            goes.insert(stay.departure)
        }
        for index in changes.indices where goes.count < count { goes.insert(index) }
        dropped += goes.count
        changes = changes.indices.filter { !goes.contains($0) }.map { changes[$0] }
    }

    /// The stays that began and ended within the journal, the shortest first.
    private func shortStays() -> [(arrival: Int, departure: Int)] {
        var arrivals: [ExactText: (index: Int, since: Milliseconds)] = [:]
        var stays: [(arrival: Int, departure: Int, length: Milliseconds)] = []
        for (index, change) in changes.enumerated() {
            switch change {
            case .arrived(let session): arrivals[ExactText(session.name)] = (index, session.since)
            case .departed(let session, _, let moment):
                guard let arrival = arrivals.removeValue(forKey: ExactText(session.name)) else { continue }
                stays.append((arrival.index, index, moment - arrival.since))
            }
        }
        stays.sort { ($0.length, $0.arrival) < ($1.length, $1.arrival) }
        return stays.map { ($0.arrival, $0.departure) }
    }
}
