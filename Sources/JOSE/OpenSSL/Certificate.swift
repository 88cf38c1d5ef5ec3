internal import COpenSSL

/// An X.509 certificate ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280)).
//
// SAFETY: `handle` is written in `init` only. OpenSSL locks what it caches inside a certificate and counts references
// to it with atomics, so several threads may use an unmodified one.
package final class Certificate: @unchecked Sendable, Equatable {
    package let handle: Handle
    /// The whole certificate in DER.
    package let bytes: [UInt8]
    /// Seconds since 1970.
    package let notBefore: Int64
    package let notAfter: Int64

    private init?(_ handle: consuming Handle) {
        // SAFETY: the handle keeps the certificate alive, to which the times belong; the size is asked for first, and
        // the second call writes as much.
        let size = unsafe i2d_X509(handle.pointer, nil)
        guard size > 0,
            let notBefore = unsafe Self.seconds(X509_get0_notBefore(handle.pointer)),
            let notAfter = unsafe Self.seconds(X509_get0_notAfter(handle.pointer))
        else { return nil }
        bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            var next = buffer.baseAddress
            count = max(0, Int(unsafe i2d_X509(handle.pointer, &next)))
        }
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.handle = handle
    }

    package static func == (a: Certificate, b: Certificate) -> Bool { a.bytes == b.bytes }

    /// Reads all certificates of a PEM text. Skips blocks of other kinds.
    package static func readAll(pem: Span<UInt8>) throws(KeyError) -> [Certificate] {
        let found: [Certificate]? = withCleanErrorQueue {
            // SAFETY: the memory stream reads the span's memory, which outlives it.
            unsafe pem.withUnsafeBufferPointer { pem -> [Certificate]? in
                guard let count = CInt(exactly: pem.count),
                    let stream = unsafe Handle(BIO_new_mem_buf(pem.baseAddress, count), freedBy: freeStream)
                else { return nil }
                return Self.readAll(from: stream)
            }
        }
        guard let found else { throw KeyError("holds a certificate that OpenSSL cannot read") }
        guard !found.isEmpty else { throw KeyError("holds no certificate in PEM") }
        return found
    }

    private static func readAll(from stream: borrowing Handle) -> [Certificate]? {
        var found: [Certificate] = []
        while true {
            // SAFETY: the stream lives during the call; the handle frees the certificate that it makes.
            let next = unsafe PEM_read_bio_X509(stream.pointer, nil, gateway_no_password, nil)
            guard let handle = unsafe Handle(next, freedBy: X509_free) else { break }
            guard let certificate = Certificate(handle) else { return nil }
            found.append(certificate)
        }
        // The end of the text is the only expected error.
        return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? found : nil
    }

    /// Whether the certificate is for a host with this name; `*` stands for one whole label.
    package func covers(_ name: String) -> Bool {
        // SAFETY: the name is read during the call only.
        withCleanErrorQueue {
            unsafe X509_check_host(handle.pointer, name, 0, CUnsignedInt(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS), nil)
        } == 1
    }

    /// Its subject and the day on which it expires, for people.
    package var summary: String {
        // SAFETY: OpenSSL writes at most the array's count, with a NUL at the end.
        let subject = withCleanErrorQueue {
            unsafe [CChar](unsafeUninitializedCapacity: 256) { buffer, count in
                let name = unsafe X509_get_subject_name(handle.pointer)
                let text = unsafe X509_NAME_oneline(name, buffer.baseAddress, CInt(buffer.count))
                count = 0
                while unsafe text != nil, unsafe buffer[count] != 0 { count += 1 }
            }
        }
        let text = String(decoding: subject.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(text.isEmpty ? "no subject" : text), expires on \(Self.day(notAfter))"
    }

    /// What is wrong with it at a moment in seconds since 1970.
    package func fault(at now: Int64) -> String? {
        if now > notAfter { return "expired on \(Self.day(notAfter))" }
        if now < notBefore { return "is not valid before \(Self.day(notBefore))" }
        return nil
    }

    /// Seconds since 1970.
    static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var days: CInt = 0
        var seconds: CInt = 0
        // SAFETY: the time belongs to a certificate that the caller keeps alive; the other one is freed here.
        let epoch = unsafe ASN1_TIME_set(nil, 0)
        defer { unsafe ASN1_TIME_free(epoch) }
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
        return Int64(days) * 86400 + Int64(seconds)
    }

    /// `2026-11-22`.
    static func day(_ seconds: Int64) -> String {
        // SAFETY: both are freed here; the text of the second, `20261122…`, belongs to it and is copied.
        let time = unsafe ASN1_TIME_set(nil, time_t(seconds))
        let general = unsafe ASN1_TIME_to_generalizedtime(time, nil)
        defer {
            unsafe ASN1_TIME_free(time)
            unsafe ASN1_GENERALIZEDTIME_free(general)
        }
        guard unsafe ASN1_STRING_length(general) >= 8, let text = unsafe ASN1_STRING_get0_data(general) else {
            return "\(seconds)"
        }
        let digits = unsafe Array(UnsafeBufferPointer(start: text, count: 8))
        return [digits[..<4], digits[4..<6], digits[6...]].map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: "-")
    }
}
