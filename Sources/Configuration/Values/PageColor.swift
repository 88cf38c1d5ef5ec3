import Basics
import Glibc

/// A colour in sRGB.
package struct PageColor: Sendable, Equatable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    package static let white = PageColor(red: 255, green: 255, blue: 255)
    package static let black = PageColor(red: 0, green: 0, blue: 0)

    package init(red: UInt8, green: UInt8, blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }

    /// Reads `#rrggbb` or `#rgb`.
    package init(parsing text: String) throws(ValueFault) {
        var digits: [UInt8] = []
        for byte in text.utf8.dropFirst() {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { break }
            digits.append(UInt8(digit))
        }
        guard text.utf8.first == UInt8(ascii: "#"), digits.count == text.utf8.count - 1 else {
            throw ValueFault("\(quoted(text)) is not a colour such as \"#1d4ed8\"")
        }
        switch digits.count {
        case 3: self.init(red: digits[0] * 17, green: digits[1] * 17, blue: digits[2] * 17)
        case 6:
            self.init(
                red: digits[0] << 4 | digits[1],
                green: digits[2] << 4 | digits[3],
                blue: digits[4] << 4 | digits[5]
            )
        default: throw ValueFault("\(quoted(text)) is not a colour such as \"#1d4ed8\"")
        }
    }

    /// In the form of the configuration and of style sheets.
    package var text: String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = [red, green, blue].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "#" + String(decoding: bytes, as: UTF8.self)
    }

    /// From 0 to 1 ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)).
    private var luminance: Double {
        func linear(_ part: UInt8) -> Double {
            let share = Double(part) / 255
            return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// From 1, for the same colour, to 21 ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)).
    package func contrast(to other: PageColor) -> Double {
        let (a, b) = (luminance, other.luminance)
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    /// The colour with a share of white added, from 0 to 1.
    package func lightened(by share: Double) -> PageColor {
        func lighter(_ part: UInt8) -> UInt8 { UInt8(Double(part) + (255 - Double(part)) * share) }
        return PageColor(red: lighter(red), green: lighter(green), blue: lighter(blue))
    }

    /// Black or white, whichever is easier to read on this colour. Its contrast is at least 4.5.
    package var textColor: PageColor {
        contrast(to: .white) >= contrast(to: .black) ? .white : .black
    }
}
