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
    /// The wall time as a `Timestamp`.
    private var stamp = InlineArray<24, UInt8>(repeating: UInt8(ascii: "Z"))

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
        let stamp = stamp
        line.write(stamp.span)
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
        if wallTime / 1000 != second {
            second = wallTime / 1000
            dateText = HTTPDate.format(second)
            for (index, byte) in Timestamp.text(second * 1000).utf8.prefix(stamp.count).enumerated() {
                stamp[index] = byte
            }
        }
        let milliseconds = UInt16(wallTime - second * 1000)
        stamp[20] = UInt8(ascii: "0") + UInt8(milliseconds / 100)
        stamp[21] = UInt8(ascii: "0") + UInt8(milliseconds / 10 % 10)
        stamp[22] = UInt8(ascii: "0") + UInt8(milliseconds % 10)
    }
}
