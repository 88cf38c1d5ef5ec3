/// The Huffman code of HPACK ([RFC 7541, appendix B](https://www.rfc-editor.org/rfc/rfc7541#appendix-B)).
///
/// It is canonical: the lengths determine it, since codes grow with length and then with the byte.
enum HTTP2Huffman {
    /// The number of bits in each byte's code, and in that of EOS at the end.
    private static let lengths: [Int] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
        28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15,
        6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
        20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23,
        23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22,
        22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26,
        27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27,
        26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
    ]

    private struct Code: Hashable {
        var bits: UInt32
        var length: Int
    }

    private static let codes: [Code] = {
        var codes = [Code](repeating: Code(bits: 0, length: 0), count: lengths.count)
        var bits: UInt32 = 0
        var length = 0
        for symbol in lengths.indices.sorted(by: { (lengths[$0], $0) < (lengths[$1], $1) }) {
            bits <<= UInt32(lengths[symbol] - length)
            length = lengths[symbol]
            codes[symbol] = Code(bits: bits, length: length)
            bits += 1
        }
        return codes
    }()

    private static let symbols: [Code: Int] = Dictionary(
        uniqueKeysWithValues: codes.enumerated().map { ($0.element, $0.offset) }
    )

    /// - Parameter padding: bits that fill the last byte; ones, if valid.
    static func encode(_ bytes: [UInt8], padding: UInt32 = 0xff) -> [UInt8] {
        encode(symbols: bytes.map(Int.init), padding: padding)
    }

    /// - Parameter symbols: bytes, or 256 for EOS.
    static func encode(symbols: [Int], padding: UInt32 = 0xff) -> [UInt8] {
        var output: [UInt8] = []
        var bits: UInt64 = 0
        var count = 0
        for symbol in symbols {
            bits = bits << UInt64(codes[symbol].length) | UInt64(codes[symbol].bits)
            count += codes[symbol].length
            while count >= 8 {
                output.append(UInt8(truncatingIfNeeded: bits >> UInt64(count - 8)))
                count -= 8
            }
        }
        if count > 0 {
            let fill = UInt64(padding) & (1 << UInt64(8 - count) - 1)
            output.append(UInt8(truncatingIfNeeded: bits << UInt64(8 - count) | fill))
        }
        return output
    }

    /// Returns `nil` if the bytes are not a valid string of this code.
    static func decode(_ bytes: some Sequence<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        var code = Code(bits: 0, length: 0)
        for byte in bytes {
            for shift in (0..<8).reversed() {
                code = Code(bits: code.bits << 1 | UInt32(byte >> UInt8(shift) & 1), length: code.length + 1)
                if let symbol = symbols[code] {
                    guard symbol < 256 else { return nil }
                    output.append(UInt8(symbol))
                    code = Code(bits: 0, length: 0)
                } else if code.length > 30 {
                    return nil
                }
            }
        }
        let isPadding = code.length < 8 && code.bits == UInt32(1) << UInt32(code.length) - 1
        return isPadding ? output : nil
    }
}
