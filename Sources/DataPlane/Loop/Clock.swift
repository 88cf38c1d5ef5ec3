import Basics
import Transport

/// The time as one event loop sees it: that of its current turn.
final class Clock {
    private let loop: EventLoop
    /// The loop's time when the wall clock was read last.
    private var readAt: Int64 = 0
    private var wallTime: Int64 = 0
    private var second: Int64 = -1
    private var dateText: [UInt8] = []
    /// The wall time in whole seconds, as the part of a `Timestamp` up to and including the dot.
    private var stamp: [UInt8] = []

    init(of loop: EventLoop) {
        self.loop = loop
        read()
    }

    /// Milliseconds of a clock that never goes backwards.
    var monotonic: Int64 { loop.now }

    /// Milliseconds since 1970.
    var wall: Int64 {
        refresh()
        return wallTime
    }

    /// The wall time in whole seconds, as `Date`
    /// ([RFC 9110 section 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
    var date: [UInt8] {
        refresh()
        return dateText
    }

    /// Writes the wall time as a `Timestamp`.
    func writeTimestamp(to line: inout ByteWriter) {
        refresh()
        line.write(stamp)
        let rest = UInt16(wallTime - second * 1000)
        line.write(UInt8(ascii: "0") + UInt8(rest / 100))
        line.write(UInt8(ascii: "0") + UInt8(rest / 10 % 10))
        line.write(UInt8(ascii: "0") + UInt8(rest % 10))
        line.write(UInt8(ascii: "Z"))
    }

    /// Writes the wall time in whole seconds in the form of the Common Log Format, as in `10/Oct/2000:13:55:36 +0000`.
    func writeCommonTime(to line: inout ByteWriter) {
        refresh()
        // `Date` has the same parts, with English names of months: `Tue, 10 Oct 2000 13:55:36 GMT`.
        for index in 5..<25 {
            switch index {
            case 7, 11: line.write(UInt8(ascii: "/"))
            case 16: line.write(UInt8(ascii: ":"))
            default: line.write(dateText[index])
            }
        }
        line.write(" +0000")
    }

    /// Reads the wall clock again if the loop's time has changed.
    @inline(__always)
    private func refresh() {
        if loop.now != readAt { read() }
    }

    private func read() {
        readAt = loop.now
        wallTime = WallClock.now()
        guard wallTime / 1000 != second else { return }
        second = wallTime / 1000
        dateText = HTTPDate.format(second)
        stamp = Array(Timestamp.text(second * 1000).utf8.dropLast(4))
    }
}
