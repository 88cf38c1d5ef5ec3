internal import COpenSSL

/// An OpenSSL key for one algorithm: a public half, optionally with its private half.
//
// SAFETY: `key` and `verifier` are written in `init` only. OpenSSL allows an unmodified `EVP_PKEY` to be used
// by several threads at once (openssl-threads(7)), and counts references to it with atomics. `verifier` is the source
// of `EVP_MD_CTX_copy_ex`, which takes a pointer to const and reads it.
final class KeyPair: @unchecked Sendable {
    let key: Handle
    let algorithm: Algorithm
    let isPrivate: Bool
    /// The approximate CPU time of a check in microseconds, as measured with OpenSSL 3.0 on a slow processor.
    let checkCost: Int
    /// A context set up to verify, which is only copied: copying is cheaper than letting OpenSSL look everything up
    /// again.
    private let verifier: Handle

    /// - Parameter key: an `EVP_PKEY`. It is refused unless it has the type, curve and size that `algorithm` needs.
    init(_ key: consuming Handle, algorithm: Algorithm, isPrivate: Bool) throws(KeyError) {
        try KeyPair.check(key, for: algorithm)
        verifier = try withCleanErrorQueue { () throws(KeyError) in
            // SAFETY: the function is one of the two that `context` is written for.
            try unsafe KeyPair.context(for: key, algorithm, EVP_DigestVerifyInit_ex)
        }
        // SAFETY: the handle keeps the key alive.
        checkCost = Self.checkCost(of: algorithm, bits: Int(unsafe EVP_PKEY_get_bits(key.pointer)))
        self.key = key
        self.algorithm = algorithm
        self.isPrivate = isPrivate
    }

    // MARK: Signatures

    func verifies(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        guard algorithm.curve != nil else { return verifies(native: signature, of: message) }
        guard let der = ECDSASignature.der(fromJWS: signature, half: halfSize) else { return false }
        return verifies(native: der.span, of: message)
    }

    private func verifies(native signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        withCleanErrorQueue {
            // SAFETY: the copy is ours alone and freed by its handle; the spans keep their memory alive during the
            // closures, and each pointer goes with its span's count.
            guard let context = unsafe Handle(EVP_MD_CTX_new(), freedBy: EVP_MD_CTX_free),
                unsafe EVP_MD_CTX_copy_ex(context.pointer, verifier.pointer) == 1
            else { return false }
            return unsafe signature.withUnsafeBufferPointer { signature in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe EVP_DigestVerify(
                        context.pointer,
                        signature.baseAddress,
                        signature.count,
                        message.baseAddress,
                        message.count
                    )
                }
            } == 1
        }
    }

    func sign(_ message: Span<UInt8>) throws(KeyError) -> [UInt8] {
        guard isPrivate else { throw KeyError("a public key cannot sign") }
        let native = try withCleanErrorQueue { () throws(KeyError) in
            // SAFETY: the function is one of the two that `context` is written for, and the context is ours alone.
            // `size` bytes, the most that this key needs, are set aside; the call is told so, and sets the size to
            // what it wrote. The span keeps the message alive meanwhile.
            let context = try unsafe KeyPair.context(for: key, algorithm, EVP_DigestSignInit_ex)
            var size = Int(unsafe EVP_PKEY_get_size(key.pointer))
            var signature = [UInt8](repeating: 0, count: size)
            let done = unsafe signature.withUnsafeMutableBufferPointer { signature in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe EVP_DigestSign(
                        context.pointer,
                        signature.baseAddress,
                        &size,
                        message.baseAddress,
                        message.count
                    )
                }
            }
            guard done == 1 else { throw KeyError("OpenSSL could not sign with the \(algorithm.rawValue) key") }
            signature.removeSubrange(size...)
            return signature
        }
        guard algorithm.curve != nil else { return native }
        guard let signature = ECDSASignature.jws(fromDER: native.span, half: halfSize) else {
            throw KeyError("OpenSSL made an invalid signature")
        }
        return signature
    }

    private static func checkCost(of algorithm: Algorithm, bits: Int) -> Int {
        switch algorithm.curve {
        case .p256: 150
        case .p384, .p521: 1500
        case nil: algorithm == .eddsa ? 200 : 50 * (bits / 1024) * (bits / 1024) / 4
        }
    }

    /// The length of R, and of S, in bytes.
    private var halfSize: Int { algorithm.curve?.byteCount ?? 0 }

    // MARK: Set-up

    private typealias Initialize = (
        OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>?, UnsafePointer<CChar>?, OpaquePointer?,
        UnsafePointer<CChar>?, OpaquePointer?, UnsafePointer<OSSL_PARAM>?
    ) -> CInt

    /// Sets up a context to sign or verify. For RSASSA-PSS the salt is as long as the digest, and the mask uses the
    /// same digest ([RFC 7518, section 3.5](https://www.rfc-editor.org/rfc/rfc7518#section-3.5)).
    private static func context(
        for key: borrowing Handle,
        _ algorithm: Algorithm,
        _ initialize: Initialize
    ) throws(KeyError) -> Handle {
        // SAFETY: `parameters` belongs to the context, which counts a reference to the key; the names are copied.
        var parameters: OpaquePointer?
        guard let context = unsafe Handle(EVP_MD_CTX_new(), freedBy: EVP_MD_CTX_free),
            unsafe initialize(context.pointer, &parameters, algorithm.digest?.name, nil, nil, key.pointer, nil) == 1
        else { throw KeyError("OpenSSL cannot use the key with \(algorithm.rawValue)") }
        if algorithm.family == .rsaPSS {
            guard unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, algorithm.digest?.name, nil) == 1
            else { throw KeyError("the RSA-PSS key does not allow \(algorithm.rawValue)") }
        }
        return context
    }
}
