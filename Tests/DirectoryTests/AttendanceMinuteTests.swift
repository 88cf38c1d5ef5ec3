import Basics
import Testing

@testable import Directory

@Suite("Sums of attendance by minutes")
struct AttendanceMinuteTests {
    @Test("The order in which changes are added does not matter, nor whether they were stored meanwhile")
    func order() {
        let changes: [(Int, Milliseconds)] = [
            (1, 0), (3, 12_345), (-2, 12_999), (-1, 59_999), (2, 30_000), (-2, 30_999),
        ]
        var (whole, stored, other) = (AttendanceMinute(), AttendanceMinute(), AttendanceMinute())
        for (count, time) in changes { whole.add(count, at: time) }
        for (count, time) in changes.reversed() {
            stored = AttendanceMinute(bytes: stored.bytes, presence: stored.presence, gone: stored.gone)
            stored.add(count, at: time)
        }
        for (count, time) in changes.suffix(3) { other.add(count, at: time) }
        var sum = AttendanceMinute()
        for (count, time) in changes.prefix(3) { sum.add(count, at: time) }
        sum.add(other)
        #expect(whole == stored && whole == sum)
        #expect(whole.net == 1 && whole.top == 2)
        #expect(whole.presence == 60_000 + 3 * 47_655 - 2 * 47_001 - 1 + 2 * 30_000 - 2 * 29_001)
    }

    @Test("Who goes at the beginning of a minute is not there in it")
    func beginning() {
        var minute = AttendanceMinute()
        minute.add(-1, at: 0)
        #expect(minute.top == -1 && minute.net == -1 && minute.presence == -60_000)
    }

    @Test("Attack: what is stored is cut short or has seconds that do not exist; nothing breaks")
    func broken() {
        for bytes in [[1], [1, 0, 0, 0], [200, 0, 0, 0, 1, 7], [0, 255, 255, 255, 255]] as [[UInt8]] {
            let minute = AttendanceMinute(bytes: bytes, presence: 0, gone: 0)
            #expect(minute.net <= 1)
        }
    }
}
