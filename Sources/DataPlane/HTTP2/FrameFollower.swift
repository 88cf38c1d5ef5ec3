/// The header of one frame ([RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
struct FrameHeader: Equatable {
    static let size = 9

    /// Octets of the payload.
    var length: Int
    var type: UInt8
    var flags: UInt8
    var stream: Int32
}

/// Finds the frame headers in what a client sends, in any split, and skips the payloads.
///
/// The library tells nothing of frames that it ignores, and a client must not send any number of them.
struct FrameFollower {
    /// Of the client's preface or the present frame.
    private var octetsLeft = prefaceSize
    private var header = InlineArray<9, UInt8>(repeating: 0)
    private var count = 0

    private static let prefaceSize = 24

    /// The next header that ends in `bytes` at or after `position`, which is moved past it, or to the end of the bytes
    /// where there is none.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) -> FrameHeader? {
        let skipped = min(octetsLeft, bytes.count - position)
        octetsLeft -= skipped
        position += skipped
        guard octetsLeft == 0 else { return nil }
        while count < FrameHeader.size, position < bytes.count {
            header[count] = bytes[position]
            count += 1
            position += 1
        }
        guard count == FrameHeader.size else { return nil }
        count = 0
        octetsLeft = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        let stream = UInt32(header[5]) << 24 | UInt32(header[6]) << 16 | UInt32(header[7]) << 8 | UInt32(header[8])
        return FrameHeader(
            length: octetsLeft,
            type: header[3],
            flags: header[4],
            // The highest bit is reserved.
            stream: Int32(stream & 0x7fff_ffff)
        )
    }
}
