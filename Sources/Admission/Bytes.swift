/// Whether two runs of bytes are equal; time depends on where they differ, so not for secrets.
///
/// Whole blocks are compared without an early exit inside them, which the compiler turns into vector code.
func equalBytes(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    let count = a.count
    guard b.count == count else { return false }
    var start = 0
    while start + 32 <= count {
        let left = a.extracting(start..<start + 32)
        let right = b.extracting(start..<start + 32)
        var difference: UInt8 = 0
        for index in 0..<32 { difference |= left[index] ^ right[index] }
        if difference != 0 { return false }
        start += 32
    }
    while start < count {
        if a[start] != b[start] { return false }
        start += 1
    }
    return true
}

/// Whether two texts are the same octets. `==` on `String` also calls different octets equal (canonical equivalence).
func sameOctets(_ a: String, _ b: String) -> Bool {
    equalBytes(a.utf8Span.span, b.utf8Span.span)
}

/// Both halves of the 128-bit product, folded into one word: the mixing step of every hash in this module.
@inline(__always)
func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}
