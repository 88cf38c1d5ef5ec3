import Basics

/// Adds up how many people were at an event, from the minutes in which that changed, in their order.
struct ConcurrencySweep {
    private static let day: Milliseconds = 86_400_000
    private static let minute = AttendanceMinute.length
    /// The most moments that ``concurrency`` has.
    private static let maxMoments: Milliseconds = 20_160

    /// What counts: from a day before the event's start to a day after its end, and no more than was asked for.
    private let window: Range<Milliseconds>
    private let now: Milliseconds
    /// How much each of the moments covers.
    let step: Milliseconds
    private var present: Int
    /// Up to where everything was added.
    private var place: Milliseconds

    private(set) var peak = 0
    /// The time of all people, in milliseconds.
    private(set) var total: Milliseconds = 0
    /// The most people in each moment. Moments without anybody are left out.
    private(set) var concurrency: [(minute: Milliseconds, viewers: Int)] = []

    /// - Parameters:
    ///   - span: in whole minutes.
    ///   - begin: since when minutes are known.
    ///   - present: how many were there at that time.
    init(of event: Event, within span: AttendanceSpan, now: Milliseconds, since begin: Milliseconds, present: Int) {
        self.now = now
        self.present = present
        window = Self.window(of: event, within: span, now: now)
        let minutes = (window.upperBound - window.lowerBound) / Self.minute
        step = Self.minute * max((minutes + Self.maxMoments - 1) / Self.maxMoments, 1)
        place = max(window.lowerBound, begin)
    }

    /// What counts of an event's time.
    static func window(of event: Event, within span: AttendanceSpan, now: Milliseconds) -> Range<Milliseconds> {
        let start = event.fields.hasDates ? event.fields.startsAt : event.createdAt
        let end = max(start, event.fields.hasDates ? event.fields.endsAt : now)
        return AttendanceSpan(from: start - day, to: end + day).inMinutes.range.clamped(to: span.range)
    }

    /// - Parameters:
    ///   - moment: when the minute begins.
    ///   - net, top, presence: those of its ``AttendanceMinute``.
    mutating func add(_ moment: Milliseconds, net: Int, top: Int, presence: Milliseconds) {
        advance(to: moment)
        let end = moment + Self.minute
        if window.contains(moment) {
            total += Milliseconds(present) * Self.minute + presence
            // It is not over yet.
            if now < end { total -= Milliseconds(present + net) * (end - max(now, moment)) }
            mark(moment, present + top)
            place = end
        }
        present += net
    }

    /// Call once all minutes were added.
    mutating func finish() { advance(to: now) }

    /// Adds the time until a moment, in which nobody came or went.
    private mutating func advance(to moment: Milliseconds) {
        let end = min(moment, window.upperBound, now)
        guard end > place else { return }
        if present > 0 {
            total += Milliseconds(present) * (end - place)
            for next in stride(from: place - place % step, to: end, by: Int64.Stride(step)) {
                mark(max(next, place), present)
            }
        }
        place = end
    }

    private mutating func mark(_ moment: Milliseconds, _ viewers: Int) {
        guard viewers > 0 else { return }
        peak = max(peak, viewers)
        let minute = moment - moment % step
        if let last = concurrency.last, last.minute == minute {
            concurrency[concurrency.count - 1].viewers = max(last.viewers, viewers)
        } else {
            concurrency.append((minute, viewers))
        }
    }
}
