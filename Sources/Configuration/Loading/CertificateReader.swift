import JOSE

/// Reads `certificate` and `key`, which belong together.
struct CertificateReader {
    private(set) var certificatePath: String?
    private(set) var keyPath: String?
    /// `nil` if one of them is missing or faulty.
    private(set) var certifiedKey: CertifiedKey?

    init(_ table: TableReader) {
        let certificate = table.value("certificate", .file)
        var key = table.value("key", .file)
        defer { key?.wipe() }
        certificatePath = certificate?.path
        keyPath = key?.path
        guard let certificate, let secret = key?.bytes else { return }
        do throws(CertifiedKey.Fault) {
            certifiedKey = try CertifiedKey(chain: certificate.bytes.span, key: secret.span)
        } catch {
            let (key, text) = error.report(certificatePath: certificate.path)
            table.report(text, at: key)
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
