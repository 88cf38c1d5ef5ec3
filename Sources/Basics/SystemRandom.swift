/// Random bits fit for keys, from the kernel.
///
/// Ends the process if there is no randomness: session ids would be guessable.
package enum SystemRandom {
    package static func word() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }

    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](capacity: count) { bytes in
            var word: UInt64 = 0
            for index in 0..<count {
                if index % 8 == 0 { word = Self.word() }
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
    }
}
