internal import COpenSSL

/// A private key with its certificate chain, as a TLS server presents it.
//
// SAFETY: `key` is written in `init` only. OpenSSL allows an unmodified `EVP_PKEY` to be used by several
// threads at once (openssl-threads(7)), and counts references to it with atomics.
package final class CertifiedKey: @unchecked Sendable {
    /// The kinds of key. A TLS server may have one certificate of each, and selects by what the client supports.
    package enum Kind: String, Sendable {
        case rsa = "RSA"
        case ecdsa = "ECDSA"
        case ed25519 = "Ed25519"
    }

    /// Which of the two files cannot be used, and why.
    package enum Fault: Error, Equatable {
        case certificate(String)
        case key(String)
        /// The key does not belong to the certificate.
        case mismatch
    }

    package let kind: Kind
    /// The server's own certificate, then those of its issuers.
    package let chain: [Certificate]
    package let key: Handle

    /// - Parameters:
    ///   - chain: certificates in PEM, the server's own first.
    ///   - pem: its private key, not encrypted.
    package init(chain: Span<UInt8>, key pem: Span<UInt8>) throws(Fault) {
        do {
            self.chain = try Certificate.readAll(pem: chain)
        } catch {
            throw .certificate(error.description)
        }
        guard let key = Self.readKey(pem) else {
            throw .key("holds no private key in PEM that OpenSSL can read without a password")
        }
        kind = try Self.kind(of: key)
        let owner = self.chain.firstIndex { certificate in
            // SAFETY: both handles are alive during the call.
            withCleanErrorQueue { unsafe X509_check_private_key(certificate.handle.pointer, key.pointer) } == 1
        }
        guard owner == 0 else {
            throw owner == nil
                ? .mismatch
                : .certificate("must begin with the certificate of the key; it is number \(owner! + 1)")
        }
        self.key = key
    }

    /// The server's own certificate.
    package var leaf: Certificate { chain[0] }

    /// What is wrong with the chain at a moment in seconds since 1970.
    package func fault(at now: Int64) -> String? {
        for (index, certificate) in chain.enumerated() {
            guard let fault = certificate.fault(at: now) else { continue }
            return index == 0 ? fault : "certificate number \(index + 1) of the chain \(fault)"
        }
        return nil
    }

    private static func readKey(_ pem: Span<UInt8>) -> Handle? {
        withCleanErrorQueue {
            // SAFETY: the memory stream reads the span's memory, which outlives it. The callback keeps OpenSSL from
            // asking for a password on the terminal.
            let key = unsafe pem.withUnsafeBufferPointer { pem -> OpaquePointer? in
                guard let count = CInt(exactly: pem.count),
                    let stream = unsafe Handle(BIO_new_mem_buf(pem.baseAddress, count), freedBy: freeStream)
                else { return nil }
                return unsafe PEM_read_bio_PrivateKey(stream.pointer, nil, gateway_no_password, nil)
            }
            return unsafe Handle(key, freedBy: EVP_PKEY_free)
        }
    }

    private static func kind(of key: borrowing Handle) throws(Fault) -> Kind {
        // SAFETY: the handle keeps the key alive.
        let bits = Int(unsafe EVP_PKEY_get_bits(key.pointer))
        if key.isA("RSA") {
            guard bits >= KeyPair.minRSABits else {
                throw .key("the RSA key has \(bits) bits; the minimum is \(KeyPair.minRSABits)")
            }
            guard bits <= KeyPair.maxRSABits else {
                throw .key("the RSA key has \(bits) bits; the maximum is \(KeyPair.maxRSABits)")
            }
            return .rsa
        }
        if key.isA("EC") {
            guard ["prime256v1", "secp384r1", "secp521r1"].contains(key.text(OSSL_PKEY_PARAM_GROUP_NAME)) else {
                throw .key("an elliptic curve key for TLS must be on P-256, P-384 or P-521")
            }
            return .ecdsa
        }
        if key.isA("ED25519") { return .ed25519 }
        throw .key("is of a type that is not supported for TLS: use RSA, ECDSA or Ed25519")
    }
}

/// Certificates of trusted authorities.
package struct TrustedAuthorities: Sendable, Equatable {
    package let certificates: [Certificate]

    /// - Parameter pem: at least one certificate.
    package init(pem: Span<UInt8>) throws(KeyError) {
        certificates = try Certificate.readAll(pem: pem)
    }
}

extension CertifiedKey: Equatable {
    /// Whether both have the same certificates, and therefore the same key.
    package static func == (a: CertifiedKey, b: CertifiedKey) -> Bool { a.chain == b.chain }
}
