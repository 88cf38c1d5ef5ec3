/// Folds both halves of the 128-bit product into one word. This is the mixing step of every hash in this module.
@inline(__always)
func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}
