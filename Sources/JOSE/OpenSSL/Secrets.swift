internal import COpenSSL

/// Whether two byte strings are equal. The time depends only on their lengths.
package func equalInConstantTime(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    guard a.count > 0 else { return true }
    // SAFETY: the spans keep their memory alive during the closures, and both hold `a.count` bytes.
    return unsafe a.withUnsafeBytes { a in
        unsafe b.withUnsafeBytes { b in unsafe CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 }
    }
}

/// Overwrites a secret that is no longer needed. The optimiser cannot remove this.
package func wipe(_ secret: inout [UInt8]) {
    // SAFETY: the array is ours alone for the call, which writes `count` bytes of it.
    unsafe secret.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
}
