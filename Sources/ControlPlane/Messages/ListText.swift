/// Header fields that contain words with a separator.
enum ListText {
    /// The words in lower case, without surrounding white space, as bytes.
    static func parts(_ text: String, separator: Unicode.Scalar) -> [[UInt8]] {
        text.utf8.split(separator: UInt8(ascii: separator)).map { part in
            part.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }.map(lowercase)
        }
    }

    /// Whether a text begins with a word of lower-case ASCII, ignoring case.
    static func begins(_ text: String, with word: StaticString) -> Bool {
        text.utf8.prefix(word.utf8CodeUnitCount).map(lowercase).elementsEqual(word.description.utf8)
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
