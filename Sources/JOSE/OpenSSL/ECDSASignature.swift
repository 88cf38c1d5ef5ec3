internal import COpenSSL

/// The two forms of an ECDSA signature. JWS concatenates R and S, each as long as a coordinate
/// ([RFC 7518, section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)); OpenSSL reads and writes DER.
enum ECDSASignature {
    /// Converts to DER. Returns `nil` unless there are exactly two halves and neither is zero.
    ///
    /// With a zero, the check would succeed for any message in a library that does not test for it ("psychic
    /// signatures", CVE-2022-21449). OpenSSL tests for it too, and refuses numbers not smaller than the curve's order.
    static func der(fromJWS signature: Span<UInt8>, half: Int) -> [UInt8]? {
        guard signature.count == 2 * half, !isZero(signature.extracting(..<half)),
            !isZero(signature.extracting(half...))
        else { return nil }
        return withCleanErrorQueue {
            unsafe signature.withUnsafeBufferPointer { bytes in
                // SAFETY: both reads stay within the `2 * half` bytes that the span keeps alive. `ECDSA_SIG_set0` takes
                // the numbers over when it succeeds, which it does for any two that are not null.
                guard let start = bytes.baseAddress,
                    let pair = unsafe Handle(ECDSA_SIG_new(), freedBy: ECDSA_SIG_free),
                    let r = unsafe BN_bin2bn(start, CInt(half), nil)
                else { return nil }
                guard let s = unsafe BN_bin2bn(start + half, CInt(half), nil) else {
                    unsafe BN_free(r)
                    return nil
                }
                guard unsafe ECDSA_SIG_set0(pair.pointer, r, s) == 1 else {
                    unsafe BN_free(r)
                    unsafe BN_free(s)
                    return nil
                }
                // SAFETY: the first call tells the size; the second writes that many bytes and moves the pointer.
                let size = unsafe i2d_ECDSA_SIG(pair.pointer, nil)
                guard size > 0 else { return nil }
                return unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { der, count in
                    var end = der.baseAddress
                    count = Int(unsafe i2d_ECDSA_SIG(pair.pointer, &end))
                }
            }
        }
    }

    /// Converts from DER. Returns `nil` if `der` is not a signature, or if its numbers are longer than half of the JWS
    /// form.
    static func jws(fromDER der: Span<UInt8>, half: Int) -> [UInt8]? {
        withCleanErrorQueue {
            unsafe der.withUnsafeBufferPointer { der in
                // SAFETY: the call reads at most `count` bytes from the span's memory; the handle owns what it makes. R
                // and S belong to it and live as long.
                var start = der.baseAddress
                guard let pair = unsafe Handle(d2i_ECDSA_SIG(nil, &start, der.count), freedBy: ECDSA_SIG_free)
                else { return nil }
                var signature = [UInt8](repeating: 0, count: 2 * half)
                // SAFETY: each call writes exactly `half` bytes, or none if the number is longer.
                let done = unsafe signature.withUnsafeMutableBufferPointer { signature in
                    unsafe BN_bn2binpad(ECDSA_SIG_get0_r(pair.pointer), signature.baseAddress, CInt(half)) == half
                        && BN_bn2binpad(
                            ECDSA_SIG_get0_s(pair.pointer),
                            signature.baseAddress.map { unsafe $0 + half },
                            CInt(half)
                        ) == half
                }
                return done ? signature : nil
            }
        }
    }

    private static func isZero(_ number: Span<UInt8>) -> Bool {
        number.indices.allSatisfy { number[$0] == 0 }
    }
}
