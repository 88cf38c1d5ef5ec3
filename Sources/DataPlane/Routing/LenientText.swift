import Basics

/// Reads text as a lenient reader might that ignores case and folds look-alikes into ASCII: letters with marks,
/// full-width and mathematical letters, the Kelvin sign, invisible characters.
///
/// No known reader folds all of these, but a path is refused if any might. Scripts that no reader turns into ASCII
/// stand for themselves only.
enum LenientText {
    /// Whether a segment could be read as `literal`, which is ASCII.
    static func reads(_ bytes: Span<UInt8>, _ segment: Range<Int>, as literal: [UInt8]) -> Bool {
        guard literal.count < UInt64.bitWidth else { return false }
        /// Bit n: the text read so far could be the first n bytes of the literal.
        var ends: UInt64 = 1
        var position = segment.lowerBound
        while position < segment.upperBound, ends != 0 {
            let (value, count) = bytes.scalar(at: position, before: segment.upperBound)
            position += count
            guard value >= 0x80 else {
                ends = step(ends, UInt8(truncatingIfNeeded: value).lowercased, literal)
                continue
            }
            guard let lengths = lengths(of: value) else { return false }
            ends = lengths.reduce(0) { $0 | ends << UInt64($1) }
        }
        return ends >> UInt64(literal.count) & 1 == 1
    }

    private static func step(_ ends: UInt64, _ byte: UInt8, _ literal: [UInt8]) -> UInt64 {
        var next: UInt64 = 0
        for index in literal.indices where ends >> UInt64(index) & 1 == 1 {
            if literal[index].lowercased == byte { next |= 1 << UInt64(index + 1) }
        }
        return next
    }

    /// How many ASCII letters or digits a scalar may stand for; `nil` if it cannot stand for any.
    private static func lengths(of scalar: UInt32) -> ClosedRange<Int>? {
        switch scalar {
        case 0x00...0x7f: nil
        // Marks and invisible characters.
        case 0x00ad, 0x0300...0x036f, 0x180e, 0x1ab0...0x1aff, 0x1dc0...0x1dff, 0x200b...0x200f, 0x202a...0x202e,
            0x2060...0x206f, 0x20d0...0x20ff, 0xfe00...0xfe0f, 0xfe20...0xfe2f, 0xfeff, 0xe0000...0xe0fff:
            0...0
        // Two letters in one: Æ, Þ, ß, Ĳ, Œ, Ǆ, Ǳ and similar.
        case 0x00c6, 0x00de, 0x00df, 0x00e6, 0x00fe, 0x0132, 0x0133, 0x0152, 0x0153, 0x01c4...0x01cc, 0x01f1...0x01f3:
            1...2
        // Latin letters, phonetic letters, small and raised letters.
        case 0x0080...0x02ff, 0x1d00...0x1dbf, 0x1e00...0x1eff, 0x2070...0x209f, 0x2c60...0x2c7f, 0xa720...0xa7ff: 1...1
        // Letter-like symbols, numbers, enclosed characters, ligatures.
        case 0x2100...0x218f, 0x2460...0x24ff, 0x3200...0x33ff, 0xfb00...0xfb06, 0x1f100...0x1f1ff: 1...3
        // Full-width and mathematical characters.
        case 0xff01...0xff5e, 0x1d400...0x1d7ff: 1...1
        default: nil
        }
    }
}
