/// An IPv4 or IPv6 address, without a zone.
package struct IPAddress: Sendable, Equatable {
    /// Network-order bytes: 4 for IPv4, 16 for IPv6.
    package let bytes: [UInt8]

    /// Reads dotted decimals (four, without leading zeros) or the notation of RFC 4291 section 2.2
    /// (https://www.rfc-editor.org/rfc/rfc4291#section-2.2).
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 45, let bytes = Self.version4(text) ?? Self.version6(text) else { return nil }
        self.bytes = bytes
    }

    package var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    private static func version4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.allSatisfy(\.isDigit), part.count == 1 || part.first != UInt8(ascii: "0"),
                let byte = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: some StringProtocol) -> [UInt8]? {
        let text = String(text)
        guard let gap = text.firstRange(of: "::") else {
            return groups(text[...], mayEndInVersion4: true).flatMap { $0.count == 16 ? $0 : nil }
        }
        guard let head = groups(text[..<gap.lowerBound], mayEndInVersion4: false),
            let tail = groups(text[gap.upperBound...], mayEndInVersion4: true)
        else { return nil }
        // The gap stands for one group at least.
        let zeros = 16 - head.count - tail.count
        return zeros >= 2 ? head + [UInt8](repeating: 0, count: zeros) + tail : nil
    }

    /// The bytes of hexadecimal groups between colons.
    private static func groups(_ text: Substring, mayEndInVersion4: Bool) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, word) in words.enumerated() {
            if mayEndInVersion4, index == words.count - 1, let address = version4(word) {
                bytes += address
                continue
            }
            guard (1...4).contains(word.utf8.count), word.utf8.allSatisfy(\.isLetterOrDigit),
                let group = UInt16(word, radix: 16)
            else { return nil }
            bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
        }
        return bytes
    }
}
