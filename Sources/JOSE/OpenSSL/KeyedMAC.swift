internal import COpenSSL

/// An HMAC key that is set up once ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)).
///
/// The context contains the two padded key blocks already hashed; each MAC uses a copy of it. OpenSSL keeps the secret
/// inside, and wipes it with the context.
//
// SAFETY: `keyed` is written in `init` only. Afterwards it is the source of `EVP_MAC_CTX_dup`, which takes a pointer to
// const and reads it, so threads may do so at the same time.
final class KeyedMAC: @unchecked Sendable {
    /// Fetched once: fetching it for each MAC would double the cost.
    // SAFETY: an `EVP_MAC` is immutable once fetched, and this one is never freed.
    private nonisolated(unsafe) static let method: OpaquePointer = {
        guard let method = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else {
            fatalError("OpenSSL has no HMAC: its configuration (openssl.cnf) must load the default or fips provider")
        }
        return unsafe method
    }()

    private let keyed: Handle
    private let byteCount: Int

    /// - Parameter secret: at least one byte.
    init(secret: Span<UInt8>, digest: Digest) {
        precondition(secret.count > 0, "an HMAC key has at least one byte")
        byteCount = digest.byteCount
        keyed = withCleanErrorQueue {
            // SAFETY: `method` lives for ever; the handle owns the context. The span keeps the secret alive during the
            // call, which copies what it needs.
            guard let context = unsafe Handle(EVP_MAC_CTX_new(KeyedMAC.method), freedBy: EVP_MAC_CTX_free),
                unsafe secret.withUnsafeBufferPointer({ secret in
                    unsafe gateway_EVP_MAC_init_with_digest(
                        context.pointer,
                        secret.baseAddress,
                        secret.count,
                        digest.name
                    )
                }) == 1
            else { fatalError("OpenSSL could not set up HMAC: out of memory") }
            return context
        }
    }

    /// The MAC of a message, as long as the digest.
    func code(for message: Span<UInt8>) -> [UInt8] {
        withCleanErrorQueue {
            unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { code, count in
                // SAFETY: the copy is ours alone and freed by its handle; the span keeps the message alive during the
                // closure; `code` has room for `byteCount` bytes, and its size is given to the call that fills it.
                guard let context = unsafe Handle(EVP_MAC_CTX_dup(keyed.pointer), freedBy: EVP_MAC_CTX_free),
                    unsafe message.withUnsafeBufferPointer({ message in
                        unsafe EVP_MAC_update(context.pointer, message.baseAddress, message.count)
                    }) == 1,
                    unsafe EVP_MAC_final(context.pointer, code.baseAddress, &count, byteCount) == 1,
                    count == byteCount
                else { fatalError("OpenSSL could not compute an HMAC: out of memory") }
            }
        }
    }

    func verifies(_ code: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        guard code.count == byteCount else { return false }
        let expected = self.code(for: message)
        return equalInConstantTime(expected.span, code)
    }
}

/// A secret for HMAC-SHA-256 codes over data that only this process reads back.
package final class MACKey: Sendable {
    private let mac: KeyedMAC

    /// - Parameter secret: at least one byte; use 32 random ones.
    package init(_ secret: [UInt8]) {
        mac = KeyedMAC(secret: secret.span, digest: .sha256)
    }

    /// The MAC of `bytes`: 32 bytes.
    package func code(for bytes: Span<UInt8>) -> [UInt8] { mac.code(for: bytes) }

    /// Whether `code` is the complete MAC of `bytes`. Compares in constant time.
    package func verifies(_ code: Span<UInt8>, of bytes: Span<UInt8>) -> Bool { mac.verifies(code, of: bytes) }
}
