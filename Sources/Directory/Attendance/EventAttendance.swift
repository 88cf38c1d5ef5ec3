package import Admission
package import JOSE

/// Who was at an event, and for how long.
package struct EventAttendance: Sendable {
    package let event: Event
    /// Registrations that there are now.
    package let registered: Int
    /// Those who were there, in the order in which they came first.
    package let participants: [Participant]
    /// The most who were there at one time.
    package let peakConcurrent: Int
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
        /// What the registration was given; nil where there is none, or not any more.
        package let metadata: [JSONMember]?
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

/// A stay as the database has it.
struct Stay {
    let session: String
    let registration: String?
    let user: String
    let name: String?
    let email: String?
    let role: String
    let joinedAt: Milliseconds
    /// Nil: still under way.
    let leftAt: Milliseconds?
    let ending: String?
}

extension EventAttendance {
    /// Adds up stays.
    ///
    /// - Parameters:
    ///   - stays: by when they began.
    ///   - metadata: by registration.
    init(_ event: Event, registered: Int, stays: [Stay], metadata: [String: [JSONMember]], now: Milliseconds) {
        self.event = event
        self.registered = registered
        var order: [Person] = []
        var byPerson: [Person: [Stay]] = [:]
        for stay in stays {
            let person = Person(stay)
            if byPerson[person] == nil { order.append(person) }
            byPerson[person, default: []].append(stay)
        }
        var presence: [Range<Milliseconds>] = []
        participants = order.compactMap { person in
            guard let own = byPerson[person], let last = own.last else { return nil }
            let merged = Self.merged(own, now: now)
            presence += merged
            return Participant(
                userID: last.registration == nil ? last.user : nil,
                registrationID: last.registration,
                name: last.name,
                email: last.email,
                role: last.role,
                metadata: last.registration.flatMap { metadata[$0] },
                firstJoin: own[0].joinedAt,
                lastLeave: own.contains { $0.leftAt == nil } ? nil : own.compactMap(\.leftAt).max(),
                minutes: Double(merged.reduce(0) { $0 + $1.upperBound - $1.lowerBound }) / 60_000,
                joins: Set(own.map(\.session)).count,
                replaced: own.count { $0.ending == SessionEnding.replaced.rawValue }
            )
        }
        (peakConcurrent, concurrency) = Self.concurrency(presence)
    }

    private struct Person: Hashable {
        let isRegistered: Bool
        /// Octets, as leases compare ids: two texts that look the same may be two users.
        let id: [UInt8]

        init(_ stay: Stay) {
            isRegistered = stay.registration != nil
            id = Array((stay.registration ?? stay.user).utf8)
        }
    }

    /// The times in which at least one of the stays was under way.
    private static func merged(_ stays: [Stay], now: Milliseconds) -> [Range<Milliseconds>] {
        var merged: [Range<Milliseconds>] = []
        for stay in stays {
            let end = max(stay.leftAt ?? now, stay.joinedAt)
            if let last = merged.last, stay.joinedAt <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, end)
            } else {
                merged.append(stay.joinedAt..<end)
            }
        }
        return merged
    }

    /// How many of the times overlap: at most, and at most in each minute.
    ///
    /// Who goes at the moment that another one comes was not there together with them.
    private static func concurrency(
        _ presence: [Range<Milliseconds>]
    ) -> (peak: Int, minutes: [(minute: Milliseconds, viewers: Int)]) {
        var changes: [(moment: Milliseconds, change: Int)] = []
        for stay in presence { changes += [(stay.lowerBound, 1), (stay.upperBound, -1)] }
        changes.sort { $0.moment < $1.moment }
        var peak = 0
        var present = 0
        var minutes: [(minute: Milliseconds, viewers: Int)] = []
        var index = 0
        while index < changes.count {
            let moment = changes[index].moment
            // What was so from the minute of the change before to this moment.
            if present > 0, var next = minutes.last.map({ $0.minute + 60_000 }) {
                while next < moment {
                    minutes.append((next, present))
                    next += 60_000
                }
            }
            while index < changes.count, changes[index].moment == moment {
                present += changes[index].change
                index += 1
            }
            peak = max(peak, present)
            guard present > 0 else { continue }
            let minute = moment - moment % 60_000
            if let last = minutes.last, last.minute == minute {
                minutes[minutes.count - 1].viewers = max(last.viewers, present)
            } else {
                minutes.append((minute, present))
            }
        }
        return (peak, minutes)
    }
}
