package import Admission
import JOSE

/// What has happened to sessions and was not written yet, in order.
///
/// While nothing can be written it grows, to a bound. Then what tells least goes first: stays that were over soon, whole,
/// the shortest before the others; then what is oldest.
package struct AttendanceJournal: Sendable {
    /// How much of it is written at once.
    package static let part = 1000

    private let limit: Int
    package private(set) var changes: [SessionChange] = []
    /// What was dropped and not told of yet.
    private var dropped = 0

    package init(limit: Int) { self.limit = limit }

    package mutating func add(_ more: [SessionChange]) {
        changes += more
        // An eighth more than is needed, so that it is not done again at once.
        if changes.count > limit { drop(changes.count - limit + limit / 8) }
    }

    /// The first part was written.
    package mutating func wrote(_ count: Int) { changes.removeFirst(count) }

    /// How much was dropped since this was asked last.
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

    /// Where stays are that began and ended meanwhile, the shortest first.
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
