internal import COpenSSL

extension KeyPair {
    /// Reads a PEM block of a public or private key.
    static func reading(pem: Span<UInt8>, algorithm: Algorithm, isPrivate: Bool) throws(KeyError) -> KeyPair {
        let key = withCleanErrorQueue { () -> Handle? in
            // SAFETY: the memory stream reads the span's memory, which outlives it; its handle frees the stream but
            // not the memory. The callback keeps OpenSSL from asking for a password on the terminal.
            let key = unsafe pem.withUnsafeBufferPointer { pem -> OpaquePointer? in
                guard let count = CInt(exactly: pem.count),
                    let stream = unsafe Handle(BIO_new_mem_buf(pem.baseAddress, count), freedBy: freeStream)
                else { return nil }
                return isPrivate
                    ? unsafe PEM_read_bio_PrivateKey(stream.pointer, nil, gateway_no_password, nil)
                    : unsafe PEM_read_bio_PUBKEY(stream.pointer, nil, gateway_no_password, nil)
            }
            return unsafe Handle(key, freedBy: EVP_PKEY_free)
        }
        guard let key else {
            throw KeyError("the PEM block contains no key that OpenSSL can read, or an encrypted one")
        }
        return try KeyPair(checking: key, algorithm: algorithm, isPrivate: isPrivate)
    }

    /// Reads a SubjectPublicKeyInfo or a PKCS #8 structure.
    static func reading(der: Span<UInt8>, algorithm: Algorithm, isPrivate: Bool) throws(KeyError) -> KeyPair {
        let key = withCleanErrorQueue { () -> Handle? in
            // SAFETY: the calls read at most `count` bytes of the span's memory, which it keeps alive during the
            // closure; the handle frees the key that they make.
            let key = unsafe der.withUnsafeBufferPointer { der -> OpaquePointer? in
                var next = der.baseAddress
                return isPrivate
                    ? unsafe d2i_AutoPrivateKey(nil, &next, der.count) : unsafe d2i_PUBKEY(nil, &next, der.count)
            }
            return unsafe Handle(key, freedBy: EVP_PKEY_free)
        }
        guard let key else { throw KeyError("its numbers do not form a valid key") }
        return try KeyPair(checking: key, algorithm: algorithm, isPrivate: isPrivate)
    }

    /// The private half in PKCS #8 PEM.
    func privatePEM() throws(KeyError) -> [UInt8] {
        guard isPrivate else { throw KeyError("there is no private key to write") }
        return try withCleanErrorQueue { () throws(KeyError) in
            // SAFETY: the handle owns the stream, whose memory is wiped when it goes.
            guard let stream = unsafe Handle(BIO_new(BIO_s_secmem()), freedBy: freeStream),
                unsafe PEM_write_bio_PKCS8PrivateKey(stream.pointer, key.pointer, nil, nil, 0, nil, nil) == 1
            else { throw KeyError("OpenSSL could not write the private key") }
            let size = unsafe BIO_ctrl_pending(stream.pointer)
            return unsafe [UInt8](unsafeUninitializedCapacity: size) { pem, count in
                // SAFETY: the buffer has room for `size` bytes, and the call reads no more.
                count = max(0, Int(unsafe BIO_read(stream.pointer, pem.baseAddress, CInt(size))))
            }
        }
    }

    /// Whether `bytes` are exactly one public key or certificate in DER.
    static func isPublicDER(_ bytes: Span<UInt8>) -> Bool {
        withCleanErrorQueue {
            unsafe bytes.withUnsafeBufferPointer { bytes in
                guard let start = bytes.baseAddress else { return false }
                // SAFETY: each call reads at most `count` bytes from `next` on, and moves it past what it read; the
                // handles free what they make.
                let end = unsafe start + bytes.count
                var next: UnsafePointer<UInt8>? = unsafe start
                if unsafe Handle(d2i_PUBKEY(nil, &next, bytes.count), freedBy: EVP_PKEY_free) != nil {
                    return unsafe next == end
                }
                unsafe next = unsafe start
                let pkcs1 = unsafe d2i_PublicKey(EVP_PKEY_RSA, nil, &next, bytes.count)
                if unsafe Handle(pkcs1, freedBy: EVP_PKEY_free) != nil { return unsafe next == end }
                unsafe next = unsafe start
                if unsafe Handle(d2i_X509(nil, &next, bytes.count), freedBy: X509_free) != nil {
                    return unsafe next == end
                }
                return false
            }
        }
    }
}

/// `BIO_free` without its result, which is meaningless for a memory stream.
func freeStream(_ stream: OpaquePointer?) {
    // SAFETY: called by the handle that owns the stream.
    unsafe _ = BIO_free(stream)
}
