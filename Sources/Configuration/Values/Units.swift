import Basics

/// A number with a unit, such as `90s` or `64KiB`.
private struct Quantity {
    let number: Int64
    let unit: String

    /// Returns `nil` if the text is not digits followed by letters, or if the number does not fit.
    init?(_ text: String) {
        let digits = text.utf8.prefix { $0.isDigit }
        let letters = text.utf8.dropFirst(digits.count)
        guard !digits.isEmpty, let number = Int64(String(Substring(digits))) else { return nil }
        self.number = number
        self.unit = String(Substring(letters))
    }

    /// Whether the text is misspelt. A quantity with too many digits is too large, not misspelt.
    static func isMisspelt(_ text: String, units: [(name: String, factor: Int64)]) -> Bool {
        let digits = text.utf8.prefix { $0.isDigit }
        let letters = String(Substring(text.utf8.dropFirst(digits.count)))
        return digits.isEmpty || !units.contains { $0.name == letters }
    }

    static func value(of text: String, units: [(name: String, factor: Int64)]) -> Int64? {
        guard let quantity = Quantity(text), let unit = units.first(where: { $0.name == quantity.unit }) else {
            return nil
        }
        let (value, overflow) = quantity.number.multipliedReportingOverflow(by: unit.factor)
        return overflow ? nil : value
    }

    static func text(of value: Int64, units: [(name: String, factor: Int64)]) -> String {
        // The units are sorted, largest first. The last is 1, so there is always a match.
        let unit = units.first { value % $0.factor == 0 && value >= $0.factor } ?? units[units.count - 1]
        return "\(value / unit.factor)\(unit.name)"
    }
}

extension Duration {
    private static let units: [(name: String, factor: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads a duration such as `90s`, `4h` or `250ms`.
    package init(parsing text: String) throws(ValueFault) {
        guard let milliseconds = Quantity.value(of: text, units: Self.units) else {
            if !Quantity.isMisspelt(text, units: Self.units) { throw ValueFault("\(quoted(text)) is too long") }
            throw ValueFault("\(quoted(text)) is not a duration such as \"90s\" or \"4h\" (units: ms, s, m, h, d)")
        }
        self = .milliseconds(milliseconds)
    }

    /// The duration in the form of the configuration, no finer than whole milliseconds.
    package var configurationText: String { Quantity.text(of: wholeMilliseconds, units: Self.units) }

    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// Sizes in bytes in the form of the configuration.
package enum Size {
    private static let units: [(name: String, factor: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// Reads a size such as `64KiB` or `256B`.
    package static func bytes(parsing text: String) throws(ValueFault) -> Int {
        guard let bytes = Quantity.value(of: text, units: units) else {
            if !Quantity.isMisspelt(text, units: units) { throw ValueFault("\(quoted(text)) is too large") }
            throw ValueFault("\(quoted(text)) is not a size such as \"64KiB\" (units: B, KiB, MiB, GiB, TiB)")
        }
        return Int(bytes)
    }

    package static func text(of bytes: Int) -> String { Quantity.text(of: Int64(bytes), units: units) }
}
