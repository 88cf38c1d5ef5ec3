import Basics
import Foundation
import Testing

@Suite("Timestamps: moments in the form of RFC 3339")
struct TimestampTests {
    @Test(
        "Moments that calendars get wrong",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (-1000, "1969-12-31T23:59:59.000Z"), (-86_400_000, "1969-12-31T00:00:00.000Z"),
            (1_763_830_277_123, "2025-11-22T16:51:17.123Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"), (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
            (-2_203_977_600_000, "1900-02-28T00:00:00.000Z"), (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.999Z"), (.max, "9999-12-31T23:59:59.999Z"),
            (2_147_483_648_000, "2038-01-19T03:14:08.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        ] as [(Milliseconds, String)]
    )
    func text(moment: Milliseconds, text: String) {
        #expect(Timestamp.text(moment) == text)
    }

    @Test("Every day from 1583 to 2500 converts to its number and back")
    func days() {
        var day = Timestamp.days(year: 1583, month: 1, day: 1)
        for year in Int64(1583)...2500 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, count) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for date in 1...count {
                    let civil = Timestamp.civil(fromDays: day)
                    guard civil == (year, month + 1, date),
                        Timestamp.days(year: year, month: month + 1, day: date) == day
                    else {
                        Issue.record("day \(day) is \(year)-\(month + 1)-\(date), not \(civil)")
                        return
                    }
                    day += 1
                }
            }
        }
        #expect(day == Timestamp.days(year: 2501, month: 1, day: 1))
    }

    @Test("The years at the ends: 0000, 1970 and 9999")
    func ends() {
        #expect(Timestamp.days(year: 1970, month: 1, day: 1) == 0)
        #expect(Timestamp.days(year: 0, month: 1, day: 1) == -719_528)
        #expect(Timestamp.civil(fromDays: -719_528) == (0, 1, 1))
        #expect(Timestamp.days(year: 9999, month: 12, day: 31) == 2_932_896)
        #expect(Timestamp.civil(fromDays: 2_932_896) == (9999, 12, 31))
    }

    @Test("moments all over the years 0001 to 9999 read as Foundation writes them")
    func againstFoundation() throws {
        var style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        style.timeZone = try #require(TimeZone(identifier: "UTC"))
        // From the calendar's beginning: before, Foundation counts by Caesar's.
        for seconds in stride(from: -12_212_553_600, through: 253_402_300_799 as Int64, by: 531_229_709) {
            let text = Timestamp.text(seconds * 1000)
            #expect(try Date(text, strategy: style).timeIntervalSince1970 == Double(seconds))
        }
    }
}
