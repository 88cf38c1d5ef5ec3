import Basics

/// Markup. Every text that is put into it is escaped, so that nothing from outside becomes markup.
struct HTML: ExpressibleByStringInterpolation, Sendable {
    private(set) var text: String

    init(stringLiteral text: String) { self.text = text }
    init(stringInterpolation parts: StringInterpolation) { text = parts.text }

    /// Markup that stands one after the other.
    init(_ parts: [HTML]) { text = parts.map(\.text).joined() }

    static let none: HTML = ""

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ html: HTML) { text += html.text }
        mutating func appendInterpolation(_ parts: [HTML]) { for part in parts { text += part.text } }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }
        mutating func appendInterpolation(_ plain: String) { text += Markup.escaped(plain) }
    }
}

/// Texts that somebody else has chosen, made fit to be read by an operator.
enum OutsideText {
    /// What a table shows of a text, in characters.
    static let short = 80
    /// What a page about one thing shows of it.
    static let long = 1000

    /// A text that cannot change how what stands around it is read: bounded, isolated from the direction of writing of
    /// its neighbours, with controls and characters that cannot be seen spelled out.
    static func html(_ text: String, limit: Int = short) -> HTML { "<bdi>\(plain(text, limit: limit))</bdi>" }

    static func plain(_ text: String, limit: Int = short) -> String {
        var (shown, count) = ("", 0)
        for scalar in text.unicodeScalars {
            guard count < limit else { return shown + "…" }
            count += 1
            guard !isSpelledOut(scalar) else {
                shown += TerminalText.escape(scalar)
                continue
            }
            shown.unicodeScalars.append(scalar)
        }
        return shown
    }

    private static func isSpelledOut(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        // Joiners belong to how names are spelled in several scripts.
        case "\u{200c}", "\u{200d}": false
        default: TerminalText.isActive(scalar)
        }
    }
}
