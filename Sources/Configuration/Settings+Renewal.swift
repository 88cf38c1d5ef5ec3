import JOSE

/// Certificates whose files were read again.
package struct CertificateRenewal: Sendable {
    /// The settings with the new certificates.
    package var settings: Settings
    /// What changed: lines that begin with a key.
    package var changes: [String] = []
    /// What cannot be used, and stays as it was: lines that begin with a key.
    package var problems: [String] = []
}

extension Settings {
    /// The files of listeners' certificates, keys and authorities, as the configuration writes their paths.
    package var certificateFiles: [String] {
        listeners.flatMap { listener in
            [listener.certificate, listener.key, listener.clientCAFile].compactMap { $0 }
                + listener.serverNames.flatMap { [$0.certificate, $0.key] }
        }
    }

    /// Reads the files of certificates, keys and authorities again. Whatever cannot be used does not keep the others from
    /// being renewed.
    ///
    /// - Parameter readFile: reads a file by its path in the configuration.
    package func renewingCertificates(readFile: (String) -> Result<[UInt8], FileFault>) -> CertificateRenewal {
        var renewal = CertificateRenewal(settings: self)
        for (index, listener) in listeners.enumerated() {
            let place = "listener[\(index)]"
            if let path = listener.certificate, let keyPath = listener.key, let old = listener.certifiedKey {
                renewal.settings.listeners[index].certifiedKey = renewal.renew(old, place, path, keyPath, readFile)
            }
            if let path = listener.clientCAFile, let old = listener.clientAuthorities {
                renewal.settings.listeners[index].clientAuthorities = renewal.renew(old, place, path, readFile)
            }
            for (number, name) in listener.serverNames.enumerated() {
                guard let old = name.certifiedKey else { continue }
                renewal.settings.listeners[index].serverNames[number].certifiedKey =
                    renewal.renew(old, "\(place).sni[\(number)]", name.certificate, name.key, readFile)
            }
        }
        return renewal
    }
}

extension CertificateRenewal {
    /// The certificate to use from now on.
    fileprivate mutating func renew(
        _ old: CertifiedKey,
        _ place: String,
        _ certificatePath: String,
        _ keyPath: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> CertifiedKey {
        guard let certificate = read("\(place).certificate", certificatePath, readFile),
            var key = read("\(place).key", keyPath, readFile)
        else { return old }
        defer { wipe(&key) }
        do throws(CertifiedKey.Fault) {
            let new = try CertifiedKey(chain: certificate.span, key: key.span)
            // The key belongs to the certificate, so that it is the same too.
            guard new.chain != old.chain else { return old }
            changes.append("\(place).certificate: \(new.leaf.summary): \(certificatePath)")
            return new
        } catch {
            let (name, text) = error.report(certificatePath: certificatePath)
            problems.append("\(place).\(name): \(text)")
            return old
        }
    }

    /// The authorities to trust from now on.
    fileprivate mutating func renew(
        _ old: TrustedAuthorities,
        _ place: String,
        _ path: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> TrustedAuthorities {
        guard let bytes = read("\(place).client_ca_file", path, readFile) else { return old }
        do throws(KeyError) {
            let new = try TrustedAuthorities(pem: bytes.span)
            guard new != old else { return old }
            changes += new.certificates.map { "\(place).client_ca_file: \($0.summary): \(path)" }
            return new
        } catch {
            problems.append("\(place).client_ca_file: \(error)")
            return old
        }
    }

    private mutating func read(
        _ key: String,
        _ path: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> [UInt8]? {
        switch readFile(path) {
        case .success(let bytes): return bytes
        case .failure(let fault):
            problems.append("\(key): \(fault.reason): \(path)")
            return nil
        }
    }
}

extension CertifiedKey.Fault {
    /// The key of the configuration that is at fault, and what to say about it.
    func report(certificatePath: String) -> (key: String, text: String) {
        switch self {
        case .certificate(let reason): ("certificate", reason)
        case .key(let reason): ("key", reason)
        case .mismatch: ("key", "does not match the certificate in \(certificatePath)")
        }
    }
}
