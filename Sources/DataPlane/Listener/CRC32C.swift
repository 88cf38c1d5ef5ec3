/// The checksum CRC-32C ([RFC 9260 appendix A](https://www.rfc-editor.org/rfc/rfc9260#appendix-A)).
struct CRC32C {
    private var state = UInt32.max

    /// What four bits do to the state, for the reflected polynomial 0x82f63b78.
    private static let table: [UInt32] = [
        0x0000_0000, 0x105e_c76f, 0x20bd_8ede, 0x30e3_49b1, 0x417b_1dbc, 0x5125_dad3, 0x61c6_9362, 0x7198_540d,
        0x82f6_3b78, 0x92a8_fc17, 0xa24b_b5a6, 0xb215_72c9, 0xc38d_26c4, 0xd3d3_e1ab, 0xe330_a81a, 0xf36e_6f75,
    ]

    mutating func add(_ byte: UInt8) {
        state ^= UInt32(byte)
        for _ in 0..<2 { state = state >> 4 ^ Self.table[Int(state & 0xf)] }
    }

    /// The checksum of the bytes so far.
    var value: UInt32 { ~state }
}
