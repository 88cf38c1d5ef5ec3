import Admission
import Basics

/// Adds up an event's stays, one after the other, in order of their beginning.
///
/// Its memory grows with the number of people, not with their stays or with time: a wrong clock does not add minutes
/// outside the event.
struct AttendanceSweep {
    private struct PersonID: Hashable {
        let isRegistered: Bool
        /// Bytes, since leases compare ids as bytes: two texts that look the same may be two users.
        let id: [UInt8]

        init(_ stay: Stay) {
            isRegistered = stay.registration != nil
            id = Array((stay.registration ?? stay.user).utf8)
        }

        init(registration: String) {
            isRegistered = true
            id = Array(registration.utf8)
        }
    }

    private struct Person {
        /// The latest data about the person, with the first join, the latest end, and all joins.
        var last: Stay
        var presence: Presence?
        /// The registration's row, if it still exists.
        var row: Int64?
        /// When the person leaves, as far as known; `nil` if not present at this point of the sweep.
        var goesAt: Milliseconds?
        /// The sessions of the person's latest stays, if there are several.
        var sessions: [String] = []
    }

    /// The most sessions per person that are counted at one time.
    private static let maxSessions = 16
    private static let day: Milliseconds = 86_400_000
    private static let minute: Milliseconds = 60_000
    private static let tenths: Milliseconds = 10
    /// The most moments that ``EventAttendance/concurrency`` has.
    private static let maxMoments: Milliseconds = 20_160

    private let event: Event
    private let now: Milliseconds
    private let span: AttendanceSpan
    private let window: Range<Milliseconds>
    private let step: Milliseconds

    private var people: [Person] = []
    private var places: [PersonID: Int] = [:]
    /// When those present leave.
    private var ends = MomentHeap()
    private var present = 0
    private var registered = 0
    private var peak = 0
    private var moments: [(minute: Milliseconds, viewers: Int)] = []

    /// - Parameter span: leaves out what was before and after.
    init(of event: Event, now: Milliseconds, within span: AttendanceSpan = .all) {
        self.event = event
        self.now = now
        self.span = span
        let start = event.fields.hasDates ? event.fields.startsAt : event.createdAt
        let end = max(start, event.fields.hasDates ? event.fields.endsAt : now)
        window = (start - Self.day..<end + Self.day).clamped(to: span.range)
        let minutes = (window.upperBound - window.lowerBound) / Self.minute
        step = Self.minute * max((minutes + Self.maxMoments - 1) / Self.maxMoments, 1)
    }

    /// Adds a registration that exists now. Call after all stays were added.
    mutating func add(registration uid: String, row: Int64) {
        registered += 1
        if let place = places[PersonID(registration: uid)] { people[place].row = row }
    }

    mutating func add(_ stay: Stay) {
        guard span.has(stay.joinedAt, stay.leftAt) else { return }
        // The same for every stay.
        var stay = stay
        (stay.company, stay.event) = ("", "")
        let place = note(stay)
        let begin = max(stay.joinedAt, window.lowerBound)
        let end = min(stay.leftAt ?? now, window.upperBound)
        guard begin < end else { return }
        if people[place].presence == nil {
            people[place].presence = Presence(begin..<end, away: stay.away)
        } else {
            people[place].presence?.add(begin..<end, away: stay.away)
        }
        advance(to: begin)
        if let goesAt = people[place].goesAt {
            people[place].goesAt = max(goesAt, end)
            return
        }
        people[place].goesAt = end
        ends.insert(end, place)
        present += 1
        mark(begin)
    }

    /// - Parameter row: the event's.
    consuming func attendance(row: Int64) -> EventAttendance {
        advance(to: .max)
        return EventAttendance(
            event: event,
            row: row,
            registered: registered,
            participants: people.map { person in
                let last = person.last
                return EventAttendance.Participant(
                    userID: last.registration == nil ? last.user : nil,
                    registrationID: last.registration,
                    name: last.name,
                    email: last.email,
                    role: last.role,
                    row: person.row,
                    firstJoin: last.joinedAt,
                    lastLeave: last.leftAt,
                    minutes: Double(person.presence?.length ?? 0) / Double(Self.minute),
                    joins: last.joins,
                    replaced: last.replaced
                )
            },
            peakConcurrent: peak,
            concurrencyStep: Int(step / Self.minute),
            concurrency: moments,
            dropOff: dropOff,
            sources: Dictionary(people.map { ($0.last.source, 1) }, uniquingKeysWith: +)
        )
    }

    /// The share of the people who had not left for good, at each tenth of the event that has come.
    private var dropOff: [(moment: Milliseconds, share: Double)] {
        guard event.fields.hasDates, !people.isEmpty else { return [] }
        let length = max(event.fields.endsAt - event.fields.startsAt, 0)
        let tenths = (0...Self.tenths).map {
            event.fields.startsAt + length / Self.tenths * $0 + length % Self.tenths * $0 / Self.tenths
        }
        .filter { $0 <= now && span.range.contains($0) }
        let leaves = people.map { $0.last.leftAt ?? .max }.sorted()
        var gone = 0
        return tenths.map { moment in
            while gone < leaves.count, leaves[gone] < moment { gone += 1 }
            return (moment, Double(leaves.count - gone) / Double(leaves.count))
        }
    }

    /// Adds a stay to its person's data, and returns the person's index.
    private mutating func note(_ stay: Stay) -> Int {
        let id = PersonID(stay)
        guard let place = places[id] else {
            people.append(Person(last: stay))
            places[id] = people.count - 1
            return people.count - 1
        }
        let before = people[place].last
        if people[place].sessions.isEmpty { people[place].sessions.append(before.session) }
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
        if before.source.isKnown { last.source = before.source }
        people[place].last = last
        return place
    }

    /// Removes everyone who leaves until a moment. A person who leaves as another arrives was not there together with
    /// them.
    private mutating func advance(to moment: Milliseconds) {
        while let end = ends.first, end.moment <= moment {
            ends.removeFirst()
            if let goesAt = people[end.place].goesAt, goesAt > end.moment {
                ends.insert(goesAt, end.place)
                continue
            }
            fill(to: end.moment)
            people[end.place].goesAt = nil
            present -= 1
        }
        if moment < .max { fill(to: moment) }
    }

    /// Records the minutes before a moment in which nobody came or went.
    private mutating func fill(to moment: Milliseconds) {
        guard present > 0, let last = moments.last else { return }
        for next in stride(from: last.minute + step, to: moment, by: Int64.Stride(step)) {
            moments.append((next, present))
        }
    }

    private mutating func mark(_ moment: Milliseconds) {
        peak = max(peak, present)
        let minute = moment - moment % step
        if let last = moments.last, last.minute == minute {
            moments[moments.count - 1].viewers = max(last.viewers, present)
        } else {
            moments.append((minute, present))
        }
    }
}

/// A heap of moments with the indices of their people, earliest first.
private struct MomentHeap {
    private var items: [(moment: Milliseconds, place: Int)] = []

    var first: (moment: Milliseconds, place: Int)? { items.first }

    mutating func insert(_ moment: Milliseconds, _ place: Int) {
        items.append((moment, place))
        var child = items.count - 1
        while child > 0, items[child].moment < items[(child - 1) / 2].moment {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        items.swapAt(0, items.count - 1)
        items.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count {
                if items[child].moment < items[least].moment { least = child }
            }
            if least == parent { return }
            items.swapAt(parent, least)
            parent = least
        }
    }
}
