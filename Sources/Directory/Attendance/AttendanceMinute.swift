import Basics

/// How the number of people at an event changes within one minute. What is added in any order comes to the same.
struct AttendanceMinute: Equatable {
    static let length: Milliseconds = 60_000
    private static let second: Milliseconds = 1000

    /// How many more came than went in a second of the minute, without those in which as many did.
    private var changes: [UInt8: Int32] = [:]
    /// What the arrivals add to the presence in this minute, less what the departures take from it, in milliseconds.
    private(set) var presence: Milliseconds = 0
    /// How many left in it who have not come back.
    private(set) var gone = 0

    init() {}

    /// How many more are there at its end than at its beginning.
    var net: Int { changes.values.reduce(0) { $0 + Int($1) } }

    /// The most in any second, more than there were before the minute.
    var top: Int {
        var count = Int(changes[0] ?? 0)
        var top = count
        for (second, change) in changes.sorted(by: { $0.key < $1.key }) where second > 0 {
            count += Int(change)
            top = max(top, count)
        }
        return top
    }

    /// - Parameters:
    ///   - count: negative if they go.
    ///   - time: since the beginning of the minute.
    mutating func add(_ count: Int, at time: Milliseconds) {
        presence += Milliseconds(count) * (Self.length - time)
        add(Int32(clamping: count), inSecond: UInt8(clamping: time / Self.second))
    }

    /// Notes that people have left for as long as is known. If there are less than none, they have come back.
    mutating func leave(_ count: Int) { gone += count }

    /// Takes time in which somebody was away from the presence.
    mutating func pause(_ time: Milliseconds) { presence -= time }

    mutating func add(_ other: AttendanceMinute) {
        presence += other.presence
        gone += other.gone
        for (second, count) in other.changes { add(count, inSecond: second) }
    }

    private mutating func add(_ count: Int32, inSecond second: UInt8) {
        let sum = changes[second, default: 0] &+ count
        changes[second] = sum == 0 ? nil : sum
    }

    // MARK: Stored

    /// Five bytes for each second with a change: the second, and the count, big-endian.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for (second, count) in changes.sorted(by: { $0.key < $1.key }) {
            bytes.append(second)
            let number = UInt32(bitPattern: count)
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
        }
        return bytes
    }

    init(bytes: [UInt8], presence: Milliseconds, gone: Int) {
        self.presence = presence
        self.gone = gone
        for start in stride(from: 0, to: bytes.count - bytes.count % 5, by: 5) {
            let number = bytes[start + 1..<start + 5].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            changes[bytes[start]] = Int32(bitPattern: number)
        }
    }
}
