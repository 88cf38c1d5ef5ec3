internal import COpenSSL

/// A digest, fetched from OpenSSL once and kept for the life of the process.
@safe
final class Digest: Sendable {
    static let sha256 = Digest("SHA2-256")
    static let sha384 = Digest("SHA2-384")
    static let sha512 = Digest("SHA2-512")
    static let sha1 = Digest("SHA1")

    /// OpenSSL's name for it.
    let name: String
    /// The length of a hash in bytes.
    let byteCount: Int
    // SAFETY: an `EVP_MD` is immutable once fetched, and this one is never freed: any thread may use it.
    private nonisolated(unsafe) let method: OpaquePointer

    /// Ends the process if OpenSSL lacks the digest, since nothing useful works without it.
    private init(_ name: String) {
        // SAFETY: the name is copied by the call; the method fetched is kept for ever.
        guard let method = unsafe EVP_MD_fetch(nil, name, nil) else {
            fatalError("OpenSSL has no \(name): its configuration (openssl.cnf) must load the default or fips provider")
        }
        self.name = name
        unsafe self.method = method
        byteCount = Int(unsafe EVP_MD_get_size(method))
    }

    func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        withCleanErrorQueue {
            unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { hash, count in
                // SAFETY: the span keeps its memory alive during the closure; `hash` has room for `byteCount` bytes,
                // which is what this digest writes.
                let done = unsafe bytes.withUnsafeBytes { bytes in
                    unsafe EVP_Digest(bytes.baseAddress, bytes.count, hash.baseAddress, nil, method, nil)
                }
                precondition(done == 1, "OpenSSL could not hash: out of memory")
                count = byteCount
            }
        }
    }
}

/// SHA-256 ([FIPS 180-4](https://csrc.nist.gov/pubs/fips/180-4/upd1/final)).
package enum SHA256 {
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] { Digest.sha256.hash(bytes) }
}

/// SHA-1, only for the opening handshake of a WebSocket
/// ([RFC 6455 section 4.2.2](https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2)). It shows that the server has read
/// a key, and protects nothing.
package enum SHA1 {
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] { Digest.sha1.hash(bytes) }
}
