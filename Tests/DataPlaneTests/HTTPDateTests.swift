import Admission
import Basics
import Testing
import Transport

@testable import DataPlane

@Suite("HTTP dates")
struct HTTPDateTests {
    @Test("The example of RFC 9110 section 5.6.7 is written exactly")
    func example() {
        #expect(text(HTTPDate.format(784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test(
        "Known dates: the epoch, leap days, year and century ends, beyond 32 bits",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (59, "Thu, 01 Jan 1970 00:00:59 GMT"),
            (86_399, "Thu, 01 Jan 1970 23:59:59 GMT"),
            (86_400, "Fri, 02 Jan 1970 00:00:00 GMT"), (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
            (68_256_000, "Wed, 01 Mar 1972 00:00:00 GMT"), (946_684_799, "Fri, 31 Dec 1999 23:59:59 GMT"),
            (946_684_800, "Sat, 01 Jan 2000 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"), (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
            (1_234_567_890, "Fri, 13 Feb 2009 23:31:30 GMT"), (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"), (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_294_967_296, "Sun, 07 Feb 2106 06:28:16 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
    )
    func known(_ seconds: Int64, _ date: String) {
        #expect(text(HTTPDate.format(seconds)) == date)
    }

    @Test("Each day from 1970 to 2110 follows the day before it")
    func everyDay() {
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var (year, month, day) = (1970, 0, 1)
        var wrong: [String] = []
        for number in 0..<51_135 {
            let date = "\(names[number % 7]), \(day < 10 ? "0" : "")\(day) \(months[month]) \(year) 12:00:00 GMT"
            let written = text(HTTPDate.format(Int64(number) * 86_400 + 43_200))
            if written != date { wrong.append(written) }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            day += 1
            if day > lengths[month] { (month, day) = (month + 1, 1) }
            if month == 12 { (year, month) = (year + 1, 0) }
        }
        #expect(year == 2110)
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
    }

    @Test(
        "Timestamps of the log have milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
            (784_111_777_089, "1994-11-06T08:49:37.089Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"), (1_767_225_600_100, "2026-01-01T00:00:00.100Z"),
        ]
    )
    func timestamps(_ milliseconds: Int64, _ written: String) {
        #expect(Timestamp.text(milliseconds) == written)
    }

    @Test("The clock's date matches its wall time, and its monotonic time never goes back")
    func clock() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let clock = Clock(of: loop)
        var last = clock.monotonic
        for _ in 0..<1000 {
            loop.turn(waitingAtMost: 0)
            #expect(clock.monotonic >= last)
            #expect(clock.date == HTTPDate.format(clock.wall / 1000))
            var written = ByteBuffer()
            _ = written.write(atMost: 32) { clock.writeTimestamp(to: &$0) }
            #expect(text(written.contents) == Timestamp.text(clock.wall))
            last = clock.monotonic
        }
    }
}
