import Basics

/// Puts people together from their stays, which come person by person, each person's in order of their beginning.
struct ParticipantList {
    private struct Person {
        let attendee: Int64
        /// The latest data about the person, with the first join, the latest end, and all joins.
        var last: Stay
        var presence: Presence?
        /// The sessions of the person's latest stays.
        var sessions: [String]
    }

    /// The most sessions per person that are told apart.
    private static let maxSessions = 16

    private let window: Range<Milliseconds>
    private let now: Milliseconds
    private var people: [Person] = []

    /// - Parameter window: what counts of their time.
    init(window: Range<Milliseconds>, now: Milliseconds) {
        self.window = window
        self.now = now
    }

    mutating func add(_ stay: Stay, of attendee: Int64) {
        if people.last?.attendee == attendee {
            note(stay)
        } else {
            people.append(Person(attendee: attendee, last: stay, sessions: [stay.session]))
        }
        let begin = max(stay.joinedAt, window.lowerBound)
        let end = min(stay.leftAt ?? now, window.upperBound)
        guard begin < end else { return }
        let place = people.count - 1
        if people[place].presence == nil {
            people[place].presence = Presence(begin..<end, away: stay.away)
        } else {
            people[place].presence?.add(begin..<end, away: stay.away)
        }
    }

    /// - Parameter metadata: that of the registration with this uid.
    func participants(
        _ metadata: (_ registration: String) throws -> String?
    ) rethrows -> [EventAttendance.Participant] {
        try people.map { person in
            let last = person.last
            return EventAttendance.Participant(
                userID: last.registration == nil ? last.user : nil,
                registrationID: last.registration,
                name: last.name,
                email: last.email,
                role: last.role,
                metadata: try last.registration.flatMap(metadata),
                firstJoin: last.joinedAt,
                lastLeave: last.leftAt,
                minutes: Double(person.presence?.length ?? 0) / Double(AttendanceMinute.length),
                joins: last.joins,
                replaced: last.replaced
            )
        }
    }

    /// Adds another stay of the last person.
    private mutating func note(_ stay: Stay) {
        let place = people.count - 1
        let before = people[place].last
        var last = stay
        last.joinedAt = before.joinedAt
        last.leftAt = before.leftAt.flatMap { earlier in stay.leftAt.map { max(earlier, $0) } }
        last.joins += before.joins
        // It came back after a restart of the gateway.
        if people[place].sessions.contains(where: { $0.hasSameBytes(as: stay.session) }) {
            last.joins -= 1
        } else {
            if people[place].sessions.count == Self.maxSessions { people[place].sessions.removeFirst() }
            people[place].sessions.append(stay.session)
        }
        last.replaced += before.replaced
        people[place].last = last
    }
}
