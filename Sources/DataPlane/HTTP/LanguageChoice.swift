import Basics

/// The language that fits a browser's `Accept-Language` best
/// ([RFC 9110 section 12.5.4](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4)).
///
/// A language fits a range if one begins with the other at a hyphen, as filtering and lookup together find it
/// ([RFC 4647 section 3](https://www.rfc-editor.org/rfc/rfc4647#section-3)): German is for those who ask for `de-AT`.
struct LanguageChoice {
    /// What is behind these bytes is not looked at.
    private static let maxLength = 512

    /// The place of the chosen language among `tags`.
    private(set) var place = 0
    /// From 0 to 1000, as the weight of the range that chose it.
    private var weight = 0
    private var bytesLeft = Self.maxLength

    private let tags: [[UInt8]]

    /// - Parameter tags: the languages to choose from. The first is chosen if none fits.
    init(among tags: [[UInt8]]) { self.tags = tags }

    /// Reads a field's value. Call it for each of several fields, in order.
    mutating func read(_ field: Span<UInt8>) {
        var start = 0
        let end = min(field.count, bytesLeft)
        bytesLeft -= end
        // Nothing beats a full weight that came first.
        while start < end, weight < 1000 {
            let comma = field.firstIndex(of: UInt8(ascii: ","), from: start, to: end)
            // The weight of a range that was cut off is not known.
            if comma == nil, end < field.count { return }
            judge(field, start..<(comma ?? end))
            start = (comma ?? end) + 1
        }
    }

    private mutating func judge(_ field: Span<UInt8>, _ element: Range<Int>) {
        let semicolon = field.firstIndex(of: UInt8(ascii: ";"), from: element.lowerBound, to: element.upperBound)
        let range = field.trimming(element.lowerBound..<(semicolon ?? element.upperBound))
        var weight = 1000
        if let semicolon {
            guard let stated = Self.weight(field, field.trimming(semicolon + 1..<element.upperBound)) else { return }
            weight = stated
        }
        guard weight > self.weight, !range.isEmpty else { return }
        if range.count == 1, field[range.lowerBound] == UInt8(ascii: "*") {
            (place, self.weight) = (0, weight)
            return
        }
        for (place, tag) in tags.enumerated() where Self.fits(tag.span, field, range) {
            (self.place, self.weight) = (place, weight)
            return
        }
    }

    /// Whether the shorter one is the beginning of the other, up to its end or a hyphen.
    private static func fits(_ tag: Span<UInt8>, _ field: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let shared = min(tag.count, range.count)
        for index in 0..<shared where tag[index].lowercased != field[range.lowerBound + index].lowercased {
            return false
        }
        if tag.count > shared { return tag[shared] == UInt8(ascii: "-") }
        return range.count == shared || field[range.lowerBound + shared] == UInt8(ascii: "-")
    }

    /// A weight in thousandths: `q=0.5` is 500
    /// ([RFC 9110 section 12.4.2](https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2)). Returns `nil` if it is none.
    private static func weight(_ field: Span<UInt8>, _ parameter: Range<Int>) -> Int? {
        let digits = parameter.lowerBound + 2
        guard digits < parameter.upperBound, parameter.count <= 7,
            field.equals("q=", ignoringCaseIn: parameter.lowerBound..<digits)
        else { return nil }
        var weight = 0
        var unit = 1000
        for index in digits..<parameter.upperBound {
            let byte = field[index]
            if index == digits + 1 {
                guard byte == UInt8(ascii: ".") else { return nil }
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            weight += Int(byte - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return weight <= 1000 ? weight : nil
    }
}
