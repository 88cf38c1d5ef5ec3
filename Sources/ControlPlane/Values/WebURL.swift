import Basics

/// A check for http and https URLs: scheme, host name or IPv4 address, an optional port, and no white space or control
/// characters after that.
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
        return colon == UInt8(ascii: ":") && (2...6).contains(port.count) && port.dropFirst().allSatisfy(\.isDigit)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
