import Basics
internal import COpenSSL

/// Seals data that only this program reads back. Nobody else can read it, or change a byte of it unnoticed.
///
/// Uses AES-256-GCM ([NIST SP 800-38D](https://doi.org/10.6028/NIST.SP.800-38D)) with one key per day, derived from a
/// secret and a purpose. What was sealed for one purpose cannot be opened for another. Nonces are random: a key may
/// seal 2^32 times, or 50,000 times a second for a day, before the chance of a repeated nonce matters.
package final class SealingKey: Sendable {
    // SAFETY: an `EVP_CIPHER` is immutable once fetched, and this one is never freed.
    private nonisolated(unsafe) static let cipher: OpaquePointer = {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
            fatalError("OpenSSL has no AES-GCM: its configuration (openssl.cnf) must load the default or fips provider")
        }
        return unsafe cipher
    }()

    private static let dayBytes = 2
    private static let nonceBytes = 12
    private static let tagBytes = 16

    /// How much longer a seal is than its content, in bytes.
    package static let overhead = dayBytes + nonceBytes + tagBytes

    private let secret: MACKey
    private let purpose: [UInt8]

    /// - Parameters:
    ///   - secret: 32 random bytes.
    ///   - purpose: the kind of content.
    package init(secret: [UInt8], purpose: StaticString) {
        self.secret = MACKey(secret)
        self.purpose = Array("gateway seal: \(purpose)\0".utf8)
    }

    /// Seals `content`.
    ///
    /// - Parameters:
    ///   - day: the day of the key, counted from 1970.
    ///   - holder: whom the seal is for, if it must not open for others. It is authenticated, and no part of the seal.
    /// - Returns: the day in two bytes, the nonce, the ciphertext and the tag.
    package func seal(_ content: Span<UInt8>, day: Int, for holder: [UInt8] = []) -> [UInt8] {
        let day = UInt16(truncatingIfNeeded: day)
        let key = key(of: day)
        let nonce = SystemRandom.bytes(Self.nonceBytes)
        let start = Self.dayBytes + Self.nonceBytes
        return withCleanErrorQueue {
            unsafe [UInt8](unsafeUninitializedCapacity: content.count + Self.overhead) { sealed, count in
                unsafe sealed[0] = UInt8(day >> 8)
                unsafe sealed[1] = UInt8(truncatingIfNeeded: day)
                for index in nonce.indices { unsafe sealed[Self.dayBytes + index] = nonce[index] }
                var length: CInt = 0
                // SAFETY: the handle owns the context. GCM writes as many bytes as it reads, for which `sealed` has room
                // between nonce and tag, and the tag's sixteen after them; the spans and arrays live during the calls.
                guard let context = unsafe Handle(EVP_CIPHER_CTX_new(), freedBy: EVP_CIPHER_CTX_free),
                    unsafe EVP_EncryptInit_ex2(context.pointer, Self.cipher, key, nonce, nil) == 1,
                    unsafe holder.isEmpty
                        || EVP_EncryptUpdate(context.pointer, nil, &length, holder, CInt(holder.count)) == 1,
                    unsafe content.withUnsafeBufferPointer({ content in
                        unsafe EVP_EncryptUpdate(
                            context.pointer,
                            sealed.baseAddress! + start,
                            &length,
                            content.baseAddress,
                            CInt(content.count)
                        )
                    }) == 1,
                    unsafe EVP_EncryptFinal_ex(context.pointer, sealed.baseAddress! + start + content.count, &length)
                        == 1,
                    unsafe EVP_CIPHER_CTX_ctrl(
                        context.pointer,
                        EVP_CTRL_AEAD_GET_TAG,
                        CInt(Self.tagBytes),
                        sealed.baseAddress! + start + content.count
                    ) == 1
                else { fatalError("OpenSSL could not seal: out of memory") }
                count = content.count + Self.overhead
            }
        }
    }

    /// Opens a seal. Returns `nil` unless this program made it for `holder` on one of `days`. Accepts any bytes.
    ///
    /// - Parameter limit: of the seal's length, in bytes. A longer one is not looked at.
    package func open(
        _ sealed: Span<UInt8>,
        days: ClosedRange<Int>,
        upTo limit: Int = 64 << 10,
        for holder: [UInt8] = []
    ) -> [UInt8]? {
        guard sealed.count > Self.overhead, sealed.count <= limit else { return nil }
        let day = UInt16(sealed[0]) << 8 | UInt16(sealed[1])
        guard days.contains(Int(day)) else { return nil }
        let key = key(of: day)
        let (start, end) = (Self.dayBytes + Self.nonceBytes, sealed.count - Self.tagBytes)
        var isWhole = false
        let content = withCleanErrorQueue {
            unsafe [UInt8](unsafeUninitializedCapacity: end - start) { content, count in
                unsafe sealed.withUnsafeBufferPointer { sealed in
                    var length: CInt = 0
                    var rest: CInt = 0
                    // SAFETY: the handle owns the context. Nonce, ciphertext and tag lie in `sealed`, whose length was
                    // checked; as many bytes are written as are read, for which `content` has room. The tag is only read.
                    guard let base = sealed.baseAddress,
                        let context = unsafe Handle(EVP_CIPHER_CTX_new(), freedBy: EVP_CIPHER_CTX_free),
                        unsafe EVP_DecryptInit_ex2(context.pointer, Self.cipher, key, base + Self.dayBytes, nil)
                            == 1,
                        unsafe holder.isEmpty
                            || EVP_DecryptUpdate(context.pointer, nil, &length, holder, CInt(holder.count)) == 1,
                        unsafe EVP_DecryptUpdate(
                            context.pointer,
                            content.baseAddress,
                            &length,
                            base + start,
                            CInt(end - start)
                        ) == 1,
                        unsafe EVP_CIPHER_CTX_ctrl(
                            context.pointer,
                            EVP_CTRL_AEAD_SET_TAG,
                            CInt(Self.tagBytes),
                            UnsafeMutableRawPointer(mutating: base + end)
                        ) == 1,
                        unsafe EVP_DecryptFinal_ex(context.pointer, content.baseAddress! + Int(length), &rest) == 1
                    else { return }
                    isWhole = true
                    count = end - start
                }
            }
        }
        return isWhole ? content : nil
    }

    private func key(of day: UInt16) -> [UInt8] {
        let label = purpose + [UInt8(day >> 8), UInt8(truncatingIfNeeded: day)]
        return secret.code(for: label.span)
    }
}
