internal import COpenSSL

/// An authority's statement that a certificate is not revoked ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)). A
/// server sends it with the certificate, so that clients need not ask the authority
/// ([RFC 6066 section 8](https://www.rfc-editor.org/rfc/rfc6066#section-8)).
package final class OCSPResponse: Sendable, Equatable {
    package let bytes: [UInt8]
    /// When the authority will know better, in seconds since 1970. Clients reject it afterwards.
    package let expiresAt: Int64

    /// - Parameters:
    ///   - der: the response as the authority has sent it.
    ///   - key: the certificate that it must be about, with its issuer's.
    /// - Throws: if it is not a statement that this certificate is good. Its signature is left to clients.
    package init(der: [UInt8], for key: CertifiedKey) throws(KeyError) {
        guard key.chain.count > 1 else {
            throw KeyError(
                "cannot be checked: the certificate's file lacks the issuer's certificate, which comes second"
            )
        }
        expiresAt = try withCleanErrorQueue { () throws(KeyError) in
            try Self.read(der, about: key.leaf, issuer: key.chain[1])
        }
        bytes = der
    }

    package static func == (a: OCSPResponse, b: OCSPResponse) -> Bool { a.bytes == b.bytes }

    /// What is wrong with it at a moment in seconds since 1970.
    package func fault(at now: Int64) -> String? {
        now > expiresAt ? "expired on \(Certificate.day(expiresAt))" : nil
    }

    /// Returns when it expires, in seconds since 1970.
    private static func read(
        _ der: [UInt8],
        about certificate: Certificate,
        issuer: Certificate
    ) throws(KeyError) -> Int64 {
        // SAFETY: OpenSSL reads the array during the call. Handles free what it makes, and keep it alive until then.
        let parsed = unsafe der.withUnsafeBufferPointer { der in
            var next = der.baseAddress
            return unsafe d2i_OCSP_RESPONSE(nil, &next, CLong(der.count))
        }
        guard let response = unsafe Handle(parsed, freedBy: OCSP_RESPONSE_free) else {
            throw KeyError("is no OCSP response in DER")
        }
        guard unsafe OCSP_response_status(response.pointer) == OCSP_RESPONSE_STATUS_SUCCESSFUL,
            let basic = unsafe Handle(OCSP_response_get1_basic(response.pointer), freedBy: OCSP_BASICRESP_free)
        else { throw KeyError("is the answer of an authority that could not answer") }
        // Authorities name the certificate by hashes of its issuer, of one kind or the other.
        for isSHA256 in [false, true] {
            let digest = unsafe isSHA256 ? EVP_sha256() : EVP_sha1()
            let name = unsafe OCSP_cert_to_id(digest, certificate.handle.pointer, issuer.handle.pointer)
            guard let id = unsafe Handle(name, freedBy: OCSP_CERTID_free) else { continue }
            var status: CInt = 0
            var nextUpdate: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            // SAFETY: the call writes to locals; the time belongs to `basic`.
            guard
                unsafe OCSP_resp_find_status(basic.pointer, id.pointer, &status, nil, nil, nil, &nextUpdate) == 1
            else { continue }
            guard status == V_OCSP_CERTSTATUS_GOOD else {
                throw KeyError(
                    status == V_OCSP_CERTSTATUS_REVOKED
                        ? "says that the certificate is revoked: get another certificate"
                        : "says that the authority does not know the certificate"
                )
            }
            return unsafe Certificate.seconds(nextUpdate) ?? .max
        }
        throw KeyError("is about another certificate")
    }
}
