/// Reads timestamps ([RFC 3339, section 5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6)).
package enum RFC3339 {
    /// The range of years that have four digits.
    private static let range =
        Timestamp.days(year: 0, month: 1, day: 1) * 86_400_000..<Timestamp.days(year: 10_000, month: 1, day: 1)
        * 86_400_000

    /// Parses a timestamp. Cuts off digits finer than a millisecond, and reads a leap second as the second after it.
    package static func parse(_ text: String) -> Milliseconds? {
        var reader = Reader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T") || reader.skip("t"), let hour = reader.number(2),
            reader.skip(":"), let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= length(of: month, in: year), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        let days = Timestamp.days(year: Int64(year), month: month, day: day)
        let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset) * 60
        let moment = seconds * 1000 + Int64(fraction)
        return range.contains(moment) ? moment : nil
    }

    private static func length(of month: Int, in year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func number(_ digits: Int) -> Int? {
            guard position + digits <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<position + digits] {
                guard byte.isDigit else { return nil }
                value = value * 10 + Int(byte & 15)
            }
            position += digits
            return value
        }

        mutating func skip(_ mark: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
            position += 1
            return true
        }

        /// The fraction, in milliseconds.
        mutating func fraction() -> Int? {
            guard skip(".") else { return 0 }
            let start = position
            var value = 0
            while position < bytes.count, bytes[position].isDigit {
                if position < start + 3 { value = value * 10 + Int(bytes[position] & 15) }
                position += 1
            }
            guard position > start else { return nil }
            for _ in position..<max(start + 3, position) { value *= 10 }
            return value
        }

        /// The offset, in minutes east of UTC.
        mutating func offset() -> Int? {
            if skip("Z") || skip("z") { return 0 }
            let sign = skip("+") ? 1 : skip("-") ? -1 : 0
            guard sign != 0, let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            return sign * (hours * 60 + minutes)
        }
    }
}
