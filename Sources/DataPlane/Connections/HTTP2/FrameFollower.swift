/// The header of one frame ([RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
struct FrameHeader: Equatable {
    static let size = 9

    /// The length of the payload in bytes.
    var length: Int
    var type: UInt8
    var flags: UInt8
    var stream: Int32
}

/// Finds the frame headers in a client's bytes, split in any way, and skips the payloads.
///
/// Needed because the library does not report frames that it ignores, and their number must be limited.
struct FrameFollower {
    /// Bytes left of the client's preface or of the current frame.
    private var bytesLeft = prefaceSize
    private var header = InlineArray<9, UInt8>(repeating: 0)
    private var count = 0

    private static let prefaceSize = 24

    /// Returns the next header that ends in `bytes` at or after `position`, and moves `position` past it. If there is
    /// none, moves it to the end of the bytes.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) -> FrameHeader? {
        let skipped = min(bytesLeft, bytes.count - position)
        bytesLeft -= skipped
        position += skipped
        guard bytesLeft == 0 else { return nil }
        while count < FrameHeader.size, position < bytes.count {
            header[count] = bytes[position]
            count += 1
            position += 1
        }
        guard count == FrameHeader.size else { return nil }
        count = 0
        bytesLeft = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        let stream = UInt32(header[5]) << 24 | UInt32(header[6]) << 16 | UInt32(header[7]) << 8 | UInt32(header[8])
        return FrameHeader(
            length: bytesLeft,
            type: header[3],
            flags: header[4],
            // The highest bit is reserved.
            stream: Int32(stream & 0x7fff_ffff)
        )
    }
}
