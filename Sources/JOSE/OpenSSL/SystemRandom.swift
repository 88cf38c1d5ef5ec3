internal import COpenSSL

/// Random bytes fit for keys, from OpenSSL's generator, which the kernel seeds.
///
/// Without randomness no session id can be made that nobody guesses, so the process ends if there is none.
package enum SystemRandom {
    package static func bytes(_ count: Int) -> [UInt8] {
        withCleanErrorQueue {
            unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                // SAFETY: the buffer has room for `count` bytes, and the conversion traps if they are too many.
                let done = unsafe RAND_bytes(buffer.baseAddress, CInt(count))
                precondition(done == 1, "OpenSSL has no randomness")
                initialized = count
            }
        }
    }

    package static func word() -> UInt64 {
        withCleanErrorQueue {
            var word: UInt64 = 0
            // SAFETY: the call writes the eight bytes of `word`, which is ours during it.
            let done = unsafe withUnsafeMutableBytes(of: &word) { word in
                unsafe RAND_bytes(word.baseAddress?.assumingMemoryBound(to: UInt8.self), CInt(word.count))
            }
            precondition(done == 1, "OpenSSL has no randomness")
            return word
        }
    }
}
