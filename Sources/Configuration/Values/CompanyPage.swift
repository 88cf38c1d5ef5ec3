import Basics
import Glibc

/// How a company shows itself on the gateway's pages. Nothing of it is needed.
package struct CompanyPage: Sendable, Equatable {
    /// What viewers know it by; `nil` for the company's name.
    package var name: String?
    package var logo: PageImage?
    /// The colour of buttons.
    package var accent: PageColor?
    /// Where viewers get help.
    package var contact: PageContact?
    /// The company's own page about its events, an https URL.
    package var home: String?

    package init() {}

    /// Reads a URL that a page may link to.
    package static func readHome(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.count <= 512 else { throw ValueFault("must not be longer than 512 bytes") }
        guard try WebAddress(parsing: text).isSecure else {
            throw ValueFault("\(quoted(text)): the scheme must be https")
        }
        return text
    }
}

/// A picture on a page: fetched from the company's site, or part of the page.
package struct PageImage: Sendable, Equatable {
    /// As the operator writes it: an https URL, or the path of a file.
    package let text: String
    /// The `src` of an `img`.
    package let address: String
    /// Where it comes from, for `img-src`: an origin, or `data:`.
    package let source: String

    /// The most bytes of a file. A page must stay small: who is refused may come again and again.
    package static let maxSize = 4096

    /// Reads an https URL.
    package init(parsing text: String) throws(ValueFault) {
        guard text.utf8.count <= 512 else { throw ValueFault("must not be longer than 512 bytes") }
        let address = try WebAddress(parsing: text)
        guard address.isSecure else {
            throw ValueFault("\(quoted(text)): the scheme must be https, or else browsers do not show it")
        }
        (self.text, self.address, source) = (text, text, address.origin)
    }

    /// Makes a file part of the page.
    package init(_ bytes: [UInt8], of path: String) throws(ValueFault) {
        guard bytes.count <= Self.maxSize else {
            throw ValueFault("\(path) has \(bytes.count) bytes; a page has room for \(Self.maxSize)")
        }
        guard let type = Self.mediaType(of: bytes) else {
            throw ValueFault("\(path) is not a PNG, JPEG, WebP, GIF or SVG image")
        }
        let data = String(decoding: Base64.encode(bytes.span), as: UTF8.self)
        (text, address, source) = (path, "data:\(type);base64,\(data)", "data:")
    }

    /// The type of an image by what such files begin with; `nil` if browsers do not show it.
    private static func mediaType(of bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return "image/png" }
        if bytes.starts(with: [0xff, 0xd8, 0xff]) { return "image/jpeg" }
        if bytes.starts(with: "GIF8".utf8) { return "image/gif" }
        if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) { return "image/webp" }
        let text = bytes.drop { $0 <= 0x20 }
        if text.starts(with: "<svg".utf8) || text.starts(with: "<?xml".utf8) { return "image/svg+xml" }
        return nil
    }
}

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

/// A way to reach people: an e-mail address, a telephone number, or a page.
package struct PageContact: Sendable, Equatable {
    /// As the operator writes it.
    package let text: String
    /// The `href` of a link.
    package let address: String

    /// Reads `help@acme.example`, `tel:+49301234` or an https URL.
    package init(parsing text: String) throws(ValueFault) {
        guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
        self.text = text
        if text.hasPrefix("tel:") {
            let number = text.utf8.dropFirst(4)
            let digits = number.first == UInt8(ascii: "+") ? number.dropFirst() : number
            guard (3...20).contains(digits.count), digits.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: "-") }) else {
                throw ValueFault("\(quoted(text)) is not a telephone number such as \"tel:+49301234567\"")
            }
            address = text
        } else if text.utf8.contains(UInt8(ascii: "@")), !text.contains("://") {
            let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            let isAddress = text.utf8.allSatisfy { $0.isLetterOrDigit || "@.+-_".utf8.contains($0) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, isAddress else {
                throw ValueFault("\(quoted(text)) is not an e-mail address such as \"help@acme.example\"")
            }
            address = "mailto:" + text
        } else {
            address = try CompanyPage.readHome(text)
        }
    }
}
