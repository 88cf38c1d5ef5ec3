package import Admission

/// Who was at an event, and for how long.
///
/// Minutes and concurrency count from a day before the event's start to a day after its end.
package struct EventAttendance: Sendable {
    package let event: Event
    /// The event's row, which no other ever gets.
    let row: Int64
    /// Registrations that there are now.
    package let registered: Int
    /// Those who were there, in the order in which they came first.
    package let participants: [Participant]
    /// The most who were there at one time.
    package let peakConcurrent: Int
    /// How many minutes each entry of ``concurrency`` stands for: one, but for events of more than two weeks.
    package let concurrencyStep: Int
    /// How many were there in each minute, at most at a time; minutes without anybody are left out.
    package let concurrency: [(minute: Milliseconds, viewers: Int)]

    package var attended: Int { participants.count }
    package var totalMinutes: Double { participants.reduce(0) { $0 + $1.minutes } }
    package var averageMinutes: Double { participants.isEmpty ? 0 : totalMinutes / Double(attended) }

    /// One person at the event, over all their stays.
    package struct Participant: Sendable {
        /// Of who came with an embed token.
        package let userID: String?
        /// Of who came with a registration.
        package let registrationID: String?
        package let name: String?
        package let email: String?
        /// The last one.
        package let role: String
        /// The registration's row; nil where there is none, or not any more.
        let row: Int64?
        package let firstJoin: Milliseconds
        /// Nil: still there.
        package let lastLeave: Milliseconds?
        /// Time in which at least one session was under way.
        package let minutes: Double
        package let joins: Int
        /// How often another join took the lease.
        package let replaced: Int
    }
}
