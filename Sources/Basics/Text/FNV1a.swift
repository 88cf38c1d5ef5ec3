/// A 64-bit hash that is the same in every process, unlike `Hasher`
/// ([FNV-1a](https://datatracker.ietf.org/doc/draft-eastlake-fnv/)). Anybody can find texts with the same hash.
package enum FNV1a {
    package static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash = start
        for byte in bytes { add(byte, to: &hash) }
        return hash
    }

    static let start: UInt64 = 0xcbf2_9ce4_8422_2325

    static func add(_ byte: UInt8, to hash: inout UInt64) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
