/// Milliseconds since 1970, or a length of time.
package typealias Milliseconds = Int64

/// Moments in RFC 3339 form, in UTC ([RFC 3339 section 5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6)).
package enum Timestamp {
    /// The last moment that can be written, since years have four digits.
    package static let last: Milliseconds = days(year: 10_000, month: 1, day: 1) * 86_400_000 - 1

    /// `2026-11-22T16:51:17.123Z`. A moment after ``last`` is written as ``last``.
    package static func text(_ moment: Milliseconds) -> String {
        let moment = min(moment, last)
        let seconds = floorDivide(moment, 1000)
        let rest = Int(moment - seconds * 1000)
        let (year, month, day) = civil(fromDays: floorDivide(seconds, 86400))
        let time = seconds - floorDivide(seconds, 86400) * 86400
        return "\(four(year))-\(two(month))-\(two(day))T\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):"
            + "\(two(Int(time % 60))).\(rest / 100)\(rest / 10 % 10)\(rest % 10)Z"
    }

    /// The Gregorian date of a day counted from 1970-01-01. Counts in eras of 400 years that start in March.
    package static func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// The day of a Gregorian date, counted from 1970-01-01.
    package static func days(year: Int64, month: Int, day: Int) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    private static func four(_ year: Int64) -> String {
        year >= 1000 ? "\(year)" : String(repeating: "0", count: max(0, 4 - String(year).count)) + "\(year)"
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}
