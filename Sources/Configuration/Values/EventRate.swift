import Basics

/// How often something may happen, in the form `100/s` or `600/m`.
package struct EventRate: Sendable, Equatable {
    package let text: String
    package let count: Int
    /// In milliseconds.
    package let period: Int64

    /// The time from one to the next, in microseconds.
    package var interval: Int64 { period * 1000 / Int64(count) }

    package init(parsing text: String) throws(ValueFault) {
        let digits = text.utf8.prefix { $0.isDigit }
        let unit = text.utf8.dropFirst(digits.count)
        let periods: [(name: String, length: Int64)] = [("/s", 1000), ("/m", 60_000)]
        guard let period = periods.first(where: { $0.name.utf8.elementsEqual(unit) }), !digits.isEmpty else {
            throw ValueFault("\(quoted(text)) is not a rate such as \"100/s\" or \"600/m\"")
        }
        guard let count = Int(String(Substring(digits))), (1...1_000_000).contains(count) else {
            throw ValueFault("\(quoted(text)) is out of range: 1 to 1000000")
        }
        (self.text, self.count, self.period) = (text, count, period.length)
    }
}

/// A rate that may be exceeded for a moment.
package struct RateLimit: Sendable, Equatable {
    package var rate: EventRate
    /// How many may come at once. `nil` stands for the number of the rate.
    package var burst: Int?

    package init(rate: EventRate, burst: Int? = nil) { (self.rate, self.burst) = (rate, burst) }

    /// The burst in effect.
    package var size: Int { burst ?? rate.count }
}
