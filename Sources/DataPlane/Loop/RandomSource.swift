import Basics

/// Random words for ids that must be unique but not secret: xoshiro256**, seeded by the system
/// ([Blackman and Vigna, 2018](https://prng.di.unimi.it/)).
struct RandomSource {
    private var s0, s1, s2, s3: UInt64

    init() {
        (s0, s1, s2, s3) = (SystemRandom.word(), SystemRandom.word(), SystemRandom.word(), SystemRandom.word() | 1)
    }

    mutating func next() -> UInt64 {
        let result = Self.rotate(s1 &* 5, by: 7) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = Self.rotate(s3, by: 45)
        return result
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, by count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}
