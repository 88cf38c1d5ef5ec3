/// http and https URLs as far as they are checked: scheme, host name or IPv4 address, perhaps a port, and no white space
/// or controls behind.
enum WebURL {
    static func isValid(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.utf8.starts(with: $0.utf8) }) else {
            return false
        }
        let afterScheme = text.unicodeScalars.dropFirst(scheme.utf8.count)
        let authority = afterScheme.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let rest = afterScheme.dropFirst(authority.count)
        guard rest.allSatisfy({ !Text.isControl($0) && !Text.isWhite($0) }) else { return false }
        return isAuthority(Substring(authority))
    }

    private static func isAuthority(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        let host = bytes.prefix { $0 != UInt8(ascii: ":") }
        guard !host.isEmpty, host.allSatisfy(isNameByte) else { return false }
        let port = bytes[host.endIndex...]
        guard let colon = port.first else { return true }
        return colon == UInt8(ascii: ":") && (2...6).contains(port.count) && port.dropFirst().allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }
}
