import Admission
package import Basics

/// The time that a report is about, in whole minutes.
package struct AttendanceSpan: Sendable {
    package static let all = AttendanceSpan(from: nil, to: nil)

    package let range: Range<Milliseconds>

    var isAll: Bool { range == Self.all.range }

    /// - Parameters:
    ///   - from: leaves out what was before; `nil` for no limit.
    ///   - to: leaves out what was later; not before `from`.
    package init(from: Milliseconds?, to: Milliseconds?) {
        let from = from ?? .min
        range = from..<max(to ?? .max, from)
    }

    /// With the whole of the minutes of which it has a part.
    package var inMinutes: AttendanceSpan {
        let minute = AttendanceMinute.length
        let (from, to) = (range.lowerBound, range.upperBound)
        return AttendanceSpan(
            from: from == .min ? nil : from - from % minute,
            to: to == .max || to % minute == 0 ? to : to - to % minute + minute
        )
    }
}

/// Some of those who were at an event, in the order of their first arrival but for those who came within a second.
package struct AttendancePage: Sendable {
    /// The most attendees that are examined for a page. If few of them were there in the span, it ends before its limit,
    /// so that a page takes no longer for many attendees than for few.
    static let maxExamined = 50_000

    package var people: [Int64] = []
    /// The attendee after whom the next page begins; `nil` if this is the last.
    package var next: Int64?
}

/// How many people were at an event, and for how long.
///
/// Minutes and concurrency count from a day before the event's start to a day after its end; those of a hub without
/// dates from its creation to now.
package struct EventAttendance: Sendable {
    package let event: Event
    /// The event's row id, which is never reused.
    let row: Int64
    let span: AttendanceSpan
    let now: Milliseconds
    /// The number of registrations that exist now.
    package let registered: Int
    /// The number of people who were there. In a span of which a part was purged, too many may be counted: who is still
    /// kept counts as there.
    package let attended: Int
    /// The time of all of them together.
    package let totalMinutes: Double
    /// The most people who were there at one time, that is, at the end of a second.
    package let peakConcurrent: Int
    /// How many minutes each entry of ``concurrency`` covers: one, except for events of more than two weeks.
    package let concurrencyStep: Int
    /// The most people present at one time in each minute. Minutes without anybody are left out.
    package let concurrency: [(minute: Milliseconds, viewers: Int)]
    /// The share of all who attended, whatever the span, who had not left for good before the minute of the event's start
    /// and of each tenth of it that has come. Empty if it has no dates or nobody attended.
    package let dropOff: [(moment: Milliseconds, share: Double)]
    /// From where how many joined who were there for the first time.
    let sources: [StoredSource: Int]
    /// The attendees that were asked for.
    package let page: AttendancePage

    package var averageMinutes: Double { attended == 0 ? 0 : totalMinutes / Double(attended) }

    /// How many were there for the first time with which kind of device and family of browsers, most first.
    package var devices: [(source: StoredSource, attended: Int)] {
        counts { StoredSource(device: $0.device, browser: $0.browser) }
    }

    /// How many were there for the first time from which site, most first.
    package var sites: [(source: StoredSource, attended: Int)] { counts { StoredSource(site: $0.site) } }

    private func counts(_ part: (StoredSource) -> StoredSource) -> [(source: StoredSource, attended: Int)] {
        let counts = Dictionary(sources.map { (part($0.key), $0.value) }, uniquingKeysWith: +)
        func place(_ entry: (key: StoredSource, value: Int)) -> (Int, String, String) {
            (-entry.value, entry.key.device ?? entry.key.site ?? "", entry.key.browser ?? "")
        }
        return counts.sorted { place($0) < place($1) }.map { ($0.key, $0.value) }
    }

    /// One person at the event, over all their stays.
    package struct Participant: Sendable {
        /// Set for a person with an embed token.
        package let userID: String?
        /// Set for a person with a registration.
        package let registrationID: String?
        package let name: String?
        package let email: String?
        /// The latest role.
        package let role: String
        /// That of the registration, as the JSON text of an object; `nil` if it no longer exists.
        package let metadata: String?
        package let firstJoin: Milliseconds
        /// `nil` if still there.
        package let lastLeave: Milliseconds?
        /// The time during which at least one session was under way.
        package let minutes: Double
        package let joins: Int
        /// How often another join took the lease.
        package let replaced: Int
    }
}
