import JOSE

/// Reads `certificate` and `key`, and `ocsp_file` for those shown to clients, which belong together.
struct CertificateReader {
    private(set) var certificatePath: String?
    private(set) var keyPath: String?
    /// `nil` if one of them is missing or faulty.
    private(set) var certifiedKey: CertifiedKey?
    private(set) var ocspPath: String?
    private(set) var ocspResponse: OCSPResponse?
    /// Why the content of the file at `ocspPath` is not sent. No problem: a certificate is as good without it, and is often
    /// renewed before it.
    private(set) var ocspFault: String?

    /// - Parameter isForClients: whether the table has `ocsp_file`.
    init(_ table: TableReader, isForClients: Bool = true) {
        let certificate = table.value("certificate", .file)
        var key = table.value("key", .file)
        defer { key?.wipe() }
        certificatePath = certificate?.path
        keyPath = key?.path
        let ocsp = isForClients ? table.value("ocsp_file", .file) : nil
        ocspPath = ocsp?.path
        if isForClients, table.has("ocsp_file"), !table.has("certificate") {
            table.report("needs certificate and key beside it", at: "ocsp_file")
        }
        guard let certificate, let secret = key?.bytes else { return }
        do throws(CertifiedKey.Fault) {
            certifiedKey = try CertifiedKey(chain: certificate.bytes.span, key: secret.span)
        } catch {
            let (key, text) = error.report(certificatePath: certificate.path)
            table.report(text, at: key)
            return
        }
        guard let ocsp, let certifiedKey else { return }
        do throws(KeyError) {
            ocspResponse = try OCSPResponse(der: ocsp.bytes, for: certifiedKey)
        } catch {
            ocspFault = "\(error)"
        }
    }
}

extension TableReader {
    /// The authorities' certificates in a file; `nil` if a problem was reported.
    func authorities(_ file: NamedFile, at name: String) -> TrustedAuthorities? {
        do throws(KeyError) {
            return try TrustedAuthorities(pem: file.bytes.span)
        } catch {
            report("\(error)", at: name)
            return nil
        }
    }
}
